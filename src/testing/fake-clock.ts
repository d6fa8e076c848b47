import type { Clock } from "../scores/context.ts";

/** Taken at once, so that a test framework that replaces the global timers does not stop this. */
const { setImmediate: turn } = globalThis;

/** How many turns of the event loop {@link settle} waits: code that yields a few times is let run as well. */
const TURNS = 4;

/** Lets everything run that waits for nothing outside, up to where it waits for time. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < TURNS; turns += 1) await new Promise<void>((resume) => void turn(resume));
}

interface Timer {
  readonly at: number;
  readonly ring: () => void;
}

/** A clock that stands still until it is told to go on. Two runs of one test see the same moments in the same order. */
export class FakeClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  /** In the order in which they were set, which decides between timers of one moment. */
  readonly #timers = new Set<Timer>();

  /** `start`: the wall time at first; default 2026-01-01T00:00:00Z. */
  constructor(start: Date = new Date("2026-01-01T00:00:00.000Z")) {
    this.#wallMs = start.getTime();
  }

  now(): Date {
    return new Date(this.#wallMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(ms: number, then: () => void): () => void {
    const timer = { at: this.#monotonicMs + Math.max(0, ms), ring: then };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** How many timers are set. Zero once all is over, or something leaks. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Milliseconds from now to the next timer, or null where none is set. */
  get nextInMs(): number | null {
    const next = this.#next();
    return next === undefined ? null : next.at - this.#monotonicMs;
  }

  /**
   * Lets time pass. Timers run in the order of their moments, and what each one sets going runs before the next; timers
   * that are set meanwhile run too when their moment comes within `ms`.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonicMs + ms;
    await settle();
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) {
      this.#goTo(next.at);
      this.#timers.delete(next);
      next.ring();
      await settle();
    }
    this.#goTo(end);
  }

  /**
   * Lets time pass up to the next timer and runs that one alone; false where none is set. What it sets going is left to the
   * caller, who may want to decide what comes first.
   */
  ringNext(): boolean {
    const next = this.#next();
    if (next === undefined) return false;
    this.#goTo(next.at);
    this.#timers.delete(next);
    next.ring();
    return true;
  }

  /** Sets the wall clock, forwards or back, as an administrator or NTP does. No timer runs: they go by monotonic time. */
  setWallTime(time: Date): void {
    this.#wallMs = time.getTime();
  }

  #goTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer;
    return next;
  }
}
