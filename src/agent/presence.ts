import type { Clock, Log } from "../scores/context.ts";
import type { AgentId } from "../wire/keys.ts";
import { type CapabilitiesDocument, Heartbeat, readDocument, writeDocument } from "../wire/status.ts";
import type { Store, Unreachable } from "../wire/store.ts";
import { ToldStatus } from "../wire/told-status.ts";
import { VERSION } from "../wire/version.ts";

export const HEARTBEAT_MS = 10_000;
/** A write and, where it fails, a reading and another write are over before the next one is due. */
const ANSWER_MS = HEARTBEAT_MS * 0.3;

export interface PresenceParts {
  readonly store: Store;
  readonly agentId: AgentId;
  readonly bootId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly capabilities: () => CapabilitiesDocument;
  readonly observedGeneration: () => number;
  readonly onFenced: (epoch: number) => void;
  /** The heartbeat that this agent wrote is not there any more, and so perhaps nothing else either. */
  readonly onForgotten: () => void;
}

/** What an agent needs of its presence. */
export type AgentPresence = Pick<Presence, "epoch" | "take" | "reconnected" | "capabilitiesChanged" | "stop">;

/** One start of an agent, as its documents tell of it. */
export interface Start {
  readonly epoch: number;
  readonly bootId: string;
}

/** Whether of two agents with one id the other one holds: the higher epoch, and by equal ones the higher boot id. */
export const holds = (other: Start, own: Start): boolean =>
  other.epoch > own.epoch || (other.epoch === own.epoch && other.bootId > own.bootId);

/** What taking an epoch found in the agent's own keys. */
export interface Taken {
  readonly epoch: number;
  /** The status that an earlier start left, or null. */
  readonly before: ToldStatus | null;
  /** Of the status key, 0 where it holds nothing: what the next write of it expects. */
  readonly statusRevision: number;
}

/**
 * That this agent is alive, and that it is the only one with its id. Each start takes an epoch one above the highest that
 * it finds; of two agents the one with the higher epoch holds, and the other learns of it when its next compare-and-set
 * on the heartbeat fails. Two with the same epoch, as after the loss of a store, are told apart by their boot ids.
 */
export class Presence {
  readonly #parts: PresenceParts;
  readonly #startedAt: number;
  #epoch = 0;
  #sequence = 0;
  #revision = 0;
  #cancel: (() => void) | null = null;
  #beating = false;
  #isPublished = false;
  /** Said once, and not at each of the attempts that may go on for days. */
  #toldWhy = "";
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
    const blind = [heart, status].find((each) => each._tag === "Unreachable");
    if (blind?._tag === "Unreachable") this.#tellOnce(blind);
    if (heart._tag === "Unreachable" || status._tag === "Unreachable") return null;
    const beat = heart._tag === "Value" ? readDocument(Heartbeat, heart.value) : null;
    const told = status._tag === "Value" ? readDocument(ToldStatus, status.value) : null;
    if (told?._tag === "Unreadable") {
      log("the agent's own status cannot be read and is written anew", { message: told.message });
    }
    const before = told?._tag === "Read" ? told.document : null;
    const epoch = 1 + Math.max(before?.epoch ?? 0, beat?._tag === "Read" ? beat.document.epoch : 0);
    const expect = heart._tag === "Absent" ? 0 : heart.revision;
    const written = await store.put("heartbeat", agentId, writeDocument(this.#beat(epoch)), { expect });
    if (written._tag === "Unreachable") this.#tellOnce(written);
    if (written._tag !== "Written" || this.#stopped) return null;
    this.#epoch = epoch;
    this.#revision = written.revision;
    this.#schedule();
    await this.#publishCapabilities();
    return { epoch, before, statusRevision: status._tag === "Absent" ? 0 : status.revision };
  }

  #tellOnce({ reason, message }: Unreachable): void {
    if (message === this.#toldWhy) return;
    this.#toldWhy = message;
    this.#parts.log("the server cannot be used yet; trying on", { reason, message });
  }

  /** The connection is back: beats at once, and looks after the capabilities again. */
  reconnected(): void {
    this.#isPublished = false;
    if (this.#epoch > 0) void this.#next();
  }

  /** What this agent offers has changed. */
  capabilitiesChanged(): void {
    this.#isPublished = false;
    if (this.#epoch > 0 && !this.#stopped) void this.#publishCapabilities();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #schedule(): void {
    this.#cancel?.();
    if (!this.#stopped) this.#cancel = this.#parts.clock.after(HEARTBEAT_MS, () => void this.#next());
  }

  async #next(): Promise<void> {
    // First, so that an answer that is slow to come does not put off the next one.
    this.#schedule();
    if (this.#beating || this.#stopped) return;
    this.#beating = true;
    // At once again after a conflict: who waited for the next one would lose to the same other agent each time.
    if (!(await this.#write()) && (await this.#readBack())) await this.#write();
    this.#beating = false;
    if (!this.#isPublished && !this.#stopped) await this.#publishCapabilities();
  }

  async #write(): Promise<boolean> {
    const { store, agentId } = this.#parts;
    const beat = writeDocument(this.#beat(this.#epoch));
    const written = await store.put("heartbeat", agentId, beat, { expect: this.#revision, timeoutMs: ANSWER_MS });
    if (written._tag === "Written") this.#revision = written.revision;
    return written._tag === "Written";
  }

  /** Either an answer was lost, or somebody else beats in this key, or the store lost it. True: the key is this agent's. */
  async #readBack(): Promise<boolean> {
    const { store, agentId, bootId, onFenced, onForgotten } = this.#parts;
    const found = await store.get("heartbeat", agentId, { timeoutMs: ANSWER_MS });
    if (found._tag === "Unreachable" || this.#stopped) return false;
    this.#revision = found._tag === "Absent" ? 0 : found.revision;
    if (found._tag !== "Value") {
      this.#isPublished = false;
      onForgotten();
      return true;
    }
    const read = readDocument(Heartbeat, found.value);
    if (read._tag === "Unreadable") return true;
    if (!holds(read.document, { epoch: this.#epoch, bootId })) return true;
    this.stop();
    onFenced(read.document.epoch);
    return false;
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

  /** Sees to it that the key in `capabilities` says what this agent offers; tried again with each heartbeat until it does. */
  async #publishCapabilities(): Promise<void> {
    const { store, agentId, capabilities, log } = this.#parts;
    const bytes = writeDocument(capabilities());
    const found = await store.get("capabilities", agentId);
    this.#isPublished = found._tag === "Value" && Buffer.compare(found.value, bytes) === 0;
    // Fenced meanwhile, it would overwrite what the other one offers.
    if (this.#isPublished || found._tag === "Unreachable" || this.#stopped) return;
    const written = await store.put("capabilities", agentId, bytes);
    this.#isPublished = written._tag === "Written";
    if (written._tag !== "Written") log("the capabilities could not be published", { ...written });
  }
}
