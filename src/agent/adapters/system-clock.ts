import { uptime } from "node:os";
import { performance } from "node:perf_hooks";
import type { Clock } from "../../scores/context.ts";

/** The machine's own clocks. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  after(ms, then) {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * The same, but its durations count on while the machine sleeps (CLOCK_BOOTTIME, in steps of 10 ms): who wakes up has to know
 * what may have happened meanwhile. Its timers do not.
 */
export const sleeplessClock: Clock = { ...systemClock, monotonicMs: () => uptime() * 1000 };

/** Lets everything else that is due run. */
export const breathe = (): Promise<void> => new Promise((resume) => setImmediate(resume));
