import type { StoredEvent } from "./event-stream.ts";
import { harmless } from "./nats/harmless.ts";

/** The stream of events of a server in memory. */
export class MemoryEvents {
  readonly all: StoredEvent[] = [];
  readonly listeners = new Set<(agentId: string) => void>();
  readonly #known = new Map<string, number>();
  #position = 0;

  /** When one is stored now. A test may set it. */
  now: () => Date = () => new Date(0);

  tell(agentId: string, line: Uint8Array, sha256: string): { readonly position: number; readonly isNew: boolean } {
    const known = this.#known.get(`${agentId} ${sha256}`);
    if (known !== undefined) return { position: known, isNew: false };
    this.#position += 1;
    this.#known.set(`${agentId} ${sha256}`, this.#position);
    this.all.push({ _tag: "Event", line, agentId, position: this.#position, storedAt: this.now() });
    for (const listener of this.listeners) queueMicrotask(() => harmless(() => listener(agentId)));
    return { position: this.#position, isNew: true };
  }

  /** The stream is deleted and made anew. */
  lose(): void {
    this.all.length = 0;
    this.#known.clear();
    this.#position = 0;
  }
}
