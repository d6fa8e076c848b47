// oxlint-disable vitest/expect-expect -- the rules of `always` have them.
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ProbeTiming } from "../../src/capabilities/probe.ts";
import { answered, isOtherTrouble, newborn, type ProbeState, restAfter } from "../../src/scores/probe-state.ts";

const timings: fc.Arbitrary<ProbeTiming> = fc.record({
  intervalSeconds: fc.integer({ min: 1, max: 20 }),
  timeoutSeconds: fc.constant(1),
  failureThreshold: fc.integer({ min: 1, max: 5 }),
  successThreshold: fc.integer({ min: 1, max: 5 }),
  startPeriodSeconds: fc.integer({ min: 0, max: 60 }),
});
/** Answers, and how long after the one before each was asked for. */
const answers = fc.array(fc.record({ good: fc.boolean(), afterMs: fc.integer({ min: 0, max: 30_000 }) }), {
  maxLength: 60,
});

interface Turn {
  readonly at: number;
  readonly good: boolean;
  readonly before: ProbeState;
  readonly after: ProbeState;
}

function turnsOf(timing: ProbeTiming, all: readonly { readonly good: boolean; readonly afterMs: number }[]): Turn[] {
  let state = newborn(0);
  let at = 0;
  return all.map(({ good, afterMs }) => {
    at += afterMs;
    const before = state;
    state = answered(before, { why: good ? null : `bad at ${at}`, askedAtMs: at, bornAtMs: 0 }, timing);
    return { at, good, before, after: state };
  });
}

const always = (rule: (turns: readonly Turn[], timing: ProbeTiming) => void): void =>
  fc.assert(
    fc.property(timings, answers, (timing, all) => rule(turnsOf(timing, all), timing)),
    { numRuns: 500 },
  );

/** The last answers in a row that were alike, up to and with this one. */
const rowTo = (turns: readonly Turn[], index: number): readonly Turn[] => {
  const row: Turn[] = [];
  for (let each = index; turns[each]?.good === turns[index]?.good; each -= 1) {
    const turn = turns[each];
    if (turn === undefined) break;
    row.push(turn);
  }
  return row;
};

describe("what answers come to", () => {
  test("it turns unhealthy only on a bad answer, with so many in a row before it, an interval apart", () =>
    always((turns, { failureThreshold, intervalSeconds }) => {
      turns.forEach(({ good, before, after, at }, index) => {
        if (before.health === "unhealthy" || after.health !== "unhealthy") return;
        expect(good).toBe(false);
        const row = rowTo(turns, index);
        expect(row.length).toBeGreaterThanOrEqual(failureThreshold);
        const first = row.at(-1)?.at ?? at;
        expect(at - first).toBeGreaterThanOrEqual((failureThreshold - 1) * (intervalSeconds * 1000 - 50));
      });
    }));

  test("it turns unhealthy in no start period, unless it was well before", () =>
    always((turns, { startPeriodSeconds }) => {
      let wasWell = false;
      for (const { at, after } of turns) {
        wasWell ||= after.health === "healthy";
        if (at < startPeriodSeconds * 1000 && !wasWell) expect(after.health).toBe("starting");
      }
    }));

  test("it turns healthy with the last of so many good answers in a row, and not sooner", () =>
    always((turns, { successThreshold }) => {
      turns.forEach(({ before, after, good }, index) => {
        const row = good ? rowTo(turns, index).length : 0;
        if (before.health !== "healthy") expect(after.health === "healthy").toBe(row >= successThreshold);
      });
    }));

  test("bad answers, an interval apart and out of the start period, make it unhealthy at exactly the threshold", () => {
    fc.assert(
      fc.property(timings, (timing) => {
        const afterMs = timing.intervalSeconds * 1000;
        const skipped = Math.ceil((timing.startPeriodSeconds * 1000) / afterMs);
        const all = Array.from({ length: skipped + timing.failureThreshold }, () => ({ good: false, afterMs }));
        const turns = turnsOf(timing, all);
        const turned = turns.findIndex(({ after }) => after.health === "unhealthy");
        const counted = turns.filter(({ at }) => at >= timing.startPeriodSeconds * 1000);
        expect(turns[turned]).toBe(counted[timing.failureThreshold - 1]);
      }),
    );
  });

  test("what is told of it stays the same until its health changes or an answer is good", () =>
    always((turns) => {
      for (const { before, after, good } of turns) {
        if (!good && before.why !== null && before.health === after.health) expect(after.why).toBe(before.why);
        if (after.health === "healthy" && good) expect(after.why).toBeNull();
        if (after.health === "unhealthy") expect(after.why).not.toBeNull();
        if (before.health === after.health) expect(after.sinceMs).toBe(before.sinceMs);
      }
    }));
});

test("it rests ever longer, and restarts of long ago are forgotten", () => {
  expect([0, 1, 2, 3, 6, 100].map(restAfter)).toEqual([0, 10_000, 20_000, 40_000, 300_000, 300_000]);
  const well = { ...newborn(0), health: "healthy" as const };
  expect([isOtherTrouble(well, 599_999), isOtherTrouble(well, 600_000)]).toEqual([false, true]);
  expect(isOtherTrouble(newborn(0), 600_000)).toBe(false);
});
