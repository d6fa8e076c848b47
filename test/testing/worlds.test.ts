import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Verdict, type World, WORLDS } from "../../src/testing/index.ts";

interface Case {
  readonly spec: unknown;
  readonly device: unknown;
  readonly change: unknown;
}

const casesOf = (world: World): readonly Case[] =>
  fc.sample(
    world.specs.chain((spec) =>
      fc.record({ spec: fc.constant(spec), device: world.devices(spec), change: world.changes(spec) }),
    ),
    { numRuns: 400, seed: 1 },
  );

/** How often each verdict is found, before and after a change. */
async function verdicts(world: World): Promise<Readonly<Record<Verdict | "changed" | "unchanged", number>>> {
  const found = { so: 0, "not-so": 0, obstructed: 0, changed: 0, unchanged: 0 };
  for (const { spec, device, change } of casesOf(world)) {
    const place = await world.open(device);
    const before = world.judge(spec, await place.snapshot());
    await place.change(change);
    const after = world.judge(spec, await place.snapshot());
    found[before] += 1;
    found[before === after ? "unchanged" : "changed"] += 1;
  }
  return found;
}

describe.each(Object.entries<World>(WORLDS))("the world of %s", (name, world) => {
  test("brings up devices of every verdict, and changes that matter as well as such that do not", async () => {
    const { obstructed, ...found } = await verdicts(world);
    expect(Math.min(...Object.values(found))).toBeGreaterThan(20);
    // Nothing can be in the way of a Deployment, or of rules.
    expect(obstructed > 20).toBe(!["K8sDeployment", "FirewallPorts"].includes(name));
  });

  test("opens a new place each time", async () => {
    for (const { device, change } of casesOf(world).slice(0, 50)) {
      const before = await (await world.open(device)).snapshot();
      await (await world.open(device)).change(change);
      expect(await (await world.open(device)).snapshot()).toEqual(before);
    }
  });

  test("has names in its snapshots for what the kind is about", async () => {
    const named = await Promise.all(
      casesOf(world).map(async ({ spec, device }) => {
        const snapshot = await (await world.open(device)).snapshot();
        return world.about(spec).some((about) => Object.hasOwn(snapshot, about));
      }),
    );
    expect(named).toContain(true);
    expect(named).toContain(false);
  });
});
