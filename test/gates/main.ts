// `npm run test:gates`: random Scores, places and agents, and what the compiler, the checker and an agent say of each.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { type Plant, PLANTS, runPlanted } from "./planted.ts";
import { type Found, run, smallest } from "./run.ts";
import { sourceOf } from "./source.ts";

const NAMES = Object.keys(PLANTS);
const USAGE = `Usage: npm run test:gates -- [--cases N] [--seed S] [--plant NAME]

Makes N cases (default 1000) of the seed S (default: a random one, which is told), and has each judged by the compiler, by the
checker and by an agent. Where they differ, prints the smallest example and ends with 1; with 2 on wrong usage.

--plant: in a copy of the sources in which one gate has a mistake, so that something must be found. NAME is one of
${NAMES.map((name) => `  ${name}`).join("\n")}
`;

/** Progress is told so often. */
const TELL_EVERY_MS = 5_000;

interface Given {
  readonly cases: number;
  readonly seed: number;
  readonly plant: Plant | null;
}

async function main(argv: readonly string[]): Promise<number> {
  const given = parse(argv);
  if (typeof given === "string") {
    process.stderr.write(`${given}${USAGE}`);
    return given === "" ? 0 : 2;
  }
  const { cases, seed, plant } = given;
  if (plant !== null) {
    const interrupted = new AbortController();
    process.once("SIGINT", () => interrupted.abort()).once("SIGTERM", () => interrupted.abort());
    return runPlanted(plant, ["--cases", String(cases), "--seed", String(seed)], interrupted.signal);
  }
  process.stderr.write(`seed ${seed}: compiling ${cases} cases\n`);
  let told = performance.now();
  const found = await run(cases, seed, (done) => {
    if (performance.now() - told < TELL_EVERY_MS) return;
    told = performance.now();
    process.stderr.write(`${done} of ${cases} cases judged\n`);
  });
  process.stdout.write(`${cases} cases, ${found.length} disagreements\n`);
  if (found.length === 0) return 0;
  process.stderr.write("looking for the smallest example\n");
  const least = await smallest(found);
  if (least !== undefined) process.stdout.write(`\n${shown(least)}`);
  process.stdout.write(`\nagain: npm run test:gates -- --cases ${cases} --seed ${seed}\n`);
  return 1;
}

const shown = ({ of, sentences }: Found): string =>
  [
    sourceOf([of]).text,
    `The agent: ${JSON.stringify(of.agent)}`,
    ...sentences.map((sentence) => `They differ about ${sentence}.`),
    "",
  ].join("\n");

function parse(argv: readonly string[]): Given | string {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        cases: { type: "string", default: "1000" },
        seed: { type: "string", default: "random" },
        plant: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return "";
    const { plant } = values;
    if (plant !== undefined && !isPlant(plant)) throw new TypeError(`there is no plant "${plant}"`);
    const seed = values.seed === "random" ? randomInt(1_000_000_000) : whole(values.seed);
    return { cases: whole(values.cases), seed, plant: plant ?? null };
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n`;
  }
}

const isPlant = (name: string): name is Plant => Object.hasOwn(PLANTS, name);

function whole(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new TypeError(`"${text}" is not a whole number from 1`);
  return Number(text);
}

process.exitCode = await main(process.argv.slice(2));
