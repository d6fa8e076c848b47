import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { arrival, type Control, controlOf, ship } from "./control.ts";
import { atMost, type Benchmark, type Figure, figure, type Place, type Target } from "./figure.ts";
import { declared } from "./files.ts";
import { cpuMsOf, memoryOf } from "./proc.ts";
import {
  agentArguments,
  bundleBare,
  installAgent,
  type Installed,
  type Process,
  type Runtime,
  start,
  systemNode20,
  thisNode,
} from "./processes.ts";

const SCORES = 1000;
const STARTS = 12;
const SETTLE_MS = 12_000;
/**
 * Each holds one heartbeat. The median of three, because V8 may clean up what the start left behind in any one of them:
 * that is done once, and the range tells of it.
 */
const SLICES = 3;
const SLICE_MS = 10_000;

export const footprint: Benchmark = {
  name: "footprint",
  title: `What the agent takes: its bundle, its start, and memory and processor time with ${SCORES} Scores and nothing to do`,
  async run(place) {
    const installed = await installAgent(place);
    const client = await bundleBare("bare-client", place);
    const control = await controlOf(place);
    const node20 = systemNode20();
    if (node20 === null) place.progress("there is no Node 20 on this system's PATH: its figures are left out");
    const runtimes = [thisNode, ...(node20 === null ? [] : [node20])];
    const figures = bundleSizes(installed, client);
    for (const runtime of runtimes) figures.push(...(await starts(runtime, { installed, client, control, place })));
    figures.push(...(await idle(runtimes, { installed, client, control, place })));
    return figures;
  },
};

interface Parts {
  readonly installed: Installed;
  readonly client: string;
  readonly control: Control;
  readonly place: Place;
}

function bundleSizes({ bundle }: Installed, client: string): Figure[] {
  const kib = (bytes: number): number => bytes / 1024;
  const gzipped = (path: string): number => gzipSync(readFileSync(path), { level: 9 }).length;
  const name = "bare client";
  return [
    figure({
      name: "agent bundle, minified",
      unit: "KiB",
      ours: [kib(statSync(bundle).size)],
      baseline: { name, values: [kib(statSync(client).size)] },
    }),
    figure({
      name: "agent bundle, minified and gzipped",
      unit: "KiB",
      ours: [kib(gzipped(bundle))],
      baseline: { name, values: [kib(gzipped(client))] },
    }),
  ];
}

/** From the start of the process until the control plane sees its first sign of life. */
async function starts(runtime: Runtime, { installed, client, control, place }: Parts): Promise<readonly Figure[]> {
  const [agent, bare, nothing]: [number[], number[], number[]] = [[], [], []];
  const short = majorOf(runtime);
  for (let nth = 0; nth < STARTS; nth += 1) {
    if (nth % 4 === 0) place.progress(`starts on Node ${short}: ${nth + 1} of ${STARTS}`);
    const id = `start-${short}-${nth}`;
    const args = agentArguments(installed, control.url, id, join(place.directory, id));
    agent.push(await untilSeen(control, `$KV.heartbeat.${id}`, () => start(place, id, runtime, args)));
    bare.push(
      await untilSeen(control, "bench.up.*", () =>
        start(place, `bare-${id}`, runtime, [client, "connect", control.url]),
      ),
    );
    const began = performance.now();
    spawnSync(runtime.path, ["-e", "0"]);
    nothing.push(performance.now() - began);
  }
  const figureOf = (name: string, values: readonly number[]): Figure =>
    figure({ name: `Node ${short}: start to first heartbeat`, unit: "ms", ours: agent, baseline: { name, values } });
  return [figureOf("node -e 0", nothing), figureOf("bare client, until connected", bare)];
}

async function untilSeen(control: Control, subject: string, begin: () => Process): Promise<number> {
  const seen = arrival(control, subject);
  await control.connection.flush();
  const began = performance.now();
  const running = begin();
  const { at } = await seen;
  await running.stop();
  return at - began;
}

