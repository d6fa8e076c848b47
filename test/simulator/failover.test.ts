import { expect, test } from "vitest";
import { PLANTED_IN_FAILOVER } from "../../simulator/failover/planted.ts";
import { run } from "../../simulator/failover/run.ts";
import { withPlanted } from "../../simulator/planted.ts";

const SEEDS = 600;

test("the first seeds of a pair come right", async () => {
  for (let seed = 1; seed <= 60; seed += 1) expect(await run({ seed })).toMatchObject({ broken: null, trace: [] });
});

test("one seed of a pair is one run", async () => {
  for (const seed of [3, 17]) {
    const first = await run({ seed, traced: true });
    expect(first.trace.length).toBeGreaterThan(50);
    expect(await run({ seed, traced: true })).toEqual(first);
    expect(await run({ seed })).toEqual({ ...first, trace: [] });
  }
});

test.each(PLANTED_IN_FAILOVER)("the simulator of a pair finds: $name", { timeout: 60_000 }, async (planted) => {
  const planting = await withPlanted(planted, "simulator/failover/run.ts");
  let found: string | null = null;
  for (let seed = 1; seed <= SEEDS && found === null; seed += 1) {
    found = (await planting({ seed })).broken?.invariant ?? null;
  }
  expect(found).not.toBeNull();
});
