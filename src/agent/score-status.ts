import { match } from "ts-pattern";
import type { OnlyTold, Outcome } from "../scores/outcome.ts";
import type { DecodedScore } from "../wire/decode.ts";
import { isOver } from "./contention.ts";
import { asJson, errorOf, errorOfRefusal } from "../wire/score-error.ts";
import type { ScoreError, ScoreState, ScoreStatus } from "../wire/status.ts";

/**
 * The states of one Score, as pure functions from one status to the next. Each returns the very same object where nothing
 * changed, so that "did anything change" is one comparison, and `since` changes with the state alone.
 */

type Change = NonNullable<ScoreStatus["change"]>;

const ALWAYS = ["Pending", "Refused", "Retiring"] as const;

/**
 * To which states each one may lead; to itself each may. A manifest can make any of them `Pending`, `Refused` or `Retiring`.
 * Everything that changes a state goes by this table.
 */
export const TRANSITIONS: Readonly<Record<ScoreState, readonly ScoreState[]>> = {
  Pending: ["Reconciling", "Blocked", ...ALWAYS],
  // To Blocked: after a restart, where the ledger tells of work that was under way.
  Reconciling: ["Ready", "Drifted", "Failed", "Blocked", ...ALWAYS],
  // To Reconciling: it was started anew, or is another life of the same, and has not come up by itself yet.
  Ready: ["Reconciling", "Drifted", "Failed", "Blocked", ...ALWAYS],
  Drifted: ["Ready", "Reconciling", "Failed", "Blocked", ...ALWAYS],
  Failed: ["Ready", "Drifted", "Blocked", ...ALWAYS],
  Blocked: ["Reconciling", ...ALWAYS],
  Refused: ALWAYS,
  Retiring: ALWAYS,
};

/** @throws for a step that the table does not have, which is a bug of the caller. */
function allow(from: ScoreState, to: ScoreState): void {
  if (from !== to && !TRANSITIONS[from].includes(to)) throw new Error(`no Score goes from ${from} to ${to}`);
}

/** Whether what comes after it need not wait: a difference that is only to be told holds up nobody. */
export const isUp = ({ state }: ScoreStatus): boolean => state === "Ready" || state === "Drifted";

const next = (from: ScoreStatus, now: Date, to: Partial<ScoreStatus>, ...without: Passing[]): ScoreStatus => {
  const state = to.state ?? from.state;
  allow(from.state, state);
  const made = { ...from, ...to, since: state === from.state ? from.since : now.toISOString() };
  for (const each of without) if (!(each in to)) delete made[each];
  return sameJson(from, made) ? from : made;
};
/** What a status tells only for a time. */
type Passing = "knownBad" | "wouldDo" | "contested";

/** What a Score of a newly accepted manifest begins with. An unchanged one keeps what is known of it. */
export function begin(
  decoded: DecodedScore,
  generation: number,
  before: ScoreStatus | undefined,
  now: Date,
  retryFailed = false,
): ScoreStatus {
  const fresh: ScoreStatus = {
    kind: decoded._tag === "Score" ? decoded.score.kind : decoded.kind,
    version: decoded._tag === "Score" ? decoded.score.version : decoded.version,
    digest: decoded._tag === "Score" ? decoded.digest : "",
    generation,
    state: "Pending",
    outcome: null,
    change: null,
    since: now.toISOString(),
    details: null,
    error: null,
    attempts: 0,
    retryAfter: null,
    blockedOn: [],
  };
  if (before !== undefined) allow(before.state, decoded._tag === "Refused" ? "Refused" : "Pending");
  if (decoded._tag === "Refused") {
    const since = before?.state === "Refused" ? before.since : fresh.since;
    const refused: ScoreStatus = { ...fresh, state: "Refused", since, error: errorOfRefusal(decoded.refusal) };
    return before !== undefined && sameJson(before, refused) ? before : refused;
  }
  // Once: what failed for this generation again was tried for it.
  if (retryFailed && before?.knownBad === true && before.generation !== generation) return fresh;
  // The state goes on until the Score has been looked at for this generation; only then does the generation count.
  if (before?.digest === decoded.digest && before.state !== "Refused" && before.state !== "Retiring") return before;
  return fresh;
}

