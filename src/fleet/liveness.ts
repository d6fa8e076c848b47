import type { Clock } from "../scores/context.ts";
import type { Heartbeat } from "../wire/status.ts";

/** A heartbeat is written every 10 seconds; after three that did not come, and some slack, an agent counts as silent. */
export const STALE_MS = 35_000;

export interface Liveness {
  /** `never`: it has not written a heartbeat yet. */
  readonly freshness: "fresh" | "stale" | "never";
  /** Milliseconds since the last heartbeat, as far as this reader can tell; null where there is none. */
  readonly silentMs: number | null;
}

/**
 * Judges one agent's heartbeats by the reader's own clock: one that differs from the one before has just come, whatever
 * it says the time is. Only for the very first one there is nothing but the agent's word, and a word that cannot be
 * true (a device without a clock battery, say) counts as silence until the next one comes.
 */
export class LivenessJudge {
  readonly #clock: Clock;
  #last: string | null = null;
  /** On the reader's monotonic clock. */
  #cameAt: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  judge(heartbeat: Heartbeat | null): Liveness {
    if (heartbeat === null) return { freshness: "never", silentMs: null };
    const now = this.#clock.monotonicMs();
    const mark = `${heartbeat.bootId} ${heartbeat.epoch} ${heartbeat.sequence}`;
    const said = this.#clock.now().getTime() - Date.parse(heartbeat.at);
    if (this.#last === null) this.#cameAt = Math.abs(said) <= STALE_MS ? now - Math.max(0, said) : null;
    else if (this.#last !== mark) this.#cameAt = now;
    this.#last = mark;
    const silentMs = this.#cameAt === null ? Math.max(0, said) : now - this.#cameAt;
    return { freshness: this.#cameAt !== null && silentMs <= STALE_MS ? "fresh" : "stale", silentMs };
  }
}
