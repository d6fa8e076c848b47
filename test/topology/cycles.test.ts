import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cycles } from "../../src/topology/cycles.ts";

/** Each id's way to every other one, found the slow way. */
function reaches(after: ReadonlyMap<string, readonly string[]>, from: string, to: string): boolean {
  const seen = new Set<string>();
  const open = [...(after.get(from) ?? [])];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (id === to) return true;
    if (!seen.has(id)) open.push(...(after.get(id) ?? []));
    seen.add(id);
  }
  return false;
}

const ids = ["a", "b", "c", "d", "e", "f", "g"];
const graph = fc
  .dictionary(fc.constantFrom(...ids), fc.uniqueArray(fc.constantFrom(...ids, "gone"), { maxLength: 3 }))
  .map((edges) => new Map(Object.entries(edges)));

describe("the groups of ids that come after themselves", () => {
  test("are exactly those that lead back to themselves, together where they lead to each other", () => {
    fc.assert(
      fc.property(graph, (after) => {
        const groups = cycles(after);
        const inGroup = groups.flat();
        expect(inGroup.toSorted()).toEqual([...after.keys()].filter((id) => reaches(after, id, id)).toSorted());
        for (const one of inGroup) {
          for (const other of inGroup) {
            const together = groups.some((group) => group.includes(one) && group.includes(other));
            expect(together).toBe(reaches(after, one, other) && reaches(after, other, one));
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("are found at once in a graph that a search for one cycle at a time would not finish", () => {
    const count = 100_000;
    const after = new Map(Array.from({ length: count }, (_, n) => [`s${n}`, [`s${n}`, `s${n + 1}`]]));
    let asked = 0;
    const watched = new Map(after);
    watched.get = (id) => {
      asked += 1;
      return after.get(id);
    };
    expect(cycles(watched)).toHaveLength(count);
    expect(asked).toBeLessThanOrEqual(2 * count + 2);
  });
});
