import * as fc from "fast-check";
import { canonicalize } from "json-canonicalize";
import { describe, expect, test } from "vitest";
import {
  backoffMs,
  begin,
  blocked,
  interrupted,
  passedOver,
  retiring,
  retryDelayMs,
  sameJson,
  settled,
  started,
  TRANSITIONS,
} from "../../src/agent/score-status.ts";
import type { Failure, Outcome } from "../../src/scores/outcome.ts";
import type { DecodedScore } from "../../src/wire/decode.ts";
import { SCORE_STATES, ScoreStatus } from "../../src/wire/status.ts";
import { decoded, file, unknownKind } from "./support/manifests.ts";

const scoreOf = (content: string): DecodedScore => {
  const score = decoded({
    generation: 1,
    scores: { a: content === "" ? unknownKind() : file("/a", content) },
  }).scores.get("a");
  if (score === undefined) throw new Error("not decoded");
  return score;
};
/** The one that is refused, and two that differ. */
const SCORES = { refused: scoreOf(""), one: scoreOf("1"), two: scoreOf("2") } as const;

const failureOf = (message: string): Failure => ({ _tag: "Bug", during: "apply", step: null, message });
const failure = (message: string): Outcome => ({
  outcome: "FAILURE",
  observed: null,
  did: [],
  failure: failureOf(message),
});

type Event =
  | { readonly on: "begin"; readonly score: keyof typeof SCORES }
  | { readonly on: "start" }
  | { readonly on: "block"; readonly ids: readonly string[] }
  | { readonly on: "retire" }
  | { readonly on: "pass over" }
  | {
      readonly on: "settle";
      readonly outcome: "NOOP" | "SUCCESS" | "FAILURE" | "for good" | "TOLD" | "repair" | "awaits";
      readonly seen: number;
      readonly message: string;
    };

const events: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ on: fc.constant("begin" as const), score: fc.constantFrom("refused", "one", "two") }),
  fc.record({ on: fc.constant("start" as const) }),
  fc.record({ on: fc.constant("block" as const), ids: fc.uniqueArray(fc.constantFrom("x", "y"), { minLength: 1 }) }),
  fc.record({ on: fc.constant("retire" as const) }),
  fc.record({ on: fc.constant("pass over" as const) }),
  fc.record({
    on: fc.constant("settle" as const),
    outcome: fc.constantFrom("NOOP", "SUCCESS", "FAILURE", "for good", "TOLD", "repair", "awaits"),
    seen: fc.nat(2),
    message: fc.constantFrom("first", "second", "third"),
  }),
);
const changes = fc.constantFrom("intentional" as const, "corrective" as const);
const history = fc.array(fc.record({ event: events, change: changes, generation: fc.integer({ min: 1, max: 3 }) }), {
  maxLength: 30,
});

function happens(
  from: ScoreStatus,
  { event, change, generation }: { event: Event; change: "intentional" | "corrective"; generation: number },
  now: Date,
): ScoreStatus {
  switch (event.on) {
    case "begin":
      return begin(SCORES[event.score], generation, from, now);
    case "start":
      return started(from, now);
    case "block":
      return blocked(from, event.ids, generation, now);
    case "retire":
      return retiring(from, generation, now);
    case "pass over":
      return passedOver(from, generation, now);
    case "settle": {
      const settling = { change, generation, now, retryAfter: new Date(now.getTime() + 1000) };
      const observed = { seen: event.seen };
      if (event.outcome === "for good") return settled(from, failure(event.message), { ...settling, retryAfter: null });
      if (event.outcome === "TOLD") return settled(from, { outcome: "TOLD", observed, would: [event.seen] }, settling);
      if (event.outcome === "awaits") {
        return settled(from, { outcome: "NOOP", observed }, { ...settling, awaits: true });
      }
      if (event.outcome === "repair") {
        const at = now.toISOString();
        const contested = event.seen === 0 ? null : { inARow: 1 + event.seen, since: at, last: at };
        const repair = { repairs: (from.repairs ?? 0) + 1, contested };
        return settled(from, { outcome: "SUCCESS", observed, did: ["it"] }, { ...settling, repair });
      }
      if (event.outcome === "FAILURE") return settled(from, failure(event.message), settling);
      if (event.outcome === "NOOP") return settled(from, { outcome: "NOOP", observed }, settling);
      return settled(from, { outcome: "SUCCESS", observed, did: ["it"] }, settling);
    }
  }
}

/** Runs a history, one second a step, and holds each step that there is against the rule; the others are refused. */
function eachStep(
  steps: typeof history extends fc.Arbitrary<infer T> ? T : never,
  rule: (before: ScoreStatus, after: ScoreStatus, event: Event, now: Date) => void,
): void {
  let status = begin(SCORES.one, 1, undefined, new Date(0));
  let at = 0;
  for (const step of steps) {
    const now = new Date((at += 1000));
    let after: ScoreStatus;
    try {
      after = happens(status, step, now);
    } catch (error) {
      const [, from, to] =
        /^no Score goes from (\w+) to (\w+)$/.exec(String(error instanceof Error && error.message)) ?? [];
      expect(from).toBe(status.state);
      expect(TRANSITIONS[status.state]).not.toContain(to);
      continue;
    }
    rule(status, after, step.event, now);
    status = after;
  }
}

