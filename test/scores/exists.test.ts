import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { preview } from "../../src/scores/interpret.ts";
import { type World, WORLDS } from "../../src/testing/index.ts";
import { around } from "./surroundings.ts";

/** What these are about was brought by others, or still runs when its file is gone. */
const THERE_ANYWAY = ["SystemdUnit", "NetworkInterface", "Container"];

describe.each(Object.entries<World>(WORLDS).filter(([name]) => !THERE_ANYWAY.includes(name)))("%s", (_, world) => {
  test("that only makes what is missing never finds that it is there where nothing of it is", async () => {
    await fc.assert(
      fc.asyncProperty(
        world.specs.chain((spec) => fc.tuple(fc.constant(spec), world.devices(spec))),
        async ([spec, device]) => {
          const place = await world.open(device);
          try {
            const before = await place.snapshot();
            const score = world.kind.parse(spec);
            const seen = await preview(score, around(place.ports));
            fc.pre(seen._tag === "Planned");
            const isThere = world.about(spec).some((name) => Object.hasOwn(before, name));
            if (!isThere && seen.steps.length > 0) expect(score.bind().exists(seen.observed)).toBe(false);
          } finally {
            await place.close?.();
          }
        },
      ),
      { numRuns: 100, seed: 1 },
    );
  });
});