/** Work begins. What is Ready, or Failed, stays so while it is looked at again: each retry would make its conditions flap. */
export const started = (from: ScoreStatus, now: Date): ScoreStatus =>
  from.state === "Pending" || from.state === "Blocked"
    ? next(from, now, { state: "Reconciling", blockedOn: [] })
    : from;

/** It was interrupted: it is as it was before {@link started}. */
export function interrupted(from: ScoreStatus, before: ScoreStatus): ScoreStatus {
  // The one way back: nothing came of the work, so that there is nothing to tell of it.
  if (from !== before && from.state !== "Reconciling") allow(from.state, before.state);
  return before;
}

/** It was not looked at, since nobody looks for its drift and its content is the same. */
export const passedOver = (from: ScoreStatus, generation: number, now: Date): ScoreStatus =>
  next(from, now, { generation }, "contested");

/** It waits for others. */
export const blocked = (from: ScoreStatus, on: readonly string[], generation: number, now: Date): ScoreStatus =>
  next(from, now, { state: "Blocked", blockedOn: [...on], generation, retryAfter: null }, "wouldDo");

/** How the last interpretation that did something is told. */
export type Made = Readonly<Pick<ScoreStatus, "outcome" | "change">>;

export interface Settling {
  readonly change: Change;
  readonly generation: number;
  readonly now: Date;
  /** When it is tried again after a FAILURE; null: not before its content changes. */
  readonly retryAfter: Date | null;
  /** All is done, and it has still to come up by itself; default false. What was Failed stays so until it has. */
  readonly awaits?: boolean;
  /** What was done before it had to come up by itself; default: nothing was, or it had not. */
  readonly made?: Made | null;
  /** What a repair comes to; default: none was made. */
  readonly repair?: { readonly repairs: number | undefined; readonly contested: ScoreStatus["contested"] | null };
}

/** Of the steps that would be taken: so many are told. */
const MOST_TOLD = 20;

/** What an interpretation's outcome makes of it. */
export const settled = (
  from: ScoreStatus,
  outcome: Outcome | OnlyTold,
  { change, generation, now, retryAfter, repair, awaits = false, made = null }: Settling,
): ScoreStatus => {
  const open: Partial<ScoreStatus> = { retryAfter: null, blockedOn: [], generation };
  const staysFailed = awaits && from.state === "Failed";
  const good: Partial<ScoreStatus> = staysFailed
    ? open
    : awaits
      ? { ...open, state: "Reconciling" }
      : { ...open, state: "Ready", error: null, attempts: 0 };
  return match(outcome)
    .returnType<ScoreStatus>()
    .with({ outcome: "NOOP" }, ({ observed }) => {
      // A look that finds all well is no news; the outcome that was reported last stands.
      const news =
        change === "intentional" || from.state !== "Ready"
          ? (made ?? ({ outcome: "NOOP", change } as const))
          : undefined;
      const quiet = from.contested === undefined || isOver(from.contested, now) ? (["contested"] as const) : [];
      const told = { ...good, ...(staysFailed ? {} : news), ...seen(from, observed) };
      return next(from, now, told, "wouldDo", ...(staysFailed ? [] : (["knownBad"] as const)), ...quiet);
    })
    .with({ outcome: "SUCCESS" }, ({ observed }) => {
      const told = repair && {
        ...(repair.repairs !== undefined && { repairs: repair.repairs }),
        ...(repair.contested && { contested: repair.contested }),
      };
      const news: Made = staysFailed ? from : { outcome: "SUCCESS", change };
      const to: Partial<ScoreStatus> = {
        ...good,
        ...told,
        outcome: news.outcome,
        change: news.change,
        ...seen(from, observed),
      };
      const after = next(from, now, to, "knownBad", "wouldDo", "contested");
      // A repaired Score was not Ready for a moment, even if nobody was told.
      return from.state === "Ready" ? { ...after, since: now.toISOString() } : after;
    })
    .with({ outcome: "TOLD" }, ({ observed, would }) => {
      // Looked at all the same, so that it is told when somebody else has made it good.
      if (from.knownBad === true) return stillBad(from, { generation, now }, observed);
      const wouldDo = would.slice(0, MOST_TOLD).map(asJson);
      const same = from.wouldDo !== undefined && sameJson(from.wouldDo, wouldDo) ? from.wouldDo : wouldDo;
      const to = {
        ...good,
        state: "Drifted",
        outcome: "NOOP",
        change,
        wouldDo: same,
        ...seen(from, observed),
      } as const;
      return next(from, now, from.state === "Drifted" ? { ...to, change: from.change } : to, "contested");
    })
    .with({ outcome: "FAILURE", failure: { _tag: "Interrupted" } }, () => next(from, now, { state: "Pending" }))
    .with({ outcome: "FAILURE" }, ({ failure, observed }) =>
      failed(from, errorOf(failure), { change, generation, now, retryAfter }, observed),
    )
    .exhaustive();
};

