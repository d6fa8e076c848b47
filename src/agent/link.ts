import type { Clock } from "../scores/context.ts";

/** An outage that is shorter is nobody's news: readers call an agent stale after this. */
export const OUTAGE_MS = 35_000;

/** Times as ISO 8601; `until` is null while it goes on. */
export interface Outage {
  readonly since: string;
  readonly until: string | null;
}

/** Whether the server can be reached, and when it last could not for long. It counts as out of reach until it was reached. */
export class Link {
  readonly #clock: Clock;
  #downAt: { readonly at: string; readonly ms: number } | null;
  #last: Outage | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#downAt = this.#now();
  }

  goes(state: "connected" | "disconnected"): void {
    if (state === "disconnected") {
      this.#downAt ??= this.#now();
      return;
    }
    this.#last = this.outage;
    if (this.#downAt !== null && this.#last?.until === null) {
      this.#last = { since: this.#last.since, until: this.#now().at };
    }
    this.#downAt = null;
  }

  get isUp(): boolean {
    return this.#downAt === null;
  }

  /** The one that goes on, else the last one of this start; null where none was long enough. */
  get outage(): Outage | null {
    const down = this.#downAt;
    return down !== null && this.#clock.monotonicMs() - down.ms >= OUTAGE_MS
      ? { since: down.at, until: null }
      : this.#last;
  }

  #now(): { readonly at: string; readonly ms: number } {
    return { at: this.#clock.now().toISOString(), ms: this.#clock.monotonicMs() };
  }
}
