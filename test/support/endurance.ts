import { Random } from "../../simulator/random.ts";

/** Whether the numbers of the acceptance are asked for (`npm run test:endurance`), or the few that every run can afford. */
const isFull = process.env["HARMONY_ENDURANCE"] === "full";

export const inFull = <T>(full: T, few: T): T => (isFull ? full : few);

/** Chance by a seed that is printed; `HARMONY_TEST_SEED` gives it again. */
export function seeded(what: string): Random {
  const seed = Number(process.env["HARMONY_TEST_SEED"] ?? Date.now() % 1_000_000);
  tell(`${what}: HARMONY_TEST_SEED=${seed} repeats these choices`);
  return new Random(seed);
}

/** A line of the report; the reporter of the tests would put its own around what is logged. */
export const tell = (sentence: string): void => void process.stdout.write(`endurance: ${sentence}\n`);

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
