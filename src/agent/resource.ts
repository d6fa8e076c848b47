import type { Clock } from "../scores/context.ts";
import type { OnlyTold, Outcome } from "../scores/outcome.ts";
import type { DecodedScore } from "../wire/decode.ts";
import type { ScoreStatus } from "../wire/status.ts";
import { contestedRestMs, isOver, type Repair } from "./contention.ts";
import { type Made, sameJson } from "./score-status.ts";

export type Change = "intentional" | "corrective";
export type Accepted = Extract<DecodedScore, { readonly _tag: "Score" }>;

/** One Score of the manifest in force, as the reconciler works on it. */
export interface Resource {
  readonly id: string;
  decoded: DecodedScore;
  status: ScoreStatus;
  /** Why it is to be looked at, or null where it is not. */
  due: Change | null;
  /** Why it was to be looked at when it was found to be Blocked. */
  blockedFor: Change;
  lookedAt: number;
  /** Looks in a row, without a quiet time between them, that failed or found something to repair. */
  troubles: number;
  /** Null before the first one of this start. */
  lastRepair: Repair | null;
  /** What was done, where all is and it has still to come up by itself; else null. */
  made: Made | null;
  cancelRetry: () => void;
  /** Not null while a hint waits for the Score to have rested. */
  cancelHint: (() => void) | null;
  /** Whether it is being worked on, so that a hint of now is for afterwards; and whether there was one. */
  work: "none" | "under way" | "hinted";
  /** Ends the looks of its own interval. */
  cancelLooks: () => void;
  unwatch: (() => void) | null;
}

export const newResource = (id: string, decoded: DecodedScore, status: ScoreStatus, due: Change | null): Resource => ({
  id,
  decoded,
  status,
  due,
  blockedFor: "intentional",
  lookedAt: -Infinity,
  troubles: 0,
  lastRepair: null,
  made: null,
  cancelRetry: () => {},
  cancelLooks: () => {},
  cancelHint: null,
  work: "none",
  unwatch: null,
});

/** How long a Score that was looked at a moment ago rests before a hint makes it be looked at again. */
const REST_MS = 20;
/** So many troubles in a row change nothing about that; from then on the rest doubles with each, up to this. */
const FREE_TROUBLES = 4;
const MOST_REST_MS = 60_000;
/** A Score that needed no look for this long, beyond twice its rest, is not in trouble any more. */
const QUIET_MS = 1000;

/**
 * A hint is answered at once, but not for ever: two managers that undo each other's work, or a step whose failure is
 * itself a change that is hinted at, would otherwise write to the device many times a second for years.
 */
export const restMs = ({ troubles, status }: Resource): number =>
  Math.max(
    Math.min(REST_MS * 2 ** Math.min(Math.max(0, troubles - FREE_TROUBLES), 16), MOST_REST_MS),
    contestedRestMs(status),
  );

/** A look begins. */
export function looks(resource: Resource, nowMs: number): void {
  if (nowMs - resource.lookedAt > 2 * restMs(resource) + QUIET_MS) resource.troubles = 0;
  resource.lookedAt = nowMs;
}

/** Why a Score is looked at that nobody ordered to be looked at: what was ordered and is not done yet is no drift. */
export const unasked = ({ state, change }: ScoreStatus): Change =>
  state === "Pending" || state === "Reconciling" || state === "Failed" ? (change ?? "intentional") : "corrective";

export const policyText = (decoded: DecodedScore): string =>
  decoded._tag === "Score" ? JSON.stringify(decoded.policies) : "";

/** The same where nobody ordered it in words: what was carried through and has only to come up by itself is not ordered any more. */
export const whyLooked = ({ made, status }: Pick<Resource, "made" | "status">): Change =>
  made === null ? unasked(status) : "corrective";

/** A refused Score is never the same as before: it is taken anew, as what is wrong with it may be another thing now. */
export const digestOf = (decoded: DecodedScore | undefined): string | undefined | symbol =>
  decoded?._tag === "Score" ? decoded.digest : decoded === undefined ? undefined : Symbol("refused");

/**
 * Whether `settled` would leave everything as it is: a Score that is Ready, looked at for drift, and found as it was. By
 * far the most frequent outcome there is, so it is told from all others first, and cheaply.
 */
export const isNoNews = (
  { status, unwatch }: Resource,
  generation: number,
  change: Change,
  outcome: Outcome | OnlyTold,
  clock: Pick<Clock, "now">,
): boolean =>
  outcome.outcome === "NOOP" &&
  change === "corrective" &&
  unwatch !== null &&
  status.state === "Ready" &&
  status.generation === generation &&
  (status.contested === undefined || !isOver(status.contested, clock.now())) &&
  sameJson(status.details, outcome.observed);
