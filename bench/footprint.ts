import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { arrival, type Control, controlOf, ship } from "./control.ts";
import { atMost, type Benchmark, type Figure, figure, type Place } from "./figure.ts";
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
const IDLE_MS = 30_000;

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

async function idle(
  runtimes: readonly Runtime[],
  { installed, client, control, place }: Parts,
): Promise<readonly Figure[]> {
  const all: { readonly runtime: Runtime; readonly agent: Process; readonly bare: Process }[] = [];
  for (const runtime of runtimes) {
    const short = majorOf(runtime);
    const id = `idle-${short}`;
    place.progress(`Node ${short}: an agent writes ${SCORES} files`);
    const beating = arrival(control, `$KV.heartbeat.${id}`);
    const root = join(place.directory, id);
    const agent = start(place, id, runtime, agentArguments(installed, control.url, id, root));
    await beating;
    await ship(control, id, 1, declared(SCORES, 0, { parents: true }));
    const up = arrival(control, "bench.up.*");
    const bare = start(place, `bare-${id}`, runtime, [client, "connect", control.url]);
    await up;
    all.push({ runtime, agent, bare });
  }
  place.progress(`settling, then ${IDLE_MS / 1000} s of nothing`);
  await sleep(SETTLE_MS);
  const cpu = (): readonly (readonly [number, number])[] =>
    all.map(({ agent, bare }) => [cpuMsOf(agent.pid), cpuMsOf(bare.pid)]);
  const before = cpu();
  await sleep(IDLE_MS);
  const after = cpu();
  return all.flatMap(({ runtime, agent, bare }, nth) => {
    const share = (which: 0 | 1): number =>
      (((after[nth]?.[which] ?? 0) - (before[nth]?.[which] ?? 0)) / IDLE_MS) * 100;
    return idleFigures(majorOf(runtime), memoryOf(agent.pid), memoryOf(bare.pid), share(0), share(1));
  });
}

type Memory = ReturnType<typeof memoryOf>;

function idleFigures(short: string, agent: Memory, bare: Memory, agentCpu: number, bareCpu: number): readonly Figure[] {
  const name = "bare client";
  const more = agent.rss - bare.rss;
  return [
    figure({
      name: `Node ${short}: idle, resident`,
      unit: "MiB",
      ours: [agent.rss],
      baseline: { name, values: [bare.rss] },
      target: () => atMost("at most 20 MiB more than the bare client", more, 20),
    }),
    figure({
      name: `Node ${short}: idle, of it anonymous`,
      unit: "MiB",
      ours: [agent.anonymous],
      baseline: { name, values: [bare.anonymous] },
    }),
    figure({
      name: `Node ${short}: idle, processor`,
      unit: "%",
      ours: [agentCpu],
      baseline: { name, values: [bareCpu] },
      target: () => atMost("at most 0.1 % of a core", agentCpu, 0.1),
    }),
  ];
}

const majorOf = ({ version }: Runtime): string => version.split(".", 1)[0] ?? version;
