import type { AgentStatus, Condition, ScoreError, ScoreStatus } from "../wire/status.ts";
import type { ManifestRefusal } from "../wire/refusal.ts";

/** What the agent made of the desired-state key when it last read it. */
export type Reading =
  | { readonly _tag: "Accepted"; readonly generation: number }
  | { readonly _tag: "Refused"; readonly refusal: ManifestRefusal }
  /** Nobody has written the key yet. */
  | { readonly _tag: "Absent" }
  /** Somebody removed the key. Not an order to remove anything. */
  | { readonly _tag: "Deleted" };

export interface StatusFacts {
  readonly generation: number;
  readonly observedGeneration: number;
  readonly isWorking: boolean;
  readonly scores: Readonly<Record<string, ScoreStatus>>;
  /** Null until the key was read for the first time. */
  readonly reading: Reading | null;
}

type Told = Omit<Condition, "since">;

/** The conditions of these facts. Each holds by a predicate over them alone. */
export function conditionsOf(facts: StatusFacts): readonly Told[] {
  return [ready(facts), reconciling(facts), degraded(facts), ...accepted(facts)];
}

/** Conditions with the time of their last change of status, kept from the ones before. */
export const dated = (told: readonly Told[], before: readonly Condition[], now: Date): Condition[] =>
  told.map((condition) => {
    const last = before.find(({ type }) => type === condition.type);
    return { ...condition, since: last?.status === condition.status ? last.since : now.toISOString() };
  });

/** What is under way; what could not be removed is tried again for ever, as a Failed Score is, and is not. */
const underWay = ({ scores }: StatusFacts): readonly string[] =>
  Object.entries(scores).flatMap(([id, { state, error }]) =>
    state === "Pending" || state === "Reconciling" || (state === "Retiring" && error === null) ? [id] : [],
  );

const failing = ({ scores }: StatusFacts, ...states: readonly ScoreStatus["state"][]): readonly string[] =>
  Object.entries(scores).flatMap(([id, { state, error }]) =>
    states.includes(state) || (state === "Retiring" && error !== null) ? [id] : [],
  );

const inState = ({ scores }: StatusFacts, ...states: readonly ScoreStatus["state"][]): readonly string[] =>
  Object.entries(scores).flatMap(([id, { state }]) => (states.includes(state) ? [id] : []));

function ready(facts: StatusFacts): Told {
  const no = (reason: Condition["reason"], message: string): Told => ({
    type: "Ready",
    status: "False",
    reason,
    message,
  });
  if (facts.generation === 0) return no("NoDesiredState", "no manifest has been accepted yet");
  const failed = failing(facts, "Failed", "Blocked");
  if (failed.length > 0) return no("ScoresFailed", `not as they should be: ${list(failed)}`);
  const refused = inState(facts, "Refused");
  if (refused.length > 0) return no("ScoresRefused", `refused: ${list(refused)}`);
  const open = underWay(facts);
  if (open.length > 0 || facts.observedGeneration !== facts.generation) {
    return no("Working", open.length > 0 ? `under way: ${list(open)}` : `generation ${facts.generation} is under way`);
  }
  const count = Object.keys(facts.scores).length;
  const all =
    count === 0 ? "nothing is wanted" : `${count === 1 ? "the one Score is" : `all ${count} Scores are`} as declared`;
  return { type: "Ready", status: "True", reason: "Converged", message: `${all}, generation ${facts.generation}` };
}

function reconciling(facts: StatusFacts): Told {
  const open = underWay(facts);
  return facts.isWorking || open.length > 0
    ? {
        type: "Reconciling",
        status: "True",
        reason: "Working",
        message: open.length > 0 ? `under way: ${list(open)}` : "looking",
      }
    : { type: "Reconciling", status: "False", reason: "Idle", message: "nothing is under way" };
}

function degraded(facts: StatusFacts): Told {
  const failed = failing(facts, "Failed");
  const refused = inState(facts, "Refused");
  if (failed.length > 0) {
    return { type: "Degraded", status: "True", reason: "ScoresFailed", message: `failed: ${list(failed)}` };
  }
  if (refused.length > 0) {
    return { type: "Degraded", status: "True", reason: "ScoresRefused", message: `refused: ${list(refused)}` };
  }
  return { type: "Degraded", status: "False", reason: "NothingWrong", message: "no Score failed or was refused" };
}

function accepted({ reading, generation }: StatusFacts): readonly Told[] {
  const inForce = generation === 0 ? "nothing is in force" : `generation ${generation} stays in force`;
  const told = (status: Condition["status"], reason: Condition["reason"], message: string): readonly Told[] => [
    { type: "Accepted", status, reason, message },
  ];
  if (reading === null) return [];
  switch (reading._tag) {
    case "Accepted":
      return told("True", "Accepted", `generation ${reading.generation} is in force`);
    case "Refused":
      return told("False", reading.refusal.reason, `${reading.refusal.message}; ${inForce}`);
    case "Absent":
      return told("Unknown", "NoDesiredState", `nothing has been written for this agent yet; ${inForce}`);
    case "Deleted":
      return told("Unknown", "DesiredStateDeleted", `the desired state was deleted, which removes nothing; ${inForce}`);
  }
}

const list = (ids: readonly string[]): string =>
  ids.length <= 5 ? ids.join(", ") : `${ids.slice(0, 5).join(", ")} and ${ids.length - 5} more`;

/** Cuts what can be cut when the whole is too large for one message: first details, then texts; never states. */
export function cut(status: AgentStatus, how: "details" | "texts"): AgentStatus {
  const brief = (score: ScoreStatus): ScoreStatus => ({
    ...score,
    details: null,
    digest: "",
    error: score.error && withoutTexts(score.error),
  });
  const scores = Object.fromEntries(
    Object.entries(status.scores).map(([id, score]) => [
      id,
      how === "texts" ? brief(score) : { ...score, details: null },
    ]),
  );
  return { ...status, scores, truncated: true };
}

/** The reason stays: with it, 2000 failed Scores whose ids are as long as ids may be still fit into a mebibyte. */
export const withoutTexts = (error: ScoreError): ScoreError => ({ ...error, message: "", step: null, next: "" });
