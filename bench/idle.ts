import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Manifest } from "../src/topology/manifest.ts";
import { startAgent } from "../test/device/machine/agent.ts";
import { canBoot } from "../test/device/machine/can-boot.ts";
import type { Machine } from "../test/device/machine/machine.ts";
import { agentOn } from "../test/device/endurance/observed.ts";
import { type Control, controlOf } from "./control.ts";
import { atMost, type Benchmark, type Figure, figure } from "./figure.ts";
import { converged, ID, IMAGE, prepared, STATE } from "./idle-machine.ts";
import { everyKind, LOOKS, withProbes } from "./idle-scores.ts";
import { hurry, type Live, liveMemory, makeTell, PACE } from "./live-memory.ts";
import { memoryOf } from "./proc.ts";

const MINUTES = 10;
/** Processor time, messages and writes show within three. */
const PROBED_MINUTES = 3;
const SAMPLE_MS = 30_000;
/** What the start left behind is cleaned up, and what came last is looked at once more. */
const SETTLE_MS = 45_000;
/**
 * First so long at many times the pace, which is some hours: by then V8 has compiled what is ever done often, and does not
 * add to that while it is watched.
 */
const WARM_MS = 90_000;

export const idle: Benchmark = {
  name: "idle",
  title: "The built agent on a booted Debian 13, with Scores of every kind, all as declared, and nobody does anything",
  async run(place) {
    const possible = await canBoot();
    if (possible !== true) {
      place.progress(`left out: ${possible}`);
      return [];
    }
    const minutes = place.minutes ?? MINUTES;
    place.progress("a machine boots, and all is put in place");
    const control = await controlOf(place);
    const machine = await prepared(place);
    await makeTell(machine, { leakBytes: place.leakBytes, isCompiled: true });
    await startAgent(machine, { id: ID, server: await machine.natsUrl(control), flags: ["--allow-audited-shell"] });
    const watched = async (wanted: Manifest, forMinutes: number, what: string): Promise<readonly Figure[]> => {
      await converged(control, wanted);
      place.progress(`all are as declared; ${(WARM_MS * PACE) / 3_600_000} hours go by in ${WARM_MS / 60_000} minutes`);
      await hurry(machine, WARM_MS);
      await sleep(SETTLE_MS);
      const scores = Object.keys(wanted.scores).length;
      place.progress(`${scores} Scores ${what}are as declared; ${forMinutes} minutes of nothing`);
      return measured(machine, control, { forMs: forMinutes * 60_000, scores, what });
    };
    const plain = await watched(everyKind(IMAGE), minutes, "");
    const probed = await watched(withProbes(IMAGE), Math.min(minutes, PROBED_MINUTES), "with probes ");
    return [...plain, ...probed];
  },
};

interface Watch {
  readonly forMs: number;
  readonly scores: number;
  /** What is peculiar to these Scores, to go into the figures' names. */
  readonly what: string;
}

async function measured(
  machine: Machine,
  control: Control,
  { forMs, scores, what }: Watch,
): Promise<readonly Figure[]> {
  const pid = agentOn(machine);
  if (pid === null) throw new Error("no agent runs on the machine");
  const messages = new Map<string, number>();
  const subscription = control.connection.subscribe(">", {
    callback: (_, { subject }) => {
      const name = subject.replace(/^_INBOX\..*/, "_INBOX.*").replace(/^\$JS\.ACK\..*/, "$JS.ACK.*");
      messages.set(name, (messages.get(name) ?? 0) + 1);
    },
  });
  await control.connection.flush();
  const liveBefore = await liveMemory(machine, pid);
  const before = await taken(machine, pid);
  const began = performance.now();
  const memory: { readonly atMinutes: number; readonly mib: number }[] = [];
  while (performance.now() - began < forMs) {
    memory.push({ atMinutes: (performance.now() - began) / 60_000, mib: memoryOf(pid).rss });
    await sleep(Math.max(0, Math.min(SAMPLE_MS, forMs - (performance.now() - began))));
  }
  const after = await taken(machine, pid);
  const tookMs = performance.now() - began;
  const changed = await machine.run(["sh", "-c", changedSince(before.at)]);
  subscription.unsubscribe();
  const liveAfter = await liveMemory(machine, pid);
  if (agentOn(machine) !== pid) throw new Error("the agent did not run all the time");
  const written = after.written - before.written;
  const files = changed.split("\n").filter(Boolean);
  const statuses = messages.get(`$KV.actual-state.${ID}`) ?? 0;
  const ownCpu = ((after.cpuMs - before.cpuMs) / tookMs) * 100;
  const allCpu = ((after.groupMs - before.groupMs) / tookMs) * 100;
  const one = (name: string, unit: Figure["unit"], value: number, target?: readonly [string, number]): Figure =>
    figure({
      name: `${what}${name}`,
      unit,
      ours: [value],
      ...(target && { target: () => atMost(target[0], value, target[1]) }),
    });
  return [
    one("Scores", "count", scores),
    one("minutes", "count", tookMs / 60_000),
    one("looks at all of them meanwhile", "count", after.looks - before.looks),
    one("written to disk by the kernel's count", "bytes", written, ["none", 0]),
    one(`files that changed${files.length > 0 ? ` (${files.slice(0, 5).join(", ")})` : ""}`, "count", files.length, [
      "none",
      0,
    ]),
    one("lines in the log", "count", after.lines - before.lines),
    one("statuses", "count", statuses, ["none", 0]),
    ...[...messages]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([subject, count]) => one(`messages on ${subject}`, "count", count)),
    one("processor, the agent", "%", ownCpu, ["at most 0.5 % of a core", 0.5]),
    one("processor, with all that it starts", "%", allCpu, ["at most 0.5 % of a core", 0.5]),
    ...memoryFigures({ what, memory, minutes: tookMs / 60_000, liveBefore, liveAfter }),
  ];
}

