import { contractOf } from "../../../src/testing/contract.ts";
import type { World } from "../../../src/testing/world.ts";
import { report } from "./report.ts";

export interface Keeping {
  /** How many cases of each promise, by its name. */
  readonly runs: (name: string) => number;
  /** At how many moments of a case something goes wrong. */
  readonly faults: number;
  /** Of so many equal parts of the promises, this one alone: machines of their own try the others. Default: all. */
  readonly part?: { readonly nth: number; readonly of: number };
}

/** Puts a kind to its contract on this machine, and prints one line of JSON for each promise. */
export async function keep(world: World, { runs, faults, part = { nth: 0, of: 1 } }: Keeping): Promise<void> {
  for (const [at, { name }] of contractOf(world).entries()) {
    const check = contractOf(world, { runs: runs(name), seed: 1, faults })[at];
    if (check !== undefined && at % part.of === part.nth) await report(name, check.run);
  }
}

/** Those that are about whole runs are tried in so many cases; the others, which take several places each, in one. */
export const often =
  (cases: number) =>
  (name: string): number =>
    /comes to what|repairs what|previews the very|removes its own|takes nothing away|plain JSON/.test(name) ? cases : 1;
