import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { conditionsOf, cut, dated, type Reading, type StatusFacts } from "../../src/agent/status-document.ts";
import { MANIFEST_REFUSALS } from "../../src/wire/refusal.ts";
import {
  AgentStatus,
  Condition,
  CONDITION_TYPES,
  SCORE_STATES,
  type ScoreError,
  type ScoreStatus,
} from "../../src/wire/status.ts";
import { AGENT } from "./support/manifests.ts";

const error: ScoreError = {
  reason: "Bug",
  message: "m".repeat(200),
  during: "apply",
  step: { do: "it" },
  blame: "device",
  next: "n".repeat(200),
  retryable: true,
};
const scoreIn = (state: ScoreStatus["state"], isStuck = state === "Failed" || state === "Refused"): ScoreStatus => ({
  kind: "File",
  version: 1,
  digest: "sha256:0",
  generation: 1,
  state,
  outcome: null,
  change: null,
  since: "2026-01-01T00:00:00.000Z",
  details: { path: "/a" },
  error: isStuck ? error : null,
  attempts: isStuck ? 1 : 0,
  retryAfter: null,
  blockedOn: [],
});

const AT = "2026-01-01T00:00:00.000Z";

const readings: fc.Arbitrary<Reading | null> = fc.oneof(
  fc.constantFrom<Reading | null>(null, { _tag: "Absent" }, { _tag: "Deleted" }, { _tag: "Accepted", generation: 3 }),
  fc
    .constantFrom(...MANIFEST_REFUSALS)
    .map((reason): Reading => ({ _tag: "Refused", refusal: { reason, message: "no", generation: null } })),
);
/** What an agent of a pair, and each of its members, can be. */
const ROLES = [
  { type: "Active", status: "True", reason: "Promoted", message: "" },
  { type: "Standby", status: "False", reason: "StandingDown", message: "" },
  { type: "Standby", status: "True", reason: "OtherActive", message: "" },
  { type: "Standby", status: "True", reason: "NobodyActive", message: "" },
] as const;
const facts: fc.Arbitrary<StatusFacts> = fc.record({
  generation: fc.nat(3),
  observedGeneration: fc.nat(3),
  isWorking: fc.boolean(),
  reading: readings,
  scores: fc.dictionary(
    fc.constantFrom("a", "b", "c"),
    fc.tuple(fc.constantFrom(...SCORE_STATES), fc.boolean()).map(([state, stuck]) => {
      const score = scoreIn(state, state === "Retiring" ? stuck : undefined);
      return state === "Ready" && stuck ? { ...score, contested: { inARow: 2, since: AT, last: AT } } : score;
    }),
    { noNullPrototype: true },
  ),
  unsaved: fc.constantFrom(null, { code: "NoSpace", message: "full" }, { code: "ReadOnly", message: "read-only" }),
  low: fc.constantFrom(null, { freeBytes: 1e6, totalBytes: 1e9 }),
  outage: fc.constantFrom(null, { since: AT, until: null }, { since: AT, until: AT }),
  rolledBack: fc.constantFrom(
    null,
    ...([null, 2] as const).flatMap((to) =>
      (["FailedForGood", "NotReadyInTime"] as const).map((why) => ({ generation: 3, to, why, at: AT, scores: {} })),
    ),
  ),
  fencedBy: fc.constantFrom(null, null, null, 4),
  role: fc.constantFrom(null, ...ROLES),
});

const told = (given: StatusFacts) =>
  Object.fromEntries(conditionsOf(given).map(({ type, status, reason }) => [type, `${status} ${reason}`]));

