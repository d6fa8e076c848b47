import { readDocument } from "../../wire/status.ts";
import { Rollout, type RolloutDevice, type RolloutId, type RolloutStop } from "../../wire/rollout.ts";
import { type CallOptions, ROLLOUTS, type Unreachable } from "../../wire/store.ts";
import type { FleetParts } from "../parts.ts";
import { Bell, pause } from "../waiting.ts";

/** Whoever runs a roll-out writes this often that it does. */
const RENEW_MS = 5_000;
/** A lease that was not written anew for so long is nobody's any more. */
export const LEASE_MS = 15_000;
/** What has changed is written this much later, with what changes meanwhile. */
const GATHER_MS = 250;
const AGAIN_AFTER_MS = 500;

export type ReadRollout =
  | { readonly _tag: "Rollout"; readonly rollout: Rollout; readonly revision: number }
  | { readonly _tag: "Unknown" }
  | { readonly _tag: "Unreadable"; readonly message: string };

export async function readRollout(
  { store }: Pick<FleetParts, "store">,
  id: RolloutId,
  call: CallOptions = {},
): Promise<ReadRollout | Unreachable> {
  const found = await store.get(ROLLOUTS, id, call);
  if (found._tag === "Unreachable") return found.reason === "NoBucket" ? { _tag: "Unknown" } : found;
  if (found._tag !== "Value") return { _tag: "Unknown" };
  const read = readDocument(Rollout, found.value);
  return read._tag === "Read" ? { _tag: "Rollout", rollout: read.document, revision: found.revision } : read;
}

export const writeRollout = (rollout: Rollout): Uint8Array => new TextEncoder().encode(JSON.stringify(rollout));

/** Why whoever ran a roll-out must not go on with it. */
export type Halt =
  /** Somebody has asked it to stop. */
  | { readonly _tag: "Asked" }
  /** Somebody else runs it now. */
  | { readonly _tag: "TakenOver" }
  /** How it stands cannot be written, so that somebody else may run it by now. */
  | { readonly _tag: "Unreachable"; readonly unreachable: Unreachable };

/**
 * A roll-out that this process runs: what it learns is gathered and written by compare-and-set, and with it that it still
 * runs. Whoever finds another lease in the key, or cannot write for as long as one lasts, stops: {@link halted} fires.
 */
export class RolloutRecord {
  readonly #parts: FleetParts;
  readonly #token: string;
  readonly #bell: Bell;
  readonly #halt = new AbortController();
  readonly #closing = new AbortController();
  readonly #unsubscribe: () => void;
  #rollout: Rollout;
  #revision: number;
  #dirty = false;
  #why: Halt | null = null;
  #writtenAt: number;
  readonly #writing: Promise<void>;

  constructor(parts: FleetParts, rollout: Rollout, revision: number) {
    this.#parts = parts;
    this.#rollout = rollout;
    this.#revision = revision;
    this.#token = rollout.lease?.token ?? "";
    this.#bell = new Bell(parts.clock);
    this.#writtenAt = parts.clock.monotonicMs();
    this.#unsubscribe = parts.store.onChange(ROLLOUTS, rollout.id, this.#bell.ring);
    this.#writing = this.#keep();
  }

  get rollout(): Rollout {
    return this.#rollout;
  }

  get halted(): AbortSignal {
    return this.#halt.signal;
  }

  get why(): Halt | null {
    return this.#why;
  }

  device(id: string, change: Partial<RolloutDevice>): void {
    const before = this.#rollout.devices[id];
    if (before === undefined) return;
    const at = this.#parts.clock.now().toISOString();
    this.#change({ devices: { ...this.#rollout.devices, [id]: { ...before, at, ...change } } });
  }

  wave(wave: number): void {
    this.#change({ wave });
  }

  /** Ends it, for good or until somebody goes on with it, and lets go of the lease. Resolves once that is written, or cannot be. */
  async end(state: "Done" | "Stopped", stop: RolloutStop | null): Promise<void> {
    this.#closing.abort();
    await this.#writing;
    this.#unsubscribe();
    if (this.#why?._tag === "TakenOver") return;
    this.#change({ state, stop, stopAsked: false, lease: null });
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const written = await this.#write();
      if (written !== "Again") return;
      await pause(this.#parts.clock, AGAIN_AFTER_MS, new AbortController().signal);
    }
  }

  #change(change: Partial<Rollout>): void {
    this.#rollout = { ...this.#rollout, ...change };
    this.#dirty = true;
    this.#bell.ring();
  }

  async #keep(): Promise<void> {
    const { clock } = this.#parts;
    const over = this.#closing.signal;
    while (!over.aborted && this.#why === null) {
      await this.#bell.next(RENEW_MS, over);
      if (over.aborted) return;
      await pause(clock, GATHER_MS, over);
      if (!this.#dirty) await this.#look();
      const isDue = clock.monotonicMs() - this.#writtenAt >= RENEW_MS - GATHER_MS;
      if (this.#why === null && (this.#dirty || isDue)) {
        const written = await this.#write();
        if (written === "Again") {
          await pause(clock, AGAIN_AFTER_MS, over);
          this.#bell.ring();
        }
      }
    }
  }

  async #look(): Promise<void> {
    const found = await readRollout(this.#parts, this.#rollout.id, { timeoutMs: RENEW_MS });
    if (found._tag !== "Unreachable") this.#accept(found);
  }

  async #write(): Promise<"Written" | "Again" | "Halted"> {
    const { store, clock } = this.#parts;
    const now = clock.now().toISOString();
    const { lease } = this.#rollout;
    const writing = lease === null ? this.#rollout : { ...this.#rollout, lease: { ...lease, at: now } };
    this.#dirty = false;
    const written = await store.put(ROLLOUTS, this.#rollout.id, writeRollout(writing), {
      expect: this.#revision,
      timeoutMs: RENEW_MS,
    });
    switch (written._tag) {
      case "Written":
        this.#revision = written.revision;
        this.#writtenAt = clock.monotonicMs();
        return "Written";
      case "TooLarge":
        this.#stop({
          _tag: "Unreachable",
          unreachable: { _tag: "Unreachable", reason: "Failed", message: `the roll-out is ${written.bytes} bytes` },
        });
        return "Halted";
      case "Conflict": {
        this.#dirty = true;
        const found = await readRollout(this.#parts, this.#rollout.id, { timeoutMs: RENEW_MS });
        if (found._tag !== "Unreachable") this.#accept(found);
        return this.#why?._tag === "TakenOver" ? "Halted" : "Again";
      }
      case "Unreachable":
        // Whether it was stored is not known; the next one finds out by its conflict.
        this.#dirty = true;
        if (clock.monotonicMs() - this.#writtenAt > LEASE_MS) this.#stop({ _tag: "Unreachable", unreachable: written });
        return "Again";
    }
  }

  /** Of what lies in the key, only the wish to stop is not this process's own. */
  #accept(found: ReadRollout): void {
    if (found._tag !== "Rollout" || (found.rollout.lease?.token ?? "") !== this.#token) {
      this.#stop({ _tag: "TakenOver" });
      return;
    }
    this.#revision = found.revision;
    if (found.rollout.stopAsked && !this.#rollout.stopAsked) {
      this.#rollout = { ...this.#rollout, stopAsked: true };
      this.#stop({ _tag: "Asked" });
    }
  }

  #stop(why: Halt): void {
    this.#why ??= why;
    this.#halt.abort();
  }
}
