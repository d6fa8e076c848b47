import { match } from "ts-pattern";
import type { Outcome } from "../scores/outcome.ts";
import type { DecodedScore } from "../wire/decode.ts";
import { asJson, errorOf, errorOfRefusal } from "../wire/score-error.ts";
import type { ScoreError, ScoreStatus } from "../wire/status.ts";

/**
 * The states of one Score, as pure functions from one status to the next. Each returns the very same object where nothing
 * changed, so that "did anything change" is one comparison, and `since` changes with the state alone.
 */

type Change = NonNullable<ScoreStatus["change"]>;

const next = (from: ScoreStatus, now: Date, to: Partial<ScoreStatus>): ScoreStatus => {
  const since = to.state === undefined || to.state === from.state ? from.since : now.toISOString();
  const made = { ...from, ...to, since };
  return sameJson(from, made) ? from : made;
};

/** What a Score of a newly accepted manifest begins with. An unchanged one keeps what is known of it. */
export function begin(
  decoded: DecodedScore,
  generation: number,
  before: ScoreStatus | undefined,
  now: Date,
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
  if (decoded._tag === "Refused") {
    const since = before?.state === "Refused" ? before.since : fresh.since;
    const refused: ScoreStatus = { ...fresh, state: "Refused", since, error: errorOfRefusal(decoded.refusal) };
    return before !== undefined && sameJson(before, refused) ? before : refused;
  }
  // The state goes on until the Score has been looked at for this generation; only then does the generation count.
  if (before?.digest === decoded.digest && before.state !== "Refused" && before.state !== "Retiring") return before;
  return fresh;
}

/** Work begins. What is Ready, or Failed, stays so while it is looked at again: each retry would make its conditions flap. */
export const started = (from: ScoreStatus, now: Date): ScoreStatus =>
  from.state === "Pending" || from.state === "Blocked"
    ? next(from, now, { state: "Reconciling", blockedOn: [] })
    : from;

/** It waits for others. */
export const blocked = (from: ScoreStatus, on: readonly string[], generation: number, now: Date): ScoreStatus =>
  next(from, now, { state: "Blocked", blockedOn: [...on], generation, retryAfter: null });

export interface Settling {
  readonly change: Change;
  readonly generation: number;
  readonly now: Date;
  /** When it is tried again after a FAILURE. */
  readonly retryAfter: Date;
}

/** What an interpretation's outcome makes of it. */
export const settled = (
  from: ScoreStatus,
  outcome: Outcome,
  { change, generation, now, retryAfter }: Settling,
): ScoreStatus => {
  const good: Partial<ScoreStatus> = {
    state: "Ready",
    error: null,
    attempts: 0,
    retryAfter: null,
    blockedOn: [],
    generation,
  };
  return match(outcome)
    .returnType<ScoreStatus>()
    .with({ outcome: "NOOP" }, ({ observed }) => {
      // A look that finds all well is no news; the outcome that was reported last stands.
      const news =
        change === "intentional" || from.state !== "Ready" ? ({ outcome: "NOOP", change } as const) : undefined;
      return next(from, now, { ...good, ...news, ...seen(from, observed) });
    })
    .with({ outcome: "SUCCESS" }, ({ observed }) => {
      const made = next(from, now, { ...good, outcome: "SUCCESS", change, ...seen(from, observed) });
      // A repaired Score was not Ready for a moment, even if nobody was told.
      return from.state === "Ready" ? { ...made, since: now.toISOString() } : made;
    })
    .with({ outcome: "FAILURE", failure: { _tag: "Interrupted" } }, () => next(from, now, { state: "Pending" }))
    .with({ outcome: "FAILURE" }, ({ failure, observed }) =>
      failed(from, errorOf(failure), { change, generation, now, retryAfter }, observed),
    )
    .exhaustive();
};

const failed = (
  from: ScoreStatus,
  error: ScoreError,
  { change, generation, now, retryAfter }: Settling,
  observed: unknown,
): ScoreStatus =>
  next(from, now, {
    state: from.state === "Retiring" ? "Retiring" : "Failed",
    outcome: "FAILURE",
    change,
    // The first cause stays: what comes later is often only its consequence.
    error: from.error ?? error,
    attempts: from.attempts + 1,
    retryAfter: retryAfter.toISOString(),
    blockedOn: [],
    generation,
    ...(observed === null ? {} : seen(from, observed)),
  });

/** Something that is not wanted any more, and is being removed. */
export const retiring = (from: ScoreStatus, generation: number, now: Date): ScoreStatus =>
  next(from, now, {
    state: "Retiring",
    generation,
    ...(from.state === "Retiring" ? {} : { error: null, attempts: 0, retryAfter: null, blockedOn: [] }),
  });

const MOST_MS = 300_000;
/** What was as declared before can be so again: whoever disturbed it may have stopped, and no event tells of that. */
const MOST_FOR_DRIFT_MS = 60_000;

/** How long to wait after this FAILURE. Where only what somebody changes can help, the longest time from the start. */
export const retryDelayMs = (
  outcome: Outcome,
  attempts: number,
  random: () => number,
  change: "intentional" | "corrective" = "intentional",
): number => {
  const isHopeless =
    outcome.outcome === "FAILURE" &&
    outcome.failure._tag === "PortFailed" &&
    outcome.failure.problem.retryable === false;
  if (isHopeless) return MOST_MS * (0.8 + 0.4 * random());
  return backoffMs(attempts, random, change === "corrective" ? MOST_FOR_DRIFT_MS : MOST_MS);
};

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
