import type { Probed, ProbeTiming } from "../capabilities/probe.ts";

/** What the answers of one life have come to so far. */
export interface ProbeState {
  readonly health: Probed["health"];
  /** Since when, in milliseconds of the clock that never jumps. */
  readonly sinceMs: number;
  /** Good answers in a row. */
  readonly successes: number;
  /** Bad answers in a row that count. */
  readonly failures: number;
  /** When the last bad answer that counts was asked for; null where the last answer was good. */
  readonly countedAtMs: number | null;
  readonly why: string | null;
}

export interface Answer {
  /** Null: it is well. */
  readonly why: string | null;
  /** When it was asked, by the clock that never jumps. */
  readonly askedAtMs: number;
  /** When this life began. */
  readonly bornAtMs: number;
}

export const newborn = (sinceMs: number): ProbeState => ({
  health: "starting",
  sinceMs,
  successes: 0,
  failures: 0,
  countedAtMs: null,
  why: null,
});

/** Timers ring a moment early or late. */
const SLACK_MS = 50;

/** What one more answer makes of it. Pure. */
export function answered(before: ProbeState, answer: Answer, timing: ProbeTiming): ProbeState {
  return answer.why === null ? wasGood(before, answer, timing) : wasBad(before, answer.why, answer, timing);
}

function wasGood(before: ProbeState, { askedAtMs }: Answer, { successThreshold }: ProbeTiming): ProbeState {
  const successes = Math.min(before.successes + 1, successThreshold);
  const isWell = before.health === "healthy" || successes >= successThreshold;
  return turned(before, isWell ? "healthy" : before.health, askedAtMs, {
    successes,
    failures: 0,
    countedAtMs: null,
    // What is unhealthy still is, and for the same reason, until enough answers were good.
    why: isWell || before.health === "starting" ? null : before.why,
  });
}

function wasBad(
  before: ProbeState,
  why: string,
  { askedAtMs, bornAtMs }: Answer,
  { intervalSeconds, failureThreshold, startPeriodSeconds }: ProbeTiming,
): ProbeState {
  const isYoung = before.health === "starting" && askedAtMs - bornAtMs < startPeriodSeconds * 1000;
  // What is asked more often than declared, as at the start, is not given up sooner for it.
  const isSoon = before.countedAtMs !== null && askedAtMs - before.countedAtMs < intervalSeconds * 1000 - SLACK_MS;
  const counts = !isYoung && !isSoon;
  const failures = Math.min(before.failures + (counts ? 1 : 0), failureThreshold);
  const isBad = before.health === "unhealthy" || failures >= failureThreshold;
  return turned(before, isBad ? "unhealthy" : before.health, askedAtMs, {
    successes: 0,
    failures,
    countedAtMs: counts ? askedAtMs : before.countedAtMs,
    // The first one, so that what is told of it stays the same while the answers are bad in several ways.
    why: before.why ?? why,
  });
}

const turned = (
  before: ProbeState,
  health: ProbeState["health"],
  atMs: number,
  rest: Omit<ProbeState, "health" | "sinceMs">,
): ProbeState => ({ health, sinceMs: health === before.health ? before.sinceMs : atMs, ...rest });

/** What was well for so long before it hung is not said to hang again and again. */
const WELL_FOR_LONG_MS = 600_000;
const FIRST_REST_MS = 10_000;
const MOST_REST_MS = 300_000;

/** Whether restarts before this life are forgotten, now that it has become unhealthy. */
export const isOtherTrouble = (before: ProbeState, atMs: number): boolean =>
  before.health === "healthy" && atMs - before.sinceMs >= WELL_FOR_LONG_MS;

/** How long it rests once it is unhealthy, after so many restarts because of that: not at all at first, then 10 s, doubled. */
export const restAfter = (revivals: number): number =>
  revivals === 0 ? 0 : Math.min(FIRST_REST_MS * 2 ** Math.min(revivals - 1, 16), MOST_REST_MS);