const always = (
  rule: (before: ScoreStatus, after: ScoreStatus, event: Event, now: Date) => void,
  options: { readonly numRuns: number; readonly seed?: number } = { numRuns: 500 },
): void =>
  fc.assert(
    fc.property(history, (steps) => eachStep(steps, rule)),
    options,
  );
const isRepair = (event: Event): boolean =>
  event.on === "settle" && (event.outcome === "SUCCESS" || event.outcome === "repair");

describe("whatever happens to a Score, in whatever order", () => {
  test("its state changes as the table allows, and every step of the table is taken", () => {
    const taken = new Set<string>();
    always(
      (before, after) => {
        if (before.state === after.state) return;
        taken.add(`${before.state} ${after.state}`);
        expect(TRANSITIONS[before.state]).toContain(after.state);
      },
      { numRuns: 5000, seed: 1 },
    );
    // Where work was under way when the power went, nothing is known of it: `blocked` alone.
    const all = SCORE_STATES.flatMap((from) => TRANSITIONS[from].map((to) => `${from} ${to}`));
    expect([...taken].toSorted()).toEqual(all.filter((step) => !step.match(/^(\w+) \1$/)).toSorted());
  });

  test("`since` is the moment of the last change of state or content, or of the last repair", () =>
    always((before, after, event, now) => {
      const repaired = isRepair(event) && before.state === "Ready";
      const isAnother = event.on === "begin" && after.digest !== before.digest && after.state !== "Refused";
      const begunAnew = isAnother || (event.on === "begin" && after.state === "Pending" && before.state !== "Pending");
      const expected = after.state !== before.state || repaired || begunAnew ? now.toISOString() : before.since;
      if (event.on === "begin" && after.state === "Pending" && before.state === "Pending") return;
      expect(after.since).toBe(expected);
    }));

  test("the first cause of a failure stays until the Score is Ready, changes or is dropped", () =>
    always((before, after, event) => {
      if (before.knownBad === true && event.on === "settle" && !isRepair(event) && event.outcome !== "NOOP") {
        expect([after.error, after.attempts, after.retryAfter]).toEqual([before.error, before.attempts, null]);
      } else if (event.on === "settle" && event.outcome === "for good") {
        const isBad = after.state === "Retiring" ? undefined : true;
        expect([after.error?.reason, after.retryAfter, after.knownBad]).toEqual(["Bug", null, isBad]);
      } else if (event.on === "settle" && event.outcome === "FAILURE") {
        expect(after.error).toEqual(before.error ?? expect.objectContaining({ reason: "Bug" }));
        expect(after.attempts).toBe(before.attempts + 1);
        expect(after.retryAfter).not.toBeNull();
      } else if (event.on === "start" || event.on === "block" || event.on === "pass over") {
        expect([after.error, after.attempts, after.knownBad]).toEqual([before.error, before.attempts, before.knownBad]);
      } else if (event.on === "settle" && event.outcome === "awaits") {
        expect([after.error, after.attempts, after.retryAfter]).toEqual([before.error, before.attempts, null]);
      } else if (event.on === "settle") {
        expect([after.error, after.attempts, after.retryAfter]).toEqual([null, 0, null]);
      } else if (event.on === "begin" && after.digest !== before.digest && after.state !== "Refused") {
        expect([after.error, after.attempts, after.retryAfter]).toEqual([null, 0, null]);
      }
    }));

  test("its fields fit its state", () =>
    always((_, after, event) => {
      expect(ScoreStatus.parse(after)).toEqual(after);
      expect(after.blockedOn.length > 0).toBe(after.state === "Blocked");
      if (after.state === "Failed" || after.state === "Refused") expect(after.error).not.toBeNull();
      if (after.state === "Ready" || after.state === "Pending") expect(after.retryAfter).toBeNull();
      expect(after.wouldDo !== undefined).toBe(after.state === "Drifted");
      if (after.knownBad === true) expect(["Failed", "Blocked", "Reconciling"]).toContain(after.state);
      if (after.state === "Refused") expect(after.digest).toBe("");
      if (event.on === "begin") expect(after.state).not.toBe("Retiring");
    }));

  test("it stays the same object where nothing changed, so that a change is told by one comparison", () =>
    always((before, after) => expect(canonicalize(after) === canonicalize(before)).toBe(after === before)));
});