/** It was only looked at, and that is no attempt. */
const stillBad = (
  from: ScoreStatus,
  { generation, now }: Pick<Settling, "generation" | "now">,
  observed: unknown,
): ScoreStatus =>
  next(from, now, {
    state: "Failed",
    blockedOn: [],
    generation,
    ...(observed === null ? {} : seen(from, observed)),
  });

const failed = (
  from: ScoreStatus,
  error: ScoreError,
  { change, generation, now, retryAfter }: Settling,
  observed: unknown,
): ScoreStatus => {
  if (from.knownBad === true) return stillBad(from, { generation, now }, observed);
  const to: Partial<ScoreStatus> = {
    state: from.state === "Retiring" ? "Retiring" : "Failed",
    outcome: "FAILURE",
    change,
    // The first cause stays: what comes later is often only its consequence.
    error: from.error ?? error,
    attempts: from.attempts + 1,
    retryAfter: retryAfter?.toISOString() ?? null,
    blockedOn: [],
    generation,
    ...(retryAfter === null && from.state !== "Retiring" && { knownBad: true }),
    ...(observed === null ? {} : seen(from, observed)),
  };
  return next(from, now, to, "wouldDo");
};

/** Something that is not wanted any more, and is being removed. */
export const retiring = (from: ScoreStatus, generation: number, now: Date): ScoreStatus =>
  next(
    from,
    now,
    {
      state: "Retiring",
      generation,
      ...(from.state === "Retiring" ? {} : { error: null, attempts: 0, retryAfter: null, blockedOn: [] }),
    },
    "knownBad",
    "wouldDo",
    "contested",
  );

/** Whether this FAILURE is one of the content: the same can only come of it again. */
export const isForGood = (outcome: Outcome | OnlyTold): boolean =>
  outcome.outcome === "FAILURE" && outcome.failure._tag === "PortFailed" && outcome.failure.problem.retryable === false;

const MOST_MS = 300_000;
/** What was as declared before can be so again: whoever disturbed it may have stopped, and no event tells of that. */
const MOST_FOR_DRIFT_MS = 60_000;

/** How long to wait after this FAILURE. Where only what somebody changes can help, the longest time from the start. */
export const retryDelayMs = (
  outcome: Outcome | OnlyTold,
  attempts: number,
  random: () => number,
  change: "intentional" | "corrective" = "intentional",
): number =>
  isForGood(outcome)
    ? MOST_MS * (0.8 + 0.4 * random())
    : backoffMs(attempts, random, change === "corrective" ? MOST_FOR_DRIFT_MS : MOST_MS);

/** Milliseconds until the next attempt: 1 s, doubled with each failure, at most so many, with up to a fifth of jitter either way. */
export const backoffMs = (attempts: number, random: () => number, mostMs = MOST_MS): number =>
  Math.min(1000 * 2 ** Math.min(attempts, 16), mostMs) * (0.8 + 0.4 * random());

const seen = (from: ScoreStatus, observed: unknown): Pick<ScoreStatus, "details"> => ({
  details: sameJson(from.details, observed) ? from.details : asJson(observed),
});

/** Whether two values are the same as JSON. Much cheaper than to write both out, and a pass does it for each Score. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && sameJson(Reflect.get(a, key), Reflect.get(b, key)));
}
