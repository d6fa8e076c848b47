import type { AgentStatus, Condition, RolledBack, ScoreError, ScoreStatus } from "../wire/status.ts";
import type { PortProblem } from "../capabilities/port-error.ts";
import type { Space } from "./disk.ts";
import type { Outage } from "./link.ts";
import type { ManifestRefusal } from "../wire/refusal.ts";
import { rolledBackMessage } from "./rolled-back.ts";

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
  /** Why the ledger could not be saved when that was tried last; null where it could. */
  readonly unsaved: Pick<PortProblem, "code" | "message"> | null;
  /** Of the file system with the ledger, where there is little left of it. */
  readonly low: Space | null;
  /** See {@link Link}. */
  readonly outage: Outage | null;
  /** What became of the newest manifest, where it failed and was to be taken back; else null. */
  readonly rolledBack: RolledBack | null;
  /** The epoch of the agent that has taken over; null where none has. */
  readonly fencedBy: number | null;
  /** What this agent is in a pair, if anything. */
  readonly role: Told | null;
}

export type Told = Omit<Condition, "since">;

/** The conditions of these facts. Each holds by a predicate over them alone. */
export function conditionsOf(facts: StatusFacts): readonly Told[] {
  // It looks at nothing any more, so that it knows nothing else.
  if (facts.fencedBy !== null) return [fenced(facts.fencedBy)];
  const always = [ready(facts), reconciling(facts), degraded(facts), ...accepted(facts)];
  const role = facts.role === null ? [] : [facts.role];
  return [...always, ...contested(facts), ...diskPressure(facts), ...offline(facts), ...rolledBack(facts), ...role];
}

type Dated = { readonly [Field in "type" | "status" | "since"]: string };

/** Conditions with the time of their last change of status, kept from the ones before. */
export const dated = (told: readonly Told[], before: readonly Dated[], now: Date): Condition[] =>
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
  if (open.length > 0) return no("Working", `under way: ${list(open)}`);
  if (facts.observedGeneration !== facts.generation) {
    const back = facts.rolledBack?.to ?? null;
    return back === null
      ? no("Working", `generation ${facts.generation} is under way`)
      : no("RolledBack", `as generation ${back} declares, since generation ${facts.generation} was taken back`);
  }
  const count = Object.keys(facts.scores).length;
  const drifted = inState(facts, "Drifted");
  if (drifted.length > 0) {
    const message = `as declared, but for what is only to be told, generation ${facts.generation}: ${list(drifted)}`;
    return { type: "Ready", status: "True", reason: "DriftReported", message };
  }
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

function accepted({ reading, generation, rolledBack: failed }: StatusFacts): readonly Told[] {
  const back = failed?.to ?? null;
  const inForce = generation === 0 ? "nothing is in force" : `generation ${back ?? generation} stays in force`;
  const told = (status: Condition["status"], reason: Condition["reason"], message: string): readonly Told[] => [
    { type: "Accepted", status, reason, message },
  ];
  if (reading === null) return [];
  switch (reading._tag) {
    case "Accepted":
      return told(
        "True",
        "Accepted",
        back === null
          ? `generation ${reading.generation} is in force`
          : `generation ${reading.generation} was accepted, and taken back when it failed: generation ${back} is in force`,
      );
    case "Refused":
      return told("False", reading.refusal.reason, `${reading.refusal.message}; ${inForce}`);
    case "Absent":
      return told("Unknown", "NoDesiredState", `nothing has been written for this agent yet; ${inForce}`);
    case "Deleted":
      return told("Unknown", "DesiredStateDeleted", `the desired state was deleted, which removes nothing; ${inForce}`);
  }
}

function contested({ scores }: StatusFacts): readonly Told[] {
  const undone = Object.entries(scores).flatMap(([id, each]) => (each.contested === undefined ? [] : [id]));
  if (undone.length === 0) return [];
  const message = `what the agent repairs is undone again and again: ${list(undone)}`;
  return [{ type: "Contested", status: "True", reason: "UndoneByOthers", message }];
}

function diskPressure({ unsaved, low }: StatusFacts): readonly Told[] {
  if (unsaved === null) return low === null ? [] : [lowSpace(low)];
  const { code, message } = unsaved;
  const reason = code === "NoSpace" ? "NoSpace" : "NotSaved";
  return [
    { type: "DiskPressure", status: "True", reason, message: `${message}; nothing new is begun until it can be saved` },
  ];
}

const lowSpace = ({ freeBytes, totalBytes }: Space): Told => ({
  type: "DiskPressure",
  status: "True",
  reason: "LowSpace",
  message: `of the file system with the agent's ledger ${mebibytes(freeBytes)} of ${mebibytes(totalBytes)} were left; all goes on until it is full`,
});

const mebibytes = (bytes: number): string => `${Math.floor(bytes / 2 ** 20)} MiB`;

function offline({ outage }: StatusFacts): readonly Told[] {
  if (outage === null) return [];
  const { since, until } = outage;
  return [
    until === null
      ? { type: "Offline", status: "True", reason: "NoLink", message: `the server is out of reach since ${since}` }
      : { type: "Offline", status: "False", reason: "LinkBack", message: `out of reach from ${since} until ${until}` },
  ];
}

function rolledBack({ rolledBack: failed, scores }: StatusFacts): readonly Told[] {
  if (failed === null) return [];
  const message = rolledBackMessage(failed, scores);
  return [
    failed.to === null
      ? { type: "RolledBack", status: "False", reason: "NothingToGoBackTo", message }
      : { type: "RolledBack", status: "True", reason: failed.why, message },
  ];
}

const fenced = (by: number): Told => ({
  type: "Fenced",
  status: "True",
  reason: "TakenOver",
  message: `another agent with this id has started, with epoch ${by}; this one does nothing until it is restarted`,
});

const list = (ids: readonly string[]): string =>
  ids.length <= 5 ? ids.join(", ") : `${ids.slice(0, 5).join(", ")} and ${ids.length - 5} more`;

/** Cuts what can be cut when the whole is too large for one message: first details and steps, then texts; never states. */
export function cut(status: AgentStatus, how: "details" | "texts"): AgentStatus {
  const bare = (score: ScoreStatus): ScoreStatus => {
    const short = { ...score, details: null };
    delete short.wouldDo;
    return short;
  };
  const brief = (score: ScoreStatus): ScoreStatus => ({
    ...bare(score),
    digest: "",
    error: score.error && withoutTexts(score.error),
  });
  const scores = Object.fromEntries(
    Object.entries(status.scores).map(([id, score]) => [id, how === "texts" ? brief(score) : bare(score)]),
  );
  const { rolledBack: failed } = status;
  if (how === "details" || failed === undefined) return { ...status, scores, truncated: true };
  const causes = Object.entries(failed.scores).map(
    ([id, { error, ...rest }]): [string, typeof rest & { error: ScoreError | null }] => [
      id,
      { ...rest, error: error && withoutTexts(error) },
    ],
  );
  return { ...status, scores, rolledBack: { ...failed, scores: Object.fromEntries(causes) }, truncated: true };
}

/** The reason stays: with it, 2000 failed Scores whose ids are as long as ids may be still fit into a mebibyte. */
export const withoutTexts = (error: ScoreError): ScoreError => ({ ...error, message: "", step: null, next: "" });
