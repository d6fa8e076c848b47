import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Machine } from "../test/device/machine/machine.ts";
import { memoryOf } from "./proc.ts";

const INSIDE = "/opt/bench/live-memory.cjs";
/** V8 gives pages back beside the program, after the collection. */
const GIVEN_BACK_MS = 2000;

/** What is left in the agent when all garbage has just been collected. */
export interface Live {
  /** KiB of objects, on V8's heap and those outside that it counts (buffers). */
  readonly heapKib: number;
  /** KiB resident, so also what libraries in C hold. */
  readonly residentKib: number;
}

/**
 * Before the agent is started: it will tell how much of its memory is in use.
 *
 * @param leakBytes Bytes to keep with each heartbeat, on purpose: the proof that a run can fail. Default 0.
 */
export async function makeTell(machine: Machine, leakBytes: number): Promise<void> {
  await machine.writeFile(INSIDE, readFileSync(new URL("live-memory.cjs", import.meta.url), "utf8"));
  await machine.writeFile(
    "/etc/systemd/system/harmony-agent.service.d/bench.conf",
    `[Service]\nEnvironment="NODE_OPTIONS=--expose-gc --require=${INSIDE}" BENCH_LEAK=${leakBytes}\n`,
  );
}

/** Collects all garbage in the agent, whose process this host numbers `pid`. */
export async function liveMemory(machine: Machine, pid: number): Promise<Live> {
  const answer = "/run/bench-memory";
  const script = `rm -f ${answer}; systemctl kill -s USR2 --kill-whom=main harmony-agent; until test -e ${answer}; do sleep 0.1; done; cat ${answer}`;
  const bytes = Number(await machine.run(["sh", "-ec", script]));
  await sleep(GIVEN_BACK_MS);
  return { heapKib: bytes / 1024, residentKib: memoryOf(pid).rss * 1024 };
}
