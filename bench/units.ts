import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { canBoot } from "../test/device/machine/can-boot.ts";
import { bootMachine, type Machine } from "../test/device/machine/machine.ts";
import { atMost, type Benchmark, type Figure, figure } from "./figure.ts";
import { sourceOf } from "./processes.ts";
import { LOST_MS, Measured, SETTLED_MS } from "./units-measured.ts";

const BENCH_MS = 20 * 60_000;

export const units: Benchmark = {
  name: "units",
  title:
    "1000 files and 20 services on a booted Debian 13, against a careful script (bench/careful.sh) on the same machine",
  async run(place) {
    const possible = await canBoot();
    if (possible !== true) {
      place.progress(`left out: ${possible}`);
      return [];
    }
    place.progress("a machine boots");
    // Files go to the host's disk, since the machine's own may be memory, where durability costs nothing.
    const disk = join(place.directory, "disk");
    mkdirSync(disk);
    const stop = new AbortController();
    const machine = await bootMachine({
      name: "bench",
      signal: stop.signal,
      share: [{ from: disk, to: "/srv/disk", writable: true }],
    });
    place.atEnd(() => machine.stop());
    await machine.writeFile("/root/careful.sh", readFileSync(sourceOf("careful.sh")));
    for (const program of ["units-inside", "units-tamper"]) {
      await machine.writeFile(`/root/${program}.mjs`, await bundled(program));
    }
    return figures(await measured(machine, place.progress));
  },
};

async function measured(machine: Machine, progress: (sentence: string) => void): Promise<Measured> {
  const argv = ["node", "/root/units-inside.mjs", "/srv/disk", "/root/careful.sh", "/root/units-tamper.mjs"];
  progress("1000 files and 20 services are put in place, looked at, and tampered with; about three minutes");
  const { code, out, err } = await machine.exec(argv, { timeoutMs: BENCH_MS });
  if (code !== 0) throw new Error(`it ended with ${code}: ${err.slice(-2000)}`);
  return Measured.parse(JSON.parse(out.trim().split("\n").at(-1) ?? ""));
}

function figures({ cold, pass, edited, stopped, settledMs }: Measured): readonly Figure[] {
  const lost = [...edited, ...stopped].filter((ms) => ms >= LOST_MS).length;
  const beside = (values: readonly number[]): { name: string; values: readonly number[] } => ({
    name: "careful script",
    values,
  });
  return [
    figure({
      name: "all of it put in place for the first time",
      unit: "ms",
      ours: cold.ours,
      baseline: beside(cold.careful),
      target: (ratio) => atMost("at most 1.5 times the script", ratio, 1.5),
    }),
    figure({
      name: "all of it found as declared",
      unit: "ms",
      ours: pass.ours,
      baseline: beside(pass.careful),
      target: (ratio) => atMost("at most a fifth of the script", ratio, 0.2),
    }),
    figure({
      name: "a file edited, repaired",
      unit: "ms",
      ours: edited,
      target: (_, { median }) => atMost("at most 5 ms", median, 5),
    }),
    figure({
      name: "a service stopped, active again",
      unit: "ms",
      ours: stopped,
      target: (_, { median }) => atMost("at most 50 ms", median, 50),
    }),
    figure({
      name: `of these ${edited.length + stopped.length} repairs, lost`,
      unit: "ratio",
      ours: [lost],
      target: () => atMost("none", lost, 0),
    }),
    figure({
      name: "1000 tamperings without a pause: from the last until all is as declared",
      unit: "ms",
      ours: [settledMs],
      target: () => atMost("sooner or later it is", settledMs, SETTLED_MS - 1),
    }),
  ];
}

/** As it runs on the machine's own Node. */
async function bundled(program: string): Promise<string> {
  const banner =
    'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';
  const { outputFiles } = await build({
    entryPoints: [sourceOf(`${program}.ts`)],
    bundle: true,
    write: false,
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "silent",
    banner: { js: banner },
  });
  return outputFiles[0]?.text ?? "";
}
