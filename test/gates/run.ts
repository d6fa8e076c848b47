import * as fc from "fast-check";
import type { Case } from "./case.ts";
import { compileCases } from "./compiler-gate.ts";
import { disagreements } from "./disagreement.ts";
import { judge } from "./judge.ts";
import { randomCase } from "./random-case.ts";
import { smaller } from "./smaller.ts";

export interface Found {
  readonly of: Case;
  readonly sentences: readonly string[];
}

/** So many go through one run of the compiler. */
const AT_ONCE = 5_000;

/** All cases of a seed in which the gates differ. `tell` hears of progress. */
export async function run(cases: number, seed: number, tell: (done: number) => void): Promise<readonly Found[]> {
  const all = fc.sample(randomCase, { numRuns: cases, seed });
  const found: Found[] = [];
  for (let first = 0; first < all.length; first += AT_ONCE) {
    found.push(...(await differing(all.slice(first, first + AT_ONCE), (done) => tell(first + done))));
  }
  return found;
}

async function differing(cases: readonly Case[], tell: (done: number) => void = () => {}): Promise<readonly Found[]> {
  const batch = await compileCases(cases);
  const found: Found[] = [];
  for (const [at, of] of cases.entries()) {
    const sentences = disagreements(of, await judge(of, batch, at));
    if (sentences.length > 0) found.push({ of, sentences });
    tell(at + 1);
  }
  return found;
}

/** The smallest case in which they still differ, by taking away one thing after the other. Each round compiles all at once. */
export async function smallest(found: readonly Found[]): Promise<Found | undefined> {
  const [first] = found.toSorted((a, b) => sizeOf(a.of) - sizeOf(b.of));
  let least = first;
  while (least !== undefined) {
    const [next] = await differing(smaller(least.of));
    if (next === undefined) break;
    least = next;
  }
  return least;
}

const sizeOf = (of: Case): number => JSON.stringify(of).length;