describe("each condition holds by its own predicate", () => {
  /** The predicates once more, in other words. */
  const expected = (given: StatusFacts) => {
    const {
      generation,
      observedGeneration,
      isWorking,
      scores,
      reading,
      unsaved,
      low,
      outage,
      rolledBack,
      fencedBy,
      role,
    } = given;
    if (fencedBy !== null) return { Fenced: "True TakenOver" };
    const all = Object.values(scores);
    const any = (...states: readonly ScoreStatus["state"][]): boolean =>
      all.some(({ state }) => states.includes(state));
    const stuck = all.some((each) => each.state === "Retiring" && each.error !== null);
    const open = any("Pending", "Reconciling") || all.some((each) => each.state === "Retiring" && each.error === null);
    const accepted =
      reading === null
        ? {}
        : {
            Accepted: {
              Absent: "Unknown NoDesiredState",
              Deleted: "Unknown DesiredStateDeleted",
              Accepted: "True Accepted",
              Refused: `False ${reading._tag === "Refused" ? reading.refusal.reason : ""}`,
            }[reading._tag],
          };
    return {
      Ready:
        generation === 0
          ? "False NoDesiredState"
          : any("Failed", "Blocked") || stuck
            ? "False ScoresFailed"
            : any("Refused")
              ? "False ScoresRefused"
              : open || (observedGeneration !== generation && typeof rolledBack?.to !== "number")
                ? "False Working"
                : observedGeneration !== generation
                  ? "False RolledBack"
                  : any("Drifted")
                    ? "True DriftReported"
                    : "True Converged",
      Reconciling: isWorking || open ? "True Working" : "False Idle",
      Degraded:
        any("Failed") || stuck ? "True ScoresFailed" : any("Refused") ? "True ScoresRefused" : "False NothingWrong",
      ...accepted,
      ...(all.some(({ contested }) => contested !== undefined) && { Contested: "True UndoneByOthers" }),
      ...(unsaved === null && low !== null && { DiskPressure: "True LowSpace" }),
      ...(unsaved !== null && { DiskPressure: unsaved.code === "NoSpace" ? "True NoSpace" : "True NotSaved" }),
      ...(rolledBack !== null && {
        RolledBack: rolledBack.to === null ? "False NothingToGoBackTo" : `True ${rolledBack.why}`,
      }),
      ...(outage !== null && { Offline: outage.until === null ? "True NoLink" : "False LinkBack" }),
      ...(role !== null && { [role.type]: `${role.status} ${role.reason}` }),
    };
  };

  test("for any facts", () =>
    fc.assert(
      fc.property(facts, (given) => {
        expect(told(given)).toEqual(expected(given));
      }),
      { numRuns: 2000 },
    ));

  test("and converged is said if and only if the generations are equal and each Score is Ready, or only to be told of", () => {
    fc.assert(
      fc.property(facts, (given) => {
        const { generation, observedGeneration, scores, fencedBy } = given;
        const isSo = Object.values(scores).every(({ state }) => state === "Ready" || state === "Drifted");
        const isSaid = told(given)["Ready"]?.startsWith("True") === true;
        expect(isSaid).toBe(fencedBy === null && generation > 0 && observedGeneration === generation && isSo);
      }),
      { numRuns: 3000 },
    );
  });

  test("and every type and reason that the document knows comes of some facts", () => {
    const types = new Set<string>();
    const reasons = new Set<string>();
    fc.assert(
      fc.property(facts, (given) => {
        for (const { type, reason } of conditionsOf(given)) {
          types.add(type);
          reasons.add(reason);
        }
      }),
      { numRuns: 5000, seed: 1 },
    );
    expect([...types].toSorted()).toEqual([...CONDITION_TYPES].toSorted());
    expect([...reasons].toSorted()).toEqual([...Condition.shape.reason.options].toSorted());
  });
});

describe("the message", () => {
  const well = { rolledBack: null, unsaved: null, low: null, outage: null, fencedBy: null, role: null } as const;
  const idle = { ...well, generation: 2, observedGeneration: 2, isWorking: false, reading: null } as const;
  const ready = (scores: StatusFacts["scores"]) =>
    conditionsOf({ ...idle, scores }).find(({ type }) => type === "Ready")?.message;

  test("names the Scores, but not a hundred of them", () => {
    expect(ready({})).toContain("nothing is wanted");
    expect(ready({ a: scoreIn("Ready") })).toContain("the one Score is as declared, generation 2");
    expect(ready({ a: scoreIn("Ready"), b: scoreIn("Ready") })).toContain("all 2 Scores");
    expect(ready({ a: scoreIn("Ready"), b: scoreIn("Drifted") })).toMatch(/only to be told, generation 2: b$/);
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`s${at}`, scoreIn("Failed")]));
    expect(ready(many)).toMatch(/s0, s1, s2, s3, s4 and 95 more$/);
  });

  test("says what stays in force when something is refused or gone", () => {
    const accepted = (generation: number, reading: Reading) =>
      conditionsOf({ ...idle, generation, scores: {}, reading }).find(({ type }) => type === "Accepted")?.message;
    expect(accepted(4, { _tag: "Deleted" })).toContain("removes nothing; generation 4 stays in force");
    expect(accepted(0, { _tag: "Absent" })).toContain("nothing is in force");
    expect(
      accepted(4, { _tag: "Refused", refusal: { reason: "Malformed", message: "bad", generation: null } }),
    ).toContain("bad; generation 4 stays");
  });
});

test("a condition's `since` is when its status changed last, whatever its reason and message do", () => {
  const told1 = { type: "Ready", status: "False", reason: "Working", message: "1" } as const;
  const first = dated([told1], [], new Date(1000));
  const same = dated([{ ...told1, reason: "ScoresFailed", message: "2" }], first, new Date(2000));
  expect(same[0]).toMatchObject({ reason: "ScoresFailed", since: new Date(1000).toISOString() });
  const other = dated([{ ...told1, status: "True", reason: "Converged" }], same, new Date(3000));
  expect(other[0]?.since).toBe(new Date(3000).toISOString());
});

test("what is cut is details, then texts; never a state or a reason", () => {
  const status: AgentStatus = {
    agentId: AGENT,
    generation: 1,
    observedGeneration: 1,
    observedRevision: 1,
    epoch: 1,
    conditions: [],
    scores: { a: scoreIn("Failed"), b: scoreIn("Ready"), c: { ...scoreIn("Drifted"), wouldDo: [{ do: "it" }] } },
    agent: { version: "0", bootId: "b", topology: "T" },
  };
  const details = cut(status, "details");
  expect(details.scores).toEqual({
    a: { ...scoreIn("Failed"), details: null },
    b: { ...scoreIn("Ready"), details: null },
    c: { ...scoreIn("Drifted"), details: null },
  });
  const texts = cut(status, "texts");
  expect(texts.scores["a"]?.error).toEqual({ ...error, message: "", step: null, next: "" });
  expect(texts.scores["b"]).toEqual({ ...scoreIn("Ready"), details: null, digest: "" });
  for (const each of [details, texts]) {
    expect(AgentStatus.parse(each)).toEqual(each);
    expect(each.truncated).toBe(true);
  }
});
