import type { Clock, Log } from "../scores/context.ts";
import type { AgentId } from "../wire/keys.ts";
import { AgentStatus, type CapabilitiesDocument, Heartbeat, readDocument, writeDocument } from "../wire/status.ts";
import type { Store } from "../wire/store.ts";
import { VERSION } from "../wire/version.ts";

export const HEARTBEAT_MS = 10_000;

export interface PresenceParts {
  readonly store: Store;
  readonly agentId: AgentId;
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly capabilities: CapabilitiesDocument;
  readonly observedGeneration: () => number;
  readonly onFenced: (epoch: number) => void;
}

/** What taking an epoch found in the agent's own keys. */
export interface Taken {
  readonly epoch: number;
  /** The status that an earlier start left, or null. */
  readonly before: AgentStatus | null;
  /** Of the status key, 0 where it holds nothing: what the next write of it expects. */
  readonly statusRevision: number;
}

/**
 * That this agent is alive, and that it is the only one with its id. Each start takes an epoch one above the highest that
 * it finds; of two agents the one with the higher epoch holds, and the other learns of it when its next compare-and-set
 * on the heartbeat fails.
 */
export class Presence {
  readonly #parts: PresenceParts;
  readonly #startedAt: number;
  #epoch = 0;
  #sequence = 0;
  #revision = 0;
  #cancel: (() => void) | null = null;
  #stopped = false;

  constructor(parts: PresenceParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.monotonicMs();
  }

  /** 0 until one was taken. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Takes an epoch by writing the first heartbeat. Null: the store could not be reached, or somebody else was faster; try again. */
  async take(): Promise<Taken | null> {
    const { store, agentId, log } = this.#parts;
    const [heart, status] = await Promise.all([store.get("heartbeat", agentId), store.get("actual-state", agentId)]);
    if (heart._tag === "Unreachable" || status._tag === "Unreachable") return null;
    const beat = heart._tag === "Value" ? readDocument(Heartbeat, heart.value) : null;
    const told = status._tag === "Value" ? readDocument(AgentStatus, status.value) : null;
    if (told?._tag === "Unreadable") log("the agent's own status cannot be read and is written anew", { message: told.message });
    const before = told?._tag === "Read" ? told.document : null;
    const epoch = 1 + Math.max(before?.epoch ?? 0, beat?._tag === "Read" ? beat.document.epoch : 0);
    const expect = heart._tag === "Absent" ? 0 : heart.revision;
    const written = await store.put("heartbeat", agentId, writeDocument(this.#beat(epoch)), { expect });
    if (written._tag !== "Written" || this.#stopped) return null;
    this.#epoch = epoch;
    this.#revision = written.revision;
    this.#schedule();
    await this.publishCapabilities();
    return { epoch, before, statusRevision: status._tag === "Absent" ? 0 : status.revision };
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #schedule(): void {
    if (!this.#stopped) this.#cancel = this.#parts.clock.after(HEARTBEAT_MS, () => void this.#next());
  }

  async #next(): Promise<void> {
    const { store, agentId } = this.#parts;
    const beat = writeDocument(this.#beat(this.#epoch));
    const written = await store.put("heartbeat", agentId, beat, { expect: this.#revision, timeoutMs: HEARTBEAT_MS / 2 });
    if (written._tag === "Written") this.#revision = written.revision;
    else if (written._tag !== "TooLarge") await this.#readBack();
    this.#schedule();
  }

  /** Either an answer was lost, or somebody else beats in this key. */
  async #readBack(): Promise<void> {
    const { store, agentId, onFenced } = this.#parts;
    const found = await store.get("heartbeat", agentId, { timeoutMs: HEARTBEAT_MS / 2 });
    if (found._tag === "Unreachable") return;
    this.#revision = found._tag === "Absent" ? 0 : found.revision;
    const read = found._tag === "Value" ? readDocument(Heartbeat, found.value) : null;
    if (read?._tag === "Read" && read.document.epoch > this.#epoch && !this.#stopped) {
      this.stop();
      onFenced(read.document.epoch);
    }
  }

  #beat(epoch: number): Heartbeat {
    const { agentId, bootId, clock, observedGeneration } = this.#parts;
    this.#sequence += 1;
    return {
      agentId,
      bootId,
      epoch,
      sequence: this.#sequence,
      uptimeMs: Math.round(clock.monotonicMs() - this.#startedAt),
      agentVersion: VERSION,
      observedGeneration: observedGeneration(),
      at: clock.now().toISOString(),
    };
  }

  /** Sees to it that the key in `capabilities` says what this agent offers. */
  async publishCapabilities(): Promise<void> {
    const { store, agentId, capabilities, log } = this.#parts;
    const bytes = writeDocument(capabilities);
    const found = await store.get("capabilities", agentId);
    if (found._tag === "Value" && Buffer.compare(found.value, bytes) === 0) return;
    const written = await store.put("capabilities", agentId, bytes);
    if (written._tag !== "Written") log("the capabilities could not be published", { ...written });
  }
}