interface Memory {
  readonly what: string;
  readonly memory: readonly { readonly atMinutes: number; readonly mib: number }[];
  readonly minutes: number;
  readonly liveBefore: Live;
  readonly liveAfter: Live;
}

/**
 * Resident memory rises from a collection to the next one, which an agent at rest may not come to within forty minutes, so
 * that its slope over some tells nothing of a leak. What is left after a collection does, and the rest has a bound.
 */
function memoryFigures({ what, memory, minutes, liveBefore, liveAfter }: Memory): readonly Figure[] {
  const growth = (of: keyof Live): number => (liveAfter[of] - liveBefore[of]) / minutes;
  const slope = (name: string, value: number, limit: number): Figure =>
    figure({
      name: `${what}${name}`,
      unit: "KiB/min",
      ours: [value],
      target: () => atMost(`flat: at most ${limit} KiB a minute`, value, limit),
    });
  const rss = memory.map(({ mib }) => mib);
  const garbage = Math.max(...rss) - liveAfter.residentKib / 1024;
  return [
    figure({ name: `${what}resident`, unit: "MiB", ours: rss }),
    figure({ name: `${what}resident, slope`, unit: "KiB/min", ours: [slopeOf(memory) * 1024] }),
    figure({ name: `${what}in use after a collection`, unit: "MiB", ours: [liveAfter.heapKib / 1024] }),
    slope("in use after a collection, growth", growth("heapKib"), 16),
    figure({ name: `${what}resident after a collection`, unit: "MiB", ours: [liveAfter.residentKib / 1024] }),
    slope("resident after a collection, growth", growth("residentKib"), 64),
    figure({
      name: `${what}resident at most, above that`,
      unit: "MiB",
      ours: [garbage],
      target: () => atMost("at most 8 MiB of garbage", garbage, 8),
    }),
  ];
}

interface Taken {
  /** Seconds since 1970, by the machine. */
  readonly at: string;
  /** Bytes that went to a disk, or are to go. */
  readonly written: number;
  /** Of the process, by its clock ticks of 10 ms. */
  readonly cpuMs: number;
  /** Of the process and of all that it has started: its control group's. */
  readonly groupMs: number;
  readonly looks: number;
  readonly lines: number;
}

async function taken(machine: Machine, pid: number): Promise<Taken> {
  const io = readFileSync(`/proc/${pid}/io`, "utf8");
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  const script = [
    "date +%s.%N",
    "sed -n 's/^usage_usec //p' /sys/fs/cgroup/system.slice/harmony-agent.service/cpu.stat",
    `wc -l <${LOOKS}`,
    "journalctl -q -u harmony-agent -o cat | wc -l",
  ].join("; ");
  const [at = "", usec = "", looks = "", lines = ""] = (await machine.run(["sh", "-ec", script])).trim().split("\n");
  return {
    at,
    written: Number(/^write_bytes: (\d+)/m.exec(io)?.[1]),
    cpuMs: (Number(stat[11]) + Number(stat[12])) * 10,
    groupMs: Number(usec) / 1000,
    looks: Number(looks),
    lines: Number(lines),
  };
}

/** Files and folders that a Score or the agent's memory is in, by their change times: also those that came and went. */
const changedSince = (at: string): string =>
  `find ${STATE} /srv /opt /etc /usr /var/lib/dpkg /run/harmony-edge -newerct @${at} 2>/dev/null`;

/** MiB a minute, by the least squares. */
function slopeOf(samples: readonly { readonly atMinutes: number; readonly mib: number }[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [at, mib] = [mean(samples.map(({ atMinutes }) => atMinutes)), mean(samples.map((each) => each.mib))];
  const over = samples.reduce((sum, each) => sum + (each.atMinutes - at) * (each.mib - mib), 0);
  return over / samples.reduce((sum, each) => sum + (each.atMinutes - at) ** 2, 0);
}
