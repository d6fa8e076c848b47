// `npm run simulate`: many runs of whole agents against a world that goes wrong, each decided by its seed alone.
import { parseArgs } from "node:util";
import { type Fault, FAULTS } from "./faults.ts";
import { run as runFailover } from "./failover/run.ts";
import { type Run, run as runOne } from "./run.ts";

const USAGE = `Usage: npm run simulate -- [--seeds N] [--from SEED] [--without FAULT]...
       npm run simulate -- --seed SEED [--trace] [--without FAULT]...
       npm run simulate -- --failover [--seeds N] [--from SEED] [--seed SEED [--trace]]

Plays seeds SEED (default 1) and the N - 1 (default 999) that follow, up to the first that breaks an invariant, whose
trace it prints. Ends with 0 where none did, with 1 where one did, with 2 on wrong usage.

--failover: two agents of one pair instead of two with one id.

Faults: ${FAULTS.join(", ")}
`;

/** Progress is told so often. */
const TELL_EVERY_MS = 5_000;

interface Given {
  readonly from: number;
  readonly seeds: number;
  readonly trace: boolean;
  readonly without: readonly Fault[];
  readonly failover: boolean;
}

async function main(argv: readonly string[]): Promise<number> {
  const given = parse(argv);
  if (typeof given === "string") {
    process.stderr.write(`${given}${USAGE}`);
    return given === "" ? 0 : 2;
  }
  const { from, seeds, trace, without, failover } = given;
  const run = failover ? runFailover : runOne;
  if (trace) {
    const told = await run({ seed: from, traced: true, without });
    process.stdout.write(report(told));
    return told.broken === null ? 0 : 1;
  }
  const started = performance.now();
  let lastTold = started;
  for (let played = 0; played < seeds; played += 1) {
    const seed = from + played;
    const { broken } = await run({ seed, without });
    if (broken !== null) return again(seed, given);
    const now = performance.now();
    if (now - lastTold < TELL_EVERY_MS) continue;
    lastTold = now;
    process.stderr.write(`${played + 1} of ${seeds} seeds, ${Math.round((now - started) / 1000)} s\n`);
  }
  process.stdout.write(`${seeds} seeds, 0 broken\n`);
  return 0;
}

/** The same run, told. It must come out the same, or there is something in it that the seed does not decide. */
async function again(seed: number, { without, failover }: Given): Promise<number> {
  const told = await (failover ? runFailover : runOne)({ seed, traced: true, without });
  process.stdout.write(report(told));
  const options = without.map((fault) => ` --without "${fault}"`).join("") + (failover ? " --failover" : "");
  process.stdout.write(
    told.broken === null
      ? `seed ${seed} broke an invariant and does not when it is played again: something is not decided by the seed\n`
      : `again: npm run simulate -- --seed ${seed} --trace${options}\n`,
  );
  return 1;
}

const report = ({ seed, broken, trace, steps, virtualMs, faults }: Run): string =>
  [
    ...trace,
    `seed ${seed}: ${steps} steps, ${Math.round(virtualMs / 1000)} s; faults: ${faults.join(", ") || "none"}`,
    broken === null ? "1 seeds, 0 broken" : `broken: ${broken.invariant}\n        ${broken.what}`,
    "",
  ].join("\n");

function parse(argv: readonly string[]): Given | string {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        seeds: { type: "string" },
        from: { type: "string" },
        seed: { type: "string" },
        trace: { type: "boolean", default: false },
        without: { type: "string", multiple: true, default: [] },
        failover: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return "";
    const one = values.seed === undefined ? null : whole(values.seed);
    const without = values.without.map((name) => {
      const fault = FAULTS.find((each) => each === name);
      if (fault === undefined) throw new TypeError(`there is no fault "${name}"`);
      return fault;
    });
    if (values.trace && one === null) throw new TypeError("--trace needs --seed");
    return {
      from: one ?? whole(values.from ?? "1"),
      seeds: one === null ? whole(values.seeds ?? "1000") : 1,
      trace: values.trace,
      without,
      failover: values.failover,
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
