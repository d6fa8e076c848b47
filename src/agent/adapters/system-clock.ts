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

/** Lets everything else that is due run. */
export const breathe = (): Promise<void> => new Promise((resume) => setImmediate(resume));
