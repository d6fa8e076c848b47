import type { Outcome } from "../scores/outcome.ts";
import type { DecodedScore } from "../wire/decode.ts";
import type { ScoreStatus } from "../wire/status.ts";
import { sameJson } from "./score-status.ts";

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
  cancelRetry: () => void;
  /** Not null while a hint waits for the Score to have rested. */
  cancelHint: (() => void) | null;
  unwatch: (() => void) | null;
}

export const newResource = (id: string, decoded: DecodedScore, status: ScoreStatus, due: Change | null): Resource => ({
  id,
  decoded,
  status,
  due,
  blockedFor: "intentional",
  lookedAt: -Infinity,
  cancelRetry: () => {},
  cancelHint: null,
  unwatch: null,
});

/** The same Score again: what it has worked out already, such as the hash of its content, need not be worked out anew. */
export const keeping = (known: DecodedScore, decoded: DecodedScore): DecodedScore =>
  known._tag === "Score" && decoded._tag === "Score" ? { ...decoded, score: known.score } : decoded;

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
  outcome: Outcome,
): boolean =>
  outcome.outcome === "NOOP" &&
  change === "corrective" &&
  unwatch !== null &&
  status.state === "Ready" &&
  status.generation === generation &&
  sameJson(status.details, outcome.observed);
