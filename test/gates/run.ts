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

/** So many smaller ones go through one round: the compiler takes little longer for them than for one. */
const A_ROUND = 100;

/** The smallest case in which they still differ, by taking away one thing after the other. Each round compiles all at once. */
export async function smallest(found: readonly Found[]): Promise<Found | undefined> {
  let [least] = found.toSorted(bySize);
  while (least !== undefined) {
    const [next] = (await differing(several(least.of))).toSorted(bySize);
    if (next === undefined) break;
    least = next;
  }
  return least;
}

/** All that are one thing smaller, and then of those that are several things smaller as many as fit in a round. */
function several(of: Case): readonly Case[] {
  const all = new Map(smaller(of).map((each) => [JSON.stringify(each), each]));
  for (const each of all.values()) {
    if (all.size >= A_ROUND) break;
    for (const less of smaller(each)) all.set(JSON.stringify(less), less);
  }
  return [...all.values()];
}

const sizeOf = (of: Case): number => JSON.stringify(of).length;
const bySize = (a: Found, b: Found): number => sizeOf(a.of) - sizeOf(b.of);
