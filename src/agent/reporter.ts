import { hash } from "node:crypto";
import type { Clock, Log } from "../scores/context.ts";
import type { AgentId } from "../wire/keys.ts";
import { type AgentStatus, readDocument, writeDocument } from "../wire/status.ts";
import type { Found, Store } from "../wire/store.ts";
import { ToldStatus } from "../wire/told-status.ts";
import { holds, type Start } from "./presence.ts";
import { cut } from "./status-document.ts";

/** The start that a status tells of. */
const startOf = ({ epoch, agent }: ToldStatus): Start => ({ epoch, bootId: agent.bootId });

/** Status writes that may follow each other at once; after them one a second. */
const BURST = 5;
const REFILL_MS = 1000;
const RETRY_MS = 1000;

export interface ReporterParts {
  readonly store: Store;
  readonly agentId: AgentId;
  readonly clock: Clock;
  readonly log: Log;
  /** The status as it is now. */
  readonly status: () => AgentStatus;
  /** Another agent has this id, and holds. */
  readonly onFenced: (epoch: number) => void;
}

/**
 * Gets the status into `actual-state` by compare-and-set: never lost, tried until stored or superseded by a newer one,
 * and coalesced.
 */
export class Reporter {
  readonly #parts: ReporterParts;
  #revision: number | null = null;
  #dirty = false;
  #running = false;
  #stopped = false;
  #tokens = BURST;
  #refilledAt: number;
  #wake: (() => void) | null = null;
  #later: (() => void) | null = null;
  /** The hash of what the key holds, as far as is known: the same again is not written. */
  #stored: string | null = null;
  /** The start that was told of last; null before the first. Asking for the status would count as telling it. */
  #told: Start | null = null;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
    this.#refilledAt = parts.clock.monotonicMs();
  }

  /** What the key held when this agent took its epoch; from here on this agent writes it. */
  begin(revision: number): void {
    this.#revision = revision;
    if (this.#dirty) this.#run();
  }

  /** The key lost what was written: the next report counts even if it says the same. */
  forgetStored(): void {
    this.#stored = null;
  }

  /**
   * Looks whether the key still holds what was stored, and writes it again where it does not. Compare-and-set alone does
   * not tell: a store that lost its data counts revisions anew, so that another start's write can hit the number it expects.
   */
  async verify(): Promise<void> {
    const { store, agentId } = this.#parts;
    if (this.#revision === null || this.#stopped) return;
    const found = await store.get("actual-state", agentId);
    if (found._tag === "Unreachable" || this.#stopped || this.#isFencedBy(found)) return;
    const revision = found._tag === "Absent" ? 0 : found.revision;
    // A write that is under way finds out for itself.
    if (revision === this.#revision || this.#running) return;
    this.forgetStored();
    this.report(true);
  }

  /** The status changed. `urgent`: nothing more is coming for now; else it may wait for a second. Before `begin` it only waits. */
  report(urgent: boolean): void {
    this.#dirty = true;
    if (urgent) {
      this.#wake?.();
      this.#run();
    } else {
      this.#later ??= this.#parts.clock.after(REFILL_MS, () => this.#run());
    }
  }

  /** The connection is back: what waits is tried at once. */
  retryNow(): void {
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#later?.();
    this.#wake?.();
  }

  #run(): void {
    this.#later?.();
    this.#later = null;
    if (this.#running || this.#revision === null || this.#stopped) return;
    this.#running = true;
    void this.#write()
      .catch((bug: unknown) => this.#parts.log("a bug of the reporter", { bug: String(bug) }))
      .finally(() => {
        this.#running = false;
        // Something may have been told between the last look and now.
        if (this.#dirty) this.#run();
      });
  }

  async #write(): Promise<void> {
    while (this.#dirty && !this.#stopped) {
      // At once where there is one: whoever shipped a manifest waits for this, and other work is queued behind it.
      if (!this.#hasToken()) await this.#untilToken();
      if (this.#stopped) return;
      this.#dirty = false;
      const result = await this.#store();
      if (result === "stored") continue;
      this.#dirty = true;
      if (result === "later") await this.#pause(RETRY_MS);
    }
  }

  async #store(): Promise<"stored" | "again" | "later"> {
    const { store, agentId, log, status } = this.#parts;
    const document = status();
    this.#told = startOf(document);
    const text = JSON.stringify(document);
    const sha256 = hash("sha256", text);
    if (sha256 === this.#stored) return "stored";
    for (const how of ["whole", "details", "texts"] as const) {
      const bytes = how === "whole" ? Buffer.from(text) : writeDocument(cut(document, how));
      const written = await store.put("actual-state", agentId, bytes, { expect: this.#revision ?? 0 });
      if (written._tag === "TooLarge") {
        log("the status is too large for the server and is cut", { bytes: written.bytes, limit: written.limit });
        continue;
      }
      if (written._tag === "Written") {
        this.#revision = written.revision;
        this.#stored = sha256;
        return "stored";
      }
      const told = await this.#readBack(bytes);
      if (told === "stored") this.#stored = sha256;
      return told;
    }
    log("the status cannot be cut small enough for the server", {});
    return "stored";
  }

  /** The key moved on, or an answer was lost: what the key holds tells on top of what to write again. */
  async #readBack(bytes: Uint8Array): Promise<"stored" | "again" | "later"> {
    const { store, agentId } = this.#parts;
    const found = await store.get("actual-state", agentId);
    if (found._tag === "Unreachable") return "later";
    this.#revision = found._tag === "Absent" ? 0 : found.revision;
    if (found._tag === "Value" && Buffer.compare(found.value, bytes) === 0) return "stored";
    this.#isFencedBy(found);
    return "again";
  }

  /** Whether another start with this id has written it, and holds. */
  #isFencedBy(found: Found): boolean {
    const read = found._tag === "Value" ? readDocument(ToldStatus, found.value) : null;
    if (read?._tag !== "Read" || this.#told === null || !holds(startOf(read.document), this.#told)) return false;
    this.#stopped = true;
    this.#parts.onFenced(read.document.epoch);
    return true;
  }

  #hasToken(): boolean {
    const { clock } = this.#parts;
    const refilled = Math.floor((clock.monotonicMs() - this.#refilledAt) / REFILL_MS);
    if (refilled > 0) {
      this.#tokens = Math.min(BURST, this.#tokens + refilled);
      this.#refilledAt += refilled * REFILL_MS;
    }
    if (this.#tokens === 0) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Until the next one comes, which is taken. */
  async #untilToken(): Promise<void> {
    const { clock } = this.#parts;
    const due = this.#refilledAt + REFILL_MS;
    // The clock is read once a round: a timer takes no time that has passed since.
    const left = (): number => due - clock.monotonicMs();
    for (let ms = left(); ms > 0 && !this.#stopped; ms = left()) await this.#pause(ms);
    this.#refilledAt = due;
  }

  /** Waits, but not when something urgent comes. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        this.#wake = null;
        resolve();
      };
      const cancel = this.#parts.clock.after(ms, wake);
      this.#wake = wake;
    });
  }
}
