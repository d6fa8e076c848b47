// Loaded into the measured agent by the benchmarks alone (NODE_OPTIONS), never shipped.
//
// SIGUSR2: collects all garbage and writes what is left. SIGPWR: from now on waits a 60th of every long time, or as long
// as is meant again. BENCH_LEAK=N: keeps that many bytes with each heartbeat, for ever, so that a run can show that the
// benchmark sees such a leak. BENCH_UNCOMPILED=1: V8 makes no machine code, so that its own growing store of that is not
// taken for one.
const { renameSync, writeFileSync } = require("node:fs");
const { setFlagsFromString } = require("node:v8");

const ANSWER = "/run/bench-memory";
const HEARTBEAT_MS = 10_000;
const POINTER_BYTES = 8;
/** What the agent waits at rest: from the heartbeat to the pass over all. Deadlines of calls are shorter, and hold. */
const LONG_MS = 8000;
const PACE = 60;

const collect = globalThis.gc;
if (collect === undefined) throw new Error("the benchmark starts the agent with --expose-gc");

if (process.env["BENCH_UNCOMPILED"] === "1") {
  for (const flag of ["--no-opt", "--no-maglev", "--no-sparkplug"]) setFlagsFromString(flag);
}

process.on("SIGUSR2", () => {
  // What the first one finds a finalizer for goes with the second.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  writeFileSync(`${ANSWER}.new`, `${heapUsed + external}`);
  renameSync(`${ANSWER}.new`, ANSWER);
});

let pace = 1;
const { setTimeout: wait, clearTimeout: cancel } = globalThis;
/**
 * By the timer that the caller knows: what waits now, and how to wait anew at another pace.
 * @type {Map<unknown, { readonly timer: NodeJS.Timeout, readonly again: (before: number) => void }>}
 */
const long = new Map();

/**
 * @param {(...rest: unknown[]) => void} act
 * @param {number} [ms]
 * @param {unknown[]} rest
 */
function waitAtPace(act, ms = 1, ...rest) {
  if (!(ms >= LONG_MS)) return wait(act, ms, ...rest);
  let left = ms;
  let since = performance.now();
  const arm = () =>
    wait(() => {
      long.delete(known);
      act(...rest);
    }, left / pace);
  const known = arm();
  const again = (/** @type {number} */ before) => {
    cancel(long.get(known)?.timer);
    left -= (performance.now() - since) * before;
    since = performance.now();
    long.set(known, { timer: arm(), again });
  };
  long.set(known, { timer: known, again });
  return known;
}
Reflect.set(globalThis, "setTimeout", Object.assign(waitAtPace, { __promisify__: wait.__promisify__ }));
globalThis.clearTimeout = (/** @type {NodeJS.Timeout | string | number | undefined} */ known) => {
  cancel(long.get(known)?.timer ?? known);
  long.delete(known);
};
process.on("SIGPWR", () => {
  const before = pace;
  pace = pace === 1 ? PACE : 1;
  for (const { again } of [...long.values()]) again(before);
});

const leak = Number(process.env["BENCH_LEAK"] ?? 0);
const kept = [];
const beat = () => {
  kept.push(Array.from({ length: leak / POINTER_BYTES }, () => kept.length));
  setTimeout(beat, HEARTBEAT_MS);
};
if (leak > 0) setTimeout(beat, HEARTBEAT_MS);
