import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseWaves, planWaves } from "../../../src/fleet/rollout/waves.ts";
import { AgentId } from "../../../src/wire/keys.ts";

const devices = (count: number): readonly AgentId[] =>
  Array.from({ length: count }, (_, at) => AgentId.parse(`pi-${at + 1}`));
const plan = (count: number, text: string, maxFailures = 0, soakMs = 0) =>
  planWaves(devices(count), { waves: parseWaves(text) ?? [], maxFailures, soakMs });

describe("waves", () => {
  test("are told with their arithmetic", () => {
    expect(plan(7, "1,50%,100%", 2, 60_000)).toMatchObject({
      _tag: "Plan",
      arithmetic: [
        "wave 1: 1 device",
        "wave 2: 50% of 7 is 3.5, rounded up to 4 devices, less the 1 before: 3 more",
        "wave 3: 100% of 7 is 7 devices, less the 4 before: 3 more",
        "it stops once 3 of 7 devices have failed (--max-failures 2)",
        "it takes at least 180 s: 60 s of --soak for each of 3 waves",
      ],
      warnings: ["wave 1 cannot stop it: 1 device is reached by then, and --max-failures 2 allows for as many"],
    });
    expect(plan(200, "1,10%,100%")).toMatchObject({ waves: { 0: ["pi-1"], 1: { length: 19 }, 2: { length: 180 } } });
  });

  test.each([
    [
      7,
      "1,10%,100%",
      0,
      "WaveAddsNothing",
      "wave 2 (10% of 7 is 0.7, rounded up to 1 device) adds nothing: the wave before it reaches 1 device already",
    ],
    [7, "100%,3", 0, "WaveAddsNothing", "wave 2 (3 devices) adds nothing"],
    [7, "1,8", 0, "WaveTooLarge", "wave 2 asks for 8 devices, and 7 are meant"],
    [7, "1,50%", 0, "NotAll", "the waves reach 4 of 7 devices: end them with 100%"],
    [7, "100%", 7, "LimitUnreachable", "more than 7 of 7 devices can never fail"],
    [0, "100%", 0, "NoDevices", "no device is meant"],
    [2001, "100%", 0, "TooManyDevices", "one roll-out takes 2000 at the most"],
  ] as const)("of %i devices as %s with %i failures are refused: %s", (count, text, failures, reason, message) => {
    expect(plan(count, text, failures)).toMatchObject({
      _tag: "Infeasible",
      reason,
      message: expect.stringContaining(message),
    });
  });

  test.each(["", "0", "1,", "x", "101%", "0%", "1.5", "-1", "1 2", "1%%"])("%j are none", (text) => {
    expect(parseWaves(text)).toBeNull();
  });

  test("that can be so hold each device once, in order, and none is empty", () => {
    const reach = fc.oneof(
      fc.integer({ min: 1, max: 60 }).map(String),
      fc.integer({ min: 1, max: 100 }).map((each) => `${each}%`),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 50 }), fc.array(reach, { minLength: 1, maxLength: 4 }), (count, waves) => {
        const all = devices(count);
        const made = planWaves(all, {
          waves: parseWaves([...waves, "100%"].join(",")) ?? [],
          maxFailures: 0,
          soakMs: 0,
        });
        if (made._tag === "Infeasible") {
          expect(made.message).not.toBe("");
          return;
        }
        expect(made.waves.flat()).toEqual(all);
        expect(made.waves.every(({ length }) => length > 0)).toBe(true);
      }),
    );
  });
});
