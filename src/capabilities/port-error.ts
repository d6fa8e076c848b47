/** Whose fault it is, so that the right person is asked: the Score's author, the device's owner, or this software. */
export type Blame = "author" | "device" | "platform";

/** What went wrong at a port, in words that do not depend on the adapter. */
export type PortErrorCode =
  | "NotPermitted"
  | "NotFound"
  | "Obstructed"
  | "NoSpace"
  | "ReadOnly"
  | "Busy"
  | "TimedOut"
  | "Unsupported"
  | "Invalid"
  | "Unavailable"
  /** What is there, or came, is not what its hash says. */
  | "Corrupt"
  /** It was done, did not prove itself, and what was there before is back. */
  | "RolledBack"
  | "Failed";

/** The facts of a failed port call. */
export interface PortProblem {
  readonly code: PortErrorCode;
  /** One sentence: what was tried on what, and what the host answered. */
  readonly message: string;
  readonly blame: Blame;
  /** One sentence for the operator: what to do about it. */
  readonly next: string;
  /** False where the same call can only fail again until somebody changes something. Default: true. */
  readonly retryable?: boolean;
}

/**
 * The one error that a port may throw (or reject with). Only the engine catches it, and turns it into a typed FAILURE;
 * anything else that comes out of a port is reported as a bug of the adapter.
 */
export class PortError extends Error {
  override readonly name = "PortError";
  readonly problem: PortProblem;

  constructor(problem: PortProblem, options?: ErrorOptions) {
    super(problem.message, options);
    this.problem = problem;
  }
}
