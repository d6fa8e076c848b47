import { describe, expect, test } from "vitest";
import type { AnyScoreClass } from "../../src/scores/score.ts";
import { contractOf, type World } from "../../src/testing/index.ts";
import { CONVERGING } from "./broken/converging.ts";
import { DISTURBED } from "./broken/disturbed.ts";
import type { Mutant } from "./broken/mutant.ts";
import { RETIRING } from "./broken/retiring.ts";
import { TELLING } from "./broken/telling.ts";
import { DrawerScore, drawerKind, drawerWorld, sound } from "./drawer.ts";

const MUTANTS: readonly Mutant[] = [...CONVERGING, ...DISTURBED, ...RETIRING, ...TELLING];

const checksOf = (kind: AnyScoreClass) => contractOf(drawerWorld(kind));

/** Runs the one check whose name has these words in it. */
function run(kind: AnyScoreClass, words: string): Promise<void> {
  const [check, ...more] = checksOf(kind).filter(({ name }) => name.includes(words));
  if (check === undefined || more.length > 0) throw new Error(`"${words}" is not the name of one check`);
  return check.run();
}

describe("a sound kind", () => {
  test.each(checksOf(DrawerScore))("$name", async (check) => {
    await expect(check.run()).resolves.toBeUndefined();
  });
});

describe("the suite finds a kind that", () => {
  test.each(MUTANTS)("$what", async ({ kind, check, says }) => {
    await expect(run(kind(), check)).rejects.toThrow(says);
  });
});

test("each check of the suite finds one of them", () => {
  const idle = checksOf(DrawerScore).filter(({ name }) => !MUTANTS.some(({ check }) => name.includes(check)));
  expect(idle.map(({ name }) => name)).toEqual([]);
});

test("each place that is opened is cleared away, also where the kind fails", async () => {
  let [opened, closed] = [0, 0];
  const world: World = drawerWorld(drawerKind({ retire: () => [] }));
  const counting: World = {
    ...world,
    async open(device) {
      opened += 1;
      return { ...(await world.open(device)), close: () => void (closed += 1) };
    },
  };
  await Promise.all(contractOf(counting, { runs: 3 }).map((check) => check.run().catch(() => {})));
  expect(opened).toBeGreaterThan(16);
  expect(closed).toBe(opened);
});

describe("a failure", () => {
  const broken = drawerKind({ retire: () => [] });
  const failureOf = async (options: Parameters<typeof contractOf>[1]): Promise<string> => {
    const check = contractOf(drawerWorld(broken), options).find(({ name }) => name.includes("removes its own when"));
    return check === undefined ? "" : check.run().then(() => "none", String);
  };

  test("prints the seed, the path, and the smallest example in full", async () => {
    const text = await failureOf({ seed: 7 });
    expect(text).toMatch(/seed: 7, path: "[\d:]+"/);
    expect(text).toContain('{"spec":{"name":"a","text":"mine"},"device":{"other":"mine"},"changes":');
    expect(text).toContain("shouldBeLeft: {");
  });

  test("comes again from its seed and path alone, at once", async () => {
    const path = /path: "([\d:]+)"/.exec(await failureOf({ seed: 7 }))?.[1];
    expect(path).toBeDefined();
    expect(await failureOf({ seed: 7, path: path ?? "" })).toContain("failed after 1 tests");
  });

  test("is found or not by the number of runs", async () => {
    const rare = drawerKind({
      retire: (spec, seen, claims) => (spec.name === "b" ? [] : sound.retire(spec, seen, claims)),
    });
    const few: World = drawerWorld(rare);
    const outcomes = await Promise.all(
      [1, 100].map(async (runs) => {
        const found = contractOf(few, { runs, seed: 3 }).find(({ name }) => name.includes("removes its own when"));
        return found?.run().then(
          () => "kept",
          () => "broken",
        );
      }),
    );
    expect(outcomes).toEqual(["kept", "broken"]);
  });
});
