import type { AgentId } from "./keys.ts";
import type { CallOptions, Unreachable } from "./store.ts";

/** A record as the stream holds it. */
export interface StoredEvent {
  readonly _tag: "Event";
  /** The exact bytes of the record. */
  readonly line: Uint8Array;
  /** Whose subject it was told under: the one thing that the server vouches for. */
  readonly agentId: string;
  /** Its number in the stream, which the events of all agents share; only ever rises. */
  readonly position: number;
  /** When the server stored it. */
  readonly storedAt: Date;
}

/**
 * The records of all agents, as they were told. No method throws on account of the outside world; `Unreachable` with
 * reason `NoBucket` where the server has no such stream.
 */
export interface EventStream {
  /**
   * Stores a record. One that was stored within the last minutes is not stored again, and is not new. An agent's right, of its
   * own id alone.
   */
  tellEvent(
    agentId: AgentId,
    line: Uint8Array,
    sha256: string,
    options?: CallOptions,
  ): Promise<{ readonly _tag: "Told"; readonly position: number; readonly isNew: boolean } | Unreachable>;
  /** The first one at `position` or later. `"*"`: of all agents. */
  eventAt(
    whom: AgentId | "*",
    position: number,
    options?: CallOptions,
  ): Promise<StoredEvent | { readonly _tag: "None" } | Unreachable>;
  /** The newest one. */
  lastEvent(whom: AgentId | "*", options?: CallOptions): Promise<StoredEvent | { readonly _tag: "None" } | Unreachable>;
  /** Calls `poke` after one was stored, and after every reconnect. A hint, as `Store.onChange`. */
  onEvent(whom: AgentId | "*", poke: () => void): () => void;
}
