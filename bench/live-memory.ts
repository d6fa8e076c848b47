import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ENVIRONMENT } from "../src/agent/cage/unit.ts";
import type { Machine } from "../test/device/machine/machine.ts";
import { memoryOf } from "./proc.ts";

const INSIDE = "/opt/bench/live-memory.cjs";
/** V8 gives pages back beside the program, after the collection. */
const GIVEN_BACK_MS = 2000;
/** What had begun while it was hurried comes to its end. */
const CALM_MS = 10_000;

/** What is left in the agent when all garbage has just been collected. */
export interface Live {
  /** KiB of objects, on V8's heap and those outside that it counts (buffers). */
  readonly heapKib: number;
  /** KiB resident, so also what libraries in C hold. */
  readonly residentKib: number;
}

/** How many times as fast the agent's long times go by while it is hurried: the constant of live-memory.cjs. */
export const PACE = 60;

export interface Telling {
  /** Bytes to keep with each heartbeat, on purpose: the proof that a run can fail. 0: none. */
  readonly leakBytes: number;
  /** Whether V8 may make machine code, as it does by itself. */
  readonly isCompiled: boolean;
}

/** Before the agent is started: it will tell how much of its memory is in use, and can be hurried. */
export async function makeTell(machine: Machine, { leakBytes, isCompiled }: Telling): Promise<void> {
  await machine.writeFile(INSIDE, readFileSync(new URL("live-memory.cjs", import.meta.url), "utf8"));
  await machine.writeFile(
    "/etc/systemd/system/harmony-agent.service.d/bench.conf",
    `[Service]
Environment=${ENVIRONMENT}
Environment="NODE_OPTIONS=--expose-gc --require=${INSIDE}" BENCH_LEAK=${leakBytes} BENCH_UNCOMPILED=${isCompiled ? 0 : 1}
`,
  );
}

/** Has {@link PACE} times `ms` pass for the agent: its heartbeats, its reads, its passes, one as quickly after the other. */
export async function hurry(machine: Machine, ms: number): Promise<void> {
  const change = ["systemctl", "kill", "-s", "PWR", "--kill-whom=main", "harmony-agent"];
  await machine.run(change);
  await sleep(ms);
  await machine.run(change);
  await sleep(CALM_MS);
}

/** Collects all garbage in the agent, whose process this host numbers `pid`. */
export async function liveMemory(machine: Machine, pid: number): Promise<Live> {
  const answer = "/run/bench-memory";
  const script = `rm -f ${answer}; systemctl kill -s USR2 --kill-whom=main harmony-agent; until test -e ${answer}; do sleep 0.1; done; cat ${answer}`;
  const bytes = Number(await machine.run(["sh", "-ec", script]));
  await sleep(GIVEN_BACK_MS);
  return { heapKib: bytes / 1024, residentKib: memoryOf(pid).rss * 1024 };
}
