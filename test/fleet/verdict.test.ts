import * as fc from "fast-check";
import { expect, test } from "vitest";
import { judge } from "../../src/fleet/verdict.ts";
import { type AgentStatus, SCORE_STATES, type ScoreStatus } from "../../src/wire/status.ts";
import { agentStatus, AT, failing, scoreStatus } from "./scripted-agent.ts";

const shipped = { generation: 3, revision: 12 };
const judged = (more: Partial<AgentStatus>, ids: readonly string[], newest = 12) =>
  judge(
    agentStatus({ generation: 3, observedGeneration: 3, observedRevision: 12, ...more }),
    shipped,
    newest,
    new Map(ids.map((id) => [id, "sha256:0"])),
  );

/** The rule once more, as slow and plain as it can be. */
function isStuck(id: string, scores: Readonly<Record<string, ScoreStatus>>, path: readonly string[] = []): boolean {
  const score = scores[id];
  if (score === undefined || path.includes(id)) return false;
  if (score.state === "Failed" || score.state === "Refused") return true;
  return score.state === "Blocked" && score.blockedOn.some((on) => isStuck(on, scores, [...path, id]));
}

test("is settled exactly when every Score is Ready, stuck or drifted, and nothing is being removed", () => {
  const ids = ["a", "b", "c", "d", "e"];
  const score = fc.record({
    state: fc.constantFrom(...SCORE_STATES),
    blockedOn: fc.uniqueArray(fc.constantFrom(...ids), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...ids), score), (made) => {
      const scores = Object.fromEntries(
        Object.entries(made).map(([id, { state, blockedOn }]) => [id, scoreStatus(state, { blockedOn, error: null })]),
      );
      const wanted = ids.filter((id) => scores[id]?.state !== "Retiring");
      const verdict = judged({ scores }, wanted);
      const atRest = (id: string): boolean =>
        ["Ready", "Drifted"].includes(scores[id]?.state ?? "") || isStuck(id, scores);
      const expected = wanted.every(atRest) && Object.keys(scores).every((id) => wanted.includes(id));
      expect(verdict._tag).toBe(expected ? "Settled" : "Waiting");
      const troubled = wanted.filter((id) => !["Ready", "Drifted"].includes(scores[id]?.state ?? ""));
      expect(verdict._tag === "Settled" ? verdict.troubled : troubled).toEqual(troubled);
    }),
    { numRuns: 2000 },
  );
});

test("a Score that waits for what cannot be removed is at rest, and in trouble", () => {
  const scores = { a: scoreStatus("Blocked", { blockedOn: ["old"] }), old: failing("Retiring") };
  expect(judged({ scores }, ["a"])).toEqual({ _tag: "Settled", troubled: ["a", "old"] });
});

test("a manifest that was taken back is settled when what came back has come to rest, and never as converged", () => {
  const rolledBack = { generation: 3, to: 2, why: "FailedForGood", at: AT, scores: {} } as const;
  const back = { observedGeneration: 2, rolledBack };
  expect(judged({ ...back, scores: { a: scoreStatus("Pending") } }, ["a"])._tag).toBe("Waiting");
  expect(judged({ ...back, scores: { a: scoreStatus("Ready") } }, ["a"])).toEqual({ _tag: "RolledBack" });
  expect(judged({ ...back, scores: { a: failing("Failed") } }, ["a"])).toEqual({ _tag: "RolledBack" });
  // Of an earlier generation.
  expect(judged({ rolledBack: { ...rolledBack, generation: 2 }, scores: { a: scoreStatus("Ready") } }, ["a"])).toEqual({
    _tag: "Settled",
    troubled: [],
  });
  // Nothing came back: it is in force, and told of as any other.
  expect(judged({ rolledBack: { ...rolledBack, to: null }, scores: { a: failing("Failed") } }, ["a"])).toEqual({
    _tag: "Settled",
    troubled: ["a"],
  });
});

test("Scores that wait for each other in a circle are not at rest", () => {
  const scores = { a: scoreStatus("Blocked", { blockedOn: ["b"] }), b: scoreStatus("Blocked", { blockedOn: ["a"] }) };
  expect(judged({ scores }, ["a", "b"])._tag).toBe("Waiting");
});

test("ten thousand Scores that each wait for the one before are judged in a moment", () => {
  const ids = Array.from({ length: 10_000 }, (_, index) => `s${index}`);
  const scores = Object.fromEntries(
    ids.map((id, index) => [
      id,
      index === 0 ? scoreStatus("Failed") : scoreStatus("Blocked", { blockedOn: [`s${index - 1}`] }),
    ]),
  );
  const verdict = judged({ scores }, ids);
  expect(verdict._tag === "Settled" && verdict.troubled.length).toBe(10_000);
});

test("a status about another Score of the same id is no answer, one that had to be cut is", () => {
  expect(judged({ scores: { a: scoreStatus("Ready", { digest: "sha256:1" }) } }, ["a"])).toMatchObject({
    _tag: "Waiting",
    missing: [{ scoreId: "a", sentence: "the agent tells of another a than the one shipped" }],
  });
  expect(judged({ scores: { a: scoreStatus("Ready", { digest: "" }) } }, ["a"])._tag).toBe("Settled");
});

test("nothing is settled before the agent has carried this generation through", () => {
  const scores = { a: scoreStatus("Ready") };
  expect(judged({ scores }, ["a"])._tag).toBe("Settled");
  expect(judged({ scores, observedGeneration: 2 }, ["a"])._tag).toBe("Waiting");
  expect(judged({ scores, observedRevision: 11 }, ["a"])._tag).toBe("Waiting");
  expect(judged({ scores, generation: 2, observedGeneration: 2 }, ["a"])._tag).toBe("Waiting");
  // Somebody else's: all is Ready, but not with this.
  expect(judged({ scores, generation: 4, observedGeneration: 4 }, ["a"])._tag).toBe("Waiting");
});

test("a revision beyond the key's is of a bucket that is gone", () => {
  const scores = { a: scoreStatus("Ready") };
  expect(judged({ scores, observedRevision: 57 }, ["a"])._tag).toBe("Waiting");
  expect(judged({ scores, observedRevision: 57 }, ["a"], 57)._tag).toBe("Settled");
});

test("a refusal counts only for the revision that it speaks of", () => {
  const conditions = [{ type: "Accepted", status: "False", reason: "BadSignature", message: "no", since: AT } as const];
  expect(judged({ conditions, generation: 2 }, ["a"])).toEqual({
    _tag: "Refused",
    reason: "BadSignature",
    message: "no",
  });
  expect(judged({ conditions, generation: 2, observedRevision: 11 }, ["a"])._tag).toBe("Waiting");
  // A newer one was refused, and this one stays in force.
  expect(judged({ conditions, observedRevision: 13, scores: { a: scoreStatus("Ready") } }, ["a"], 13)._tag).toBe(
    "Settled",
  );
});

test("what could not be removed is trouble, what is being removed is waited for", () => {
  expect(judged({ scores: { old: scoreStatus("Retiring") } }, [])).toMatchObject({
    _tag: "Waiting",
    missing: [{ scoreId: "old", state: "Retiring" }],
  });
  expect(judged({ scores: { old: failing("Retiring") } }, [])).toEqual({ _tag: "Settled", troubled: ["old"] });
});
