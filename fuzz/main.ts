// `npm run fuzz`: what reads others' words is given words that are wrong.
import { hash, randomInt } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { TARGETS } from "./targets.ts";
import { type Finding, watch, type Watched } from "./watch.ts";

const NAMES = Object.keys(TARGETS);
const USAGE = `Usage: npm run fuzz -- [NAME]... [--seconds N] [--seed S]... [--json]
       npm run fuzz -- NAME --replay FILE

Gives each target (default: all) inputs that are wrong, for N seconds (default 60) and each seed (default: a random one, which
is told). A target runs in a process of its own, which is watched: where it breaks a promise, dies, hangs for 20 s, or takes
more than 512 MiB, the input is written to a file in fuzz-findings/, smaller where that is easy, and --replay reads it again.
Ends with 0 where nothing was found, with 1 where something was, with 2 on wrong usage.

Targets: ${NAMES.join(", ")}
`;

interface Given {
  readonly names: readonly string[];
  readonly seconds: number;
  readonly seeds: readonly number[];
  readonly json: boolean;
  readonly replay: string | null;
}

async function main(argv: readonly string[]): Promise<number> {
  const given = parse(argv);
  if (typeof given === "string") {
    process.stderr.write(`${given}${USAGE}`);
    return given === "" ? 0 : 2;
  }
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort()).once("SIGTERM", () => interrupted.abort());
  const { signal } = interrupted;
  let code = 0;
  for (const target of given.names) {
    for (const seed of given.seeds) {
      const told = teller(target, given.json);
      const order = { target, seed, ms: (given.seconds * 1000) / given.seeds.length, replay: given.replay };
      const watched = await watch({ ...order, signal, onProgress: told });
      if (signal.aborted) return 1;
      if (watched.finding !== null) code = 1;
      report(target, seed, watched, given);
    }
  }
  return code;
}

/** Progress, every five seconds. */
function teller(target: string, json: boolean): (progress: Watched["progress"]) => void {
  let at = performance.now();
  return ({ inputs, blocks }) => {
    if (json || performance.now() - at < 5000) return;
    at = performance.now();
    process.stderr.write(`${target}: ${inputs} inputs, ${blocks.reached} blocks\n`);
  };
}

function report(target: string, seed: number, { finding, progress, peakBytes, ms }: Watched, given: Given): void {
  const { inputs, kept, blocks, grownBytes } = progress;
  const file = finding === null || given.replay !== null ? given.replay : saved(target, finding);
  if (given.json) {
    const found = finding === null ? null : { kind: finding.kind, message: finding.message, file };
    const document = { target, seed, seconds: ms / 1000, inputs, kept, blocks, peakBytes, grownBytes, found };
    process.stdout.write(`${JSON.stringify(document)}\n`);
    return;
  }
  const mib = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`;
  const what = `${inputs} inputs in ${Math.round(ms / 1000)} s, ${blocks.reached} blocks (${blocks.bySeeds} by the seeds alone), ${kept} kept; at most ${mib(peakBytes)}, grown by ${mib(grownBytes)}`;
  process.stdout.write(
    `${target}, seed ${seed}: ${what}; ${finding === null ? "nothing found" : `FOUND: ${finding.kind}`}\n`,
  );
  if (finding === null) return;
  process.stdout.write(`${finding.message}\ninput: ${shown(finding.input)}\n`);
  process.stdout.write(`again: npm run fuzz -- ${target} --replay ${file ?? ""}\n`);
}

function saved(target: string, { input }: Finding): string {
  const file = join("fuzz-findings", `${target}-${hash("sha256", input).slice(0, 12)}`);
  mkdirSync("fuzz-findings", { recursive: true });
  writeFileSync(file, input);
  return file;
}

const shown = (input: Uint8Array): string => JSON.stringify(Buffer.from(input.subarray(0, 2000)).toString());

function parse(argv: readonly string[]): Given | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        seconds: { type: "string", default: "60" },
        seed: { type: "string", multiple: true, default: [] },
        json: { type: "boolean", default: false },
        replay: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return "";
    const wrong = positionals.find((name) => !NAMES.includes(name));
    if (wrong !== undefined) throw new TypeError(`there is no target "${wrong}"`);
    const replay = values.replay ?? null;
    const isOne = positionals.length === 1;
    if (replay !== null && !isOne) throw new TypeError("--replay needs the one target that reads the file");
    const seeds = values.seed.map((text) => (text === "random" ? randomInt(1_000_000_000) : whole(text)));
    return {
      names: positionals.length === 0 ? NAMES : positionals,
      seconds: whole(values.seconds),
      seeds: seeds.length === 0 ? [randomInt(1_000_000_000)] : seeds,
      json: values.json,
      replay,
    };
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n`;
  }
}

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new TypeError(`"${text}" is not a whole number`);
  return Number(text);
}

process.exitCode = await main(process.argv.slice(2));