test("a Score that is looked at again stays Ready or Failed meanwhile, so that its condition does not flap", () => {
  const fresh = begin(SCORES.one, 1, undefined, new Date(0));
  const settling = { change: "intentional", generation: 1, now: new Date(1000), retryAfter: new Date(2000) } as const;
  const failed = settled(started(fresh, new Date(0)), failure("no"), settling);
  expect(started(fresh, new Date(0)).state).toBe("Reconciling");
  expect(started(failed, new Date(5000))).toBe(failed);
  const again = settled(started(failed, new Date(5000)), failure("still no"), { ...settling, now: new Date(6000) });
  expect(again).toMatchObject({ state: "Failed", since: new Date(1000).toISOString(), attempts: 2 });
  const ready = settled(failed, { outcome: "NOOP", observed: {} }, settling);
  expect(started(ready, new Date(9000))).toBe(ready);
});

test("a look that finds all well is no news, but the first one for a generation is", () => {
  const fresh = begin(SCORES.one, 1, undefined, new Date(0));
  const first = settled(
    started(fresh, new Date(0)),
    { outcome: "SUCCESS", observed: { n: 1 }, did: ["it"] },
    settlingOf("intentional", 1),
  );
  expect(first).toMatchObject({ outcome: "SUCCESS", change: "intentional" });
  expect(settled(first, { outcome: "NOOP", observed: { n: 1 } }, settlingOf("corrective", 1))).toBe(first);
  expect(settled(first, { outcome: "NOOP", observed: { n: 1 } }, settlingOf("intentional", 2))).toMatchObject({
    outcome: "NOOP",
    generation: 2,
    since: first.since,
  });
});
const settlingOf = (change: "intentional" | "corrective", generation: number) => ({
  change,
  generation,
  now: new Date(1000),
  retryAfter: new Date(2000),
});

test("what is interrupted is as it was, and only from Reconciling does a state go back", () => {
  const fresh = begin(SCORES.one, 1, undefined, new Date(0));
  const busy = started(fresh, new Date(1000));
  expect(interrupted(busy, fresh)).toBe(fresh);
  expect(() => interrupted(settled(busy, failure("first"), settlingOf("corrective", 1)), busy)).toThrow(
    "no Score goes from Failed to Reconciling",
  );
});

test("the pause after a failure is 1 s, doubles, and ends at 5 min, with a fifth of jitter either way", () => {
  expect([0, 1, 2, 3, 8, 9, 40].map((attempts) => backoffMs(attempts, () => 0.5))).toEqual([
    1000, 2000, 4000, 8000, 256_000, 300_000, 300_000,
  ]);
  fc.assert(
    fc.property(fc.nat(2000), fc.double({ min: 0, max: 1, noNaN: true }), (attempts, random) => {
      const middle = backoffMs(attempts, () => 0.5);
      const pause = backoffMs(attempts, () => random);
      expect(pause).toBeGreaterThanOrEqual(middle * 0.8 - 1e-6);
      expect(pause).toBeLessThanOrEqual(middle * 1.2 + 1e-6);
    }),
  );
  expect(backoffMs(3, () => 0)).toBeLessThan(backoffMs(3, () => 1));
});

describe("sameJson", () => {
  const json = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>(0, -0, null, [], {}, [[]], [{}], { a: null }, { a: [] }),
  );

  test("what was as declared before is tried again at least once a minute, and what cannot help by itself every five", () => {
    const failing = (retryable: boolean): Outcome => ({
      outcome: "FAILURE",
      observed: null,
      did: [],
      failure: {
        _tag: "PortFailed",
        during: "apply",
        step: null,
        problem: { code: "Failed", message: "no", blame: "device", next: "look", retryable },
      },
    });
    const delay = (...given: [boolean, number, "intentional" | "corrective"]): number =>
      retryDelayMs(failing(given[0]), given[1], () => 0.5, given[2]);
    expect([2, 20].map((attempts) => delay(true, attempts, "corrective"))).toEqual([4000, 60_000]);
    expect([2, 20].map((attempts) => delay(true, attempts, "intentional"))).toEqual([4000, 300_000]);
    expect(delay(false, 1, "corrective")).toBe(300_000);
  });

  test("is equality of what is written out, whatever the order of the keys", () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(sameJson(a, b)).toBe(canonicalize(a) === canonicalize(b));
        expect(sameJson(a, JSON.parse(JSON.stringify(a)))).toBe(true);
      }),
      { numRuns: 2000 },
    );
    expect(sameJson({ a: 1, b: [2] }, { b: [2], a: 1 })).toBe(true);
  });

  test("sees one changed place in a large value", () => {
    const place = fc.record({ a: fc.array(fc.nat()), b: fc.dictionary(fc.string(), fc.nat()) });
    fc.assert(
      fc.property(place, (value) => {
        expect(sameJson(value, { ...value, a: [...value.a, 0] })).toBe(false);
        expect(sameJson(value, { ...value, c: undefined })).toBe(false);
        expect(sameJson({ ...value, c: [] }, { ...value, c: {} })).toBe(false);
      }),
    );
  });
});
