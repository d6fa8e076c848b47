import { contractOf } from "../../../src/testing/contract.ts";
import type { World } from "../../../src/testing/world.ts";
import { excuse, report } from "./report.ts";

export interface Keeping {
  /** How many cases of each promise, by its name. */
  readonly runs: (name: string) => number;
  /** At how many moments of a case something goes wrong. */
  readonly faults: number;
  /** Parts of the names of promises that cannot be tried on this machine: why not. */
  readonly excused?: Readonly<Record<string, string>>;
}

/** Puts a kind to its contract on this machine, and prints one line of JSON for each promise. */
export async function keep(world: World, { runs, faults, excused = {} }: Keeping): Promise<void> {
  for (const { name } of contractOf(world)) {
    const why = Object.entries(excused).find(([part]) => name.includes(part))?.[1];
    const check = contractOf(world, { runs: runs(name), seed: 1, faults }).find((each) => each.name === name);
    if (why !== undefined) excuse(name, why);
    else if (check !== undefined) await report(name, check.run);
  }
}

/** Those that are about whole runs are tried in so many cases; the others, which take several places each, in one. */
export const often =
  (cases: number) =>
  (name: string): number =>
    /comes to what|repairs what|previews the very|removes its own|takes nothing away|plain JSON/.test(name) ? cases : 1;
