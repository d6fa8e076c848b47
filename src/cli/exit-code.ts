/** What a command ends with. */
export const EXIT = {
  /** Done and converged, or nothing found. */
  done: 0,
  /** A finding, a refusal or a FAILURE. */
  finding: 1,
  /** Wrong usage, or a FILE that cannot be loaded. */
  usage: 2,
  /** Timed out waiting. */
  timedOut: 3,
  /** The server or the agent cannot be reached. */
  unreachable: 4,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
