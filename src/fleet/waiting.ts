import type { Clock } from "../scores/context.ts";

/** Resolves after `ms` milliseconds, or as soon as the signal fires. */
export const pause = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.after(ms, end);
    signal.addEventListener("abort", end, { once: true });
  });

/** A signal that fires after `ms` milliseconds, and the way to call it off. */
export function deadline(clock: Clock, ms: number): { readonly signal: AbortSignal; readonly cancel: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, cancel: clock.after(ms, () => controller.abort()) };
}

/** Wakes whoever waits for it. Rung while nobody waits, it wakes the next one at once, so that no hint is lost. */
export class Bell {
  readonly #clock: Clock;
  #rung = false;
  #wake: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  readonly ring = (): void => {
    this.#rung = true;
    this.#wake?.();
  };

  /** Resolves when it is rung, after `ms` milliseconds, or when the signal fires. One waits at a time. */
  async next(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await pause(this.#clock, ms, AbortSignal.any([signal, woken.signal]));
      this.#wake = null;
    }
    this.#rung = false;
  }
}
