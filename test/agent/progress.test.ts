import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Progress, SLACK_MS, stalls } from "../../src/agent/progress.ts";
import { probe } from "./support/manifests.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

const well: Progress = { isWorking: false, isLeft: false, turnedMs: 0, running: [] };
const passes = { passedMs: 0, everyMs: 360_000 };

test("an idle agent hangs never, however long it was idle, as long as the passes come", () => {
  expect(stalls({ ...well, turnedMs: 1e9 }, passes)).toEqual([]);
});

test.each<[string, Partial<Progress>, Partial<typeof passes>, RegExp]>([
  [
    "work beyond its deadline",
    { isWorking: true, running: [{ key: "a", forMs: 90_001, deadlineMs: 30_000 }] },
    {},
    /the work on a has gone on for 90 s/,
  ],
  ["something due that nobody works on", { isLeft: true }, {}, /something is due/],
  ["a loop that waits for nothing", { isWorking: true, turnedMs: 60_001 }, {}, /has not come round/],
  ["passes that do not come", {}, { passedMs: 420_001 }, /the last pass over all Scores was 420 s ago/],
])("%s is told", (_, loop, pass, sentence) => {
  expect(stalls({ ...well, ...loop }, { ...passes, ...pass })).toEqual([expect.stringMatching(sentence)]);
});

const ms = fc.oneof(fc.nat(200_000), fc.constantFrom(0, SLACK_MS, SLACK_MS + 1, 360_000, 420_000, 420_001));
const running = fc.record({ key: fc.constantFrom("a", "b"), forMs: ms, deadlineMs: ms });
const loops: fc.Arbitrary<Progress> = fc.record({
  isWorking: fc.boolean(),
  isLeft: fc.boolean(),
  turnedMs: ms,
  running: fc.array(running, { maxLength: 3 }),
});

test("what hangs still hangs later, and what is over its time is the only thing that hangs", () => {
  fc.assert(
    fc.property(loops, ms, fc.nat(100_000), (loop, passedMs, laterMs) => {
      const now = stalls(loop, { passedMs, everyMs: 360_000 });
      const later = stalls(
        {
          ...loop,
          turnedMs: loop.turnedMs + laterMs,
          running: loop.running.map((each) => ({ ...each, forMs: each.forMs + laterMs })),
        },
        { passedMs: passedMs + laterMs, everyMs: 360_000 },
      );
      expect(later.length).toBeGreaterThanOrEqual(now.length);
      const isLate = loop.running.some(({ forMs, deadlineMs }) => forMs - deadlineMs > SLACK_MS);
      const isStuck = loop.isWorking && loop.running.length === 0 && loop.turnedMs > SLACK_MS;
      expect(now.length > 0).toBe(isLate || loop.isLeft || isStuck || passedMs > 360_000 + SLACK_MS);
    }),
  );
});

const names = ["a", "b", "c"] as const;
const event = fc.oneof(
  fc.record({ do: fc.constantFrom("hang", "heal", "fail", "tamper", "hint"), name: fc.constantFrom(...names) }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 40_000 }) }),
  fc.record({ do: fc.constant("accept" as const), wanted: fc.subarray([...names]), value: fc.constantFrom("x", "y") }),
  fc.record({ do: fc.constant("look" as const) }),
);

test("whatever Scores do within their deadlines, hanging calls too, the reconcile loop never looks hung", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 25 }), async (events) => {
      const rig = await ReconcilerRig.open();
      let generation = 0;
      const releases: (() => void)[] = [];
      for (const each of events) {
        if (each.do === "wait") await rig.clock.advance(each.ms);
        else if (each.do === "look") rig.reconciler.lookAtAll();
        else if (each.do === "accept") {
          const scores = Object.fromEntries(each.wanted.map((name) => [name, probe(name, each.value)]));
          await rig.accept({ generation: (generation += 1), scores });
        } else if (each.do === "hang") releases.push(rig.probe.hangs(`${each.name}/0`));
        else if (each.do === "fail") rig.probe.fails(`${each.name}/0`);
        else if (each.do === "heal") rig.probe.heals(`${each.name}/0`);
        else if (each.do === "tamper") rig.probe.tamper(`${each.name}/0`, "theirs");
        else rig.probe.hint(each.name);
        await rig.clock.advance(0);
        expect(stalls(rig.reconciler.progress, passes)).toEqual([]);
      }
      for (const release of releases) release();
      rig.stop.abort();
    }),
    { numRuns: 60 },
  );
});

test("work whose deadline never rings is told by its name, and only after the deadline and some slack", async () => {
  let rings = true;
  const rig = await ReconcilerRig.open({
    clock: (clock) => ({
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      after: (afterMs, then) => clock.after(afterMs, () => void (rings && then())),
    }),
  });
  rig.probe.hangs("a/0");
  await rig.accept({ generation: 1, scores: { a: probe("a") } });
  rings = false;
  await rig.clock.advance(89_000);
  expect(stalls(rig.reconciler.progress, passes)).toEqual([]);
  await rig.clock.advance(2_000);
  expect(stalls(rig.reconciler.progress, passes)).toEqual([
    expect.stringMatching(/^the work on a has gone on for 91 s/),
  ]);
});
