// `npm run bench`: every figure beside a baseline that was taken in the same run, in turn with it. On a shared or busy
// machine quote the ratios; absolute times are worth comparing only within one run.
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { apply } from "./apply.ts";
import { codec } from "./codec.ts";
import { drift } from "./drift.ts";
import type { Benchmark, Figure, Place, Spread, Unit } from "./figure.ts";
import { footprint } from "./footprint.ts";
import { idle } from "./idle.ts";
import { leak } from "./leak.ts";
import { pass } from "./pass.ts";
import { units } from "./units.ts";

const ALL: readonly Benchmark[] = [pass, codec, drift, apply, footprint, units, leak, idle];

const USAGE = `Usage: npm run bench -- [--only NAME]... [--minutes N] [--leak BYTES] [--json]

  --minutes N   how long "idle" watches; default 10
  --leak BYTES  have the agent of "idle" and "leak" keep so many with each heartbeat: the run has to miss a target then

Benchmarks: ${ALL.map(({ name }) => name).join(", ")}
`;

interface Done {
  readonly name: string;
  readonly title: string;
  readonly figures: readonly Figure[];
}

async function main(argv: readonly string[]): Promise<number> {
  const chosen = choose(argv);
  if (typeof chosen === "string") {
    process.stderr.write(`${chosen}\n${USAGE}`);
    return 2;
  }
  const done: Done[] = [];
  for (const benchmark of chosen.benchmarks) done.push(await run(benchmark, chosen));
  const at = new Date().toISOString();
  const machine = {
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
  };
  const where = `${at}, Node ${machine.node}, ${machine.platform}, ${machine.cores} cores, ${machine.memoryGiB} GiB.`;
  process.stdout.write(
    chosen.json
      ? `${JSON.stringify({ at, machine, benchmarks: done })}\n`
      : `${report(done)}\n${where}\n${summary(done)}`,
  );
  return 0;
}

interface Chosen extends Pick<Place, "minutes" | "leakBytes"> {
  readonly benchmarks: readonly Benchmark[];
  readonly json: boolean;
}

function choose(argv: readonly string[]): Chosen | string {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        only: { type: "string", multiple: true },
        minutes: { type: "string" },
        leak: { type: "string" },
        json: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
    const unknown = values.only?.find((name) => !ALL.some((each) => each.name === name));
    if (values.help === true || unknown !== undefined) {
      return unknown === undefined ? "" : `there is no benchmark "${unknown}"`;
    }
    const minutes = values.minutes === undefined ? null : Number(values.minutes);
    if (minutes !== null && !(minutes > 0)) return "--minutes is a number above 0";
    const leakBytes = Number(values.leak ?? 0);
    if (!Number.isSafeInteger(leakBytes / 8) || leakBytes < 0) return "--leak is a number of bytes, by eights";
    const benchmarks = ALL.filter(({ name }) => values.only?.includes(name) ?? true);
    return { benchmarks, minutes, leakBytes, json: values.json ?? false };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function run(benchmark: Benchmark, { minutes, leakBytes }: Chosen): Promise<Done> {
  const { name, title } = benchmark;
  const directory = mkdtempSync(join(tmpdir(), `harmony-bench-${name}-`));
  const ends: (() => Promise<void> | void)[] = [];
  const progress = (sentence: string): void => void process.stderr.write(`${name}: ${sentence}\n`);
  try {
    return {
      name,
      title,
      figures: await benchmark.run({ directory, minutes, leakBytes, progress, atEnd: (end) => void ends.push(end) }),
    };
  } finally {
    for (const end of ends.toReversed()) await end();
    rmSync(directory, { recursive: true, force: true });
  }
}

function report(done: readonly Done[]): string {
  return done
    .map(({ name, title, figures }) => {
      const rows = figures.map((each) => [
        each.name,
        shown(each.ours, each.unit),
        each.baseline === null ? "" : `${each.baseline.name}: ${shown(each.baseline.is, each.unit)}`,
        each.ratio === null ? "" : `${round(each.ratio)} x`,
        each.target === null ? "" : each.target.met ? "met" : "MISSED",
      ]);
      return `${name}: ${title}\n${table(rows)}\n`;
    })
    .join("\n");
}

function summary(done: readonly Done[]): string {
  const targets = done.flatMap(({ figures }) =>
    figures.flatMap(({ name, target }) => (target === null ? [] : [{ name, ...target }])),
  );
  if (targets.length === 0) return "";
  const lines = targets.map(
    ({ name, says, value, met }) => `${met ? "met   " : "MISSED"}  ${name}: ${says} (${round(value)})\n`,
  );
  return `\n${lines.join("")}${targets.filter(({ met }) => met).length} of ${targets.length} targets met.\n`;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd())
    .join("\n");
}

const shown = ({ median, min, max, p99, count }: Spread, unit: Unit): string => {
  const suffix = unit === "ratio" || unit === "count" ? "" : ` ${unit}`;
  if (count === 1) return `${round(median)}${suffix}`;
  return `${round(median)}${suffix} (${round(min)} to ${round(max)}${p99 === null ? "" : `, p99 ${round(p99)}`})`;
};

const round = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));

process.exitCode = await main(process.argv.slice(2));
