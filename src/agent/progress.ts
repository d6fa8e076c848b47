import type { Running } from "./workers.ts";

/** How late anything may be before it counts as hanging: a loaded board is slow, and that is no reason to end its agent. */
export const SLACK_MS = 60_000;

/** What the reconcile loop does at one moment. Milliseconds by the clock that never jumps. */
export interface Progress {
  readonly isWorking: boolean;
  /** Whether something is due that nobody works on. */
  readonly isLeft: boolean;
  /** Since its last turn ended, or since it began. */
  readonly turnedMs: number;
  readonly running: readonly Running[];
}

/** The pass over all Scores that comes whether or not anything was hinted at. */
export interface Passes {
  /** Since the last one began, or since the start. */
  readonly passedMs: number;
  /** The longest pause between two. */
  readonly everyMs: number;
}

/**
 * What of the agent hangs, each as a sentence; none while it makes progress. That the event loop turns is not asked here:
 * where it does not, nobody asks.
 */
export function stalls(
  { isWorking, isLeft, turnedMs, running }: Progress,
  { passedMs, everyMs }: Passes,
): readonly string[] {
  const overdue = running.filter(({ forMs, deadlineMs }) => forMs > deadlineMs + SLACK_MS);
  const found = overdue.map(
    ({ key, forMs, deadlineMs }) =>
      `the work on ${key} has gone on for ${seconds(forMs)}, and its deadline was ${seconds(deadlineMs)}`,
  );
  if (isLeft) found.push("something is due, and nobody works on it");
  // While work is within its deadline the loop waits for it, and rightly.
  if (isWorking && running.length === 0 && turnedMs > SLACK_MS) {
    found.push(`the reconcile loop has not come round for ${seconds(turnedMs)}, and nothing is under way`);
  }
  if (passedMs > everyMs + SLACK_MS) {
    found.push(`the last pass over all Scores was ${seconds(passedMs)} ago, and one is due every ${seconds(everyMs)}`);
  }
  return found;
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
