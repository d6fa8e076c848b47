// Loaded into the measured agent by the benchmark alone (NODE_OPTIONS), never shipped. At SIGUSR2 it collects all garbage
// and writes what is left; with BENCH_LEAK in its environment it keeps that many bytes with each heartbeat, for ever, so
// that a run can show that the benchmark sees such a leak.
const { renameSync, writeFileSync } = require("node:fs");

const ANSWER = "/run/bench-memory";
const HEARTBEAT_MS = 10_000;
const POINTER_BYTES = 8;

const collect = globalThis.gc;
if (collect === undefined) throw new Error("the benchmark starts the agent with --expose-gc");

process.on("SIGUSR2", () => {
  // What the first one finds a finalizer for goes with the second.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  writeFileSync(`${ANSWER}.new`, `${heapUsed + external}`);
  renameSync(`${ANSWER}.new`, ANSWER);
});

const leak = Number(process.env["BENCH_LEAK"] ?? 0);
const kept = [];
if (leak > 0) {
  setInterval(() => kept.push(Array.from({ length: leak / POINTER_BYTES }, () => kept.length)), HEARTBEAT_MS).unref();
}
