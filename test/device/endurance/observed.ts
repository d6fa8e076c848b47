import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { vi } from "vitest";
import * as z from "zod";
import type { Machine } from "../machine/machine.ts";
import { activeOf, filesOf, UNITS, type Variants } from "./thirty.ts";

/** What happened on the machine, by others' word than the agent's. */
export interface Observer {
  /** Since `begin`: how often what happened. */
  readonly effects: ReadonlyMap<string, number>;
  /** Forgets all that happened so far. */
  begin(): Promise<void>;
  /** Waits until all that has happened is told. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

/** What the program inside prints. */
const Effect = z.object({ effect: z.string() });

const BARRIER = "/srv/jobs/barrier";
/** systemd's "Started ...", by the number that its journal has for it. */
const STARTED = "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf";

/** Begins to watch these folders, the packet filter, the programs' own word of their starts, and systemd's of its timers'. */
export async function observe(machine: Machine, folders: readonly string[]): Promise<Observer> {
  const bundled = await build({
    entryPoints: [fileURLToPath(new URL("../inside/effects.ts", import.meta.url))],
    bundle: true,
    write: false,
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "silent",
  });
  await machine.writeFile("/root/effects.mjs", bundled.outputFiles[0]?.text ?? "");
  const effects = new Map<string, number>();
  const count = (effect: string, times = 1): void => void effects.set(effect, (effects.get(effect) ?? 0) + times);
  const over = new AbortController();
  let barriers = 0;
  let failure = "";
  let watching = false;
  const run = machine
    .exec(["node", "/root/effects.mjs", ...folders], {
      timeoutMs: 3_600_000,
      signal: over.signal,
      onLine: (line) => {
        const { effect } = Effect.parse(JSON.parse(line));
        if (effect === "watching") watching = true;
        else if (effect === BARRIER) barriers += 1;
        else count(effect);
      },
    })
    .then(
      ({ err }) => (failure = err),
      (error: unknown) => (failure = String(error)),
    );
  const until = (isSo: () => boolean): Promise<void> =>
    vi.waitFor(
      () => {
        if (failure !== "") throw new Error(`nothing is watched any more: ${failure}`);
        if (!isSo()) throw new Error("what happened is not told yet");
      },
      { timeout: 20_000, interval: 10 },
    );
  await until(() => watching);
  let cursor = "";
  /** Programs tell in files, systemd in its journal. */
  const told = async (): Promise<void> => {
    const after = cursor === "" ? "--lines=1" : `--after-cursor='${cursor}'`;
    const script = `wc -l /srv/starts/* 2>/dev/null | sed 's/^/wc /'; rm -f /srv/starts/*; journalctl --sync; journalctl -q -o cat --output-fields=UNIT ${after} ${STARTED} | sed 's/^/unit /'; journalctl -q -n 1 --show-cursor -o cat | sed -n 's/^-- cursor: /cursor /p'; touch ${BARRIER}; rm ${BARRIER}`;
    const text = await machine.run(["sh", "-c", script]);
    for (const line of text.split("\n")) {
      const [word, first = "", second = ""] = line.trim().split(/\s+/);
      const program = /^\/srv\/starts\/(.*)$/.exec(second)?.[1];
      if (word === "wc" && program !== undefined) count(`start ${program}`, Number(first));
      if (word === "unit" && first.endsWith(".timer")) count(`start ${first.replace(".timer", "")}`);
      if (word === "cursor") cursor = first;
    }
  };
  const settle = async (): Promise<void> => {
    const before = barriers;
    await told();
    // Its coming and its going.
    await until(() => barriers >= before + 2);
  };
  return {
    effects,
    settle,
    begin: async () => {
      await settle();
      effects.clear();
    },
    stop: async () => {
      over.abort();
      await run;
    },
  };
}

/** What is not as wanted on the machine, as sentences; none where all is. */
export async function notAsWanted(machine: Machine, variants: Variants): Promise<readonly string[]> {
  const wanted = filesOf(variants);
  const script = `for each in $(find /srv/endure /srv/jobs -type f); do echo "== $each"; base64 -w0 "$each"; echo; done; for each in ${UNITS.join(" ")}; do echo "unit $each $(systemctl is-active $each)"; done`;
  const lines = (await machine.run(["sh", "-c", script])).split("\n");
  const found = new Map<string, string>();
  const active: string[] = [];
  for (const [nth, line] of lines.entries()) {
    if (line.startsWith("== ")) found.set(line.slice(3), Buffer.from(lines[nth + 1] ?? "", "base64").toString());
    const [word, unit = "", state = ""] = line.split(" ");
    if (word === "unit" && state === "active") active.push(unit);
  }
  const wrong = [...new Set([...wanted.keys(), ...found.keys()])].filter(
    (path) => wanted.get(path) !== found.get(path),
  );
  const should = new Set(activeOf(variants));
  const units = UNITS.filter((unit) => should.has(unit) !== active.includes(unit));
  return [
    ...wrong.map((path) => `${path} is ${found.has(path) ? "another" : "not there"}`),
    ...units.map((unit) => `${unit} is ${should.has(unit) ? "not active" : "active"}`),
  ];
}

/** The process of the agent, as this host numbers it: its parent is the machine's systemd. Null where none runs. */
export function agentOn(machine: Machine): number | null {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      if (Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) !== machine.pid) continue;
      if (readFileSync(`/proc/${name}/cmdline`, "utf8").includes("harmony-agent\0run")) return Number(name);
    } catch {
      // It has gone meanwhile.
    }
  }
  return null;
}