interface Idle {
  readonly short: string;
  readonly agent: Process;
  /** Another one, stopped once all was written and started again: what a device is like after it has booted. */
  readonly restarted: Process;
  readonly bare: Process;
}

async function idle(runtimes: readonly Runtime[], parts: Parts): Promise<readonly Figure[]> {
  const all: Idle[] = [];
  for (const runtime of runtimes) all.push(await idleOn(runtime, parts));
  parts.place.progress(`settling, then ${(SLICES * SLICE_MS) / 1000} s of nothing`);
  await sleep(SETTLE_MS);
  const shares = await idleShares(all.flatMap(({ agent, bare }) => [agent, bare]));
  return all.flatMap((each) => idleFigures(each, shares.get(each.agent) ?? [], shares.get(each.bare) ?? []));
}

/** Per cent of one core, a slice at a time. */
async function idleShares(processes: readonly Process[]): Promise<ReadonlyMap<Process, readonly number[]>> {
  const shares = new Map(processes.map((each) => [each, [] as number[]]));
  for (let slice = 0; slice < SLICES; slice += 1) {
    const before = processes.map(({ pid }) => cpuMsOf(pid));
    await sleep(SLICE_MS);
    for (const [nth, each] of processes.entries()) {
      shares.get(each)?.push(((cpuMsOf(each.pid) - (before[nth] ?? Number.NaN)) / SLICE_MS) * 100);
    }
  }
  return shares;
}

async function idleOn(runtime: Runtime, { installed, client, control, place }: Parts): Promise<Idle> {
  const short = majorOf(runtime);
  const begin = async (id: string): Promise<Process> => {
    const beating = arrival(control, `$KV.heartbeat.${id}`);
    const args = agentArguments(installed, control.url, id, join(place.directory, id));
    const running = start(place, id, runtime, args);
    await beating;
    return running;
  };
  const converged = async (id: string): Promise<Process> => {
    const running = await begin(id);
    await ship(control, id, 1, declared(SCORES, 0, { parents: true }));
    return running;
  };
  place.progress(`Node ${short}: two agents write ${SCORES} files each`);
  const agent = await converged(`idle-${short}`);
  await (await converged(`again-${short}`)).stop();
  const restarted = await begin(`again-${short}`);
  const up = arrival(control, "bench.up.*");
  const bare = start(place, `bare-idle-${short}`, runtime, [client, "connect", control.url]);
  await up;
  return { short, agent, restarted, bare };
}

function idleFigures(
  { short, agent, restarted, bare }: Idle,
  agentCpu: readonly number[],
  bareCpu: readonly number[],
): readonly Figure[] {
  const name = "bare client";
  const least = memoryOf(bare.pid);
  const memory = (of: string, held: ReturnType<typeof memoryOf>, target?: () => Target): readonly Figure[] => [
    figure({
      name: `Node ${short}: idle${of}, resident`,
      unit: "MiB",
      ours: [held.rss],
      baseline: { name, values: [least.rss] },
      ...(target && { target }),
    }),
    figure({
      name: `Node ${short}: idle${of}, of it anonymous`,
      unit: "MiB",
      ours: [held.anonymous],
      baseline: { name, values: [least.anonymous] },
    }),
  ];
  const held = memoryOf(agent.pid);
  return [
    ...memory("", held, () => atMost("at most 20 MiB more than the bare client", held.rss - least.rss, 20)),
    ...memory(" after a restart", memoryOf(restarted.pid)),
    figure({
      name: `Node ${short}: idle, processor`,
      unit: "%",
      ours: agentCpu,
      baseline: { name, values: bareCpu },
      target: (_, { median }) => atMost("at most 0.1 % of a core", median, 0.1),
    }),
  ];
}

const majorOf = ({ version }: Runtime): string => version.split(".", 1)[0] ?? version;
