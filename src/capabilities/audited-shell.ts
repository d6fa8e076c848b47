import { capability } from "./capability.ts";

/** One command of a job: what is run, as whom, and on whose word. */
export interface ShellCommand {
  /** The job's name, by which its runs are found again. */
  readonly job: string;
  /** The absolute path of a program, and its arguments as they are. */
  readonly argv: readonly string[];
  /** The account that it runs as: a name that the host knows, or its number. */
  readonly runAs: string;
  readonly workingDirectory: string;
  /** Beside `PATH`, `HOME`, `USER`, `LOGNAME` and `LC_ALL=C`, which it always has. */
  readonly environment: Readonly<Record<string, string>>;
  /** What must never be shown, wherever it comes up. */
  readonly secrets: readonly string[];
  /** Milliseconds until all of its processes are asked to end; five seconds later they are killed. */
  readonly timeoutMs: number;
  /** Who approved it, for the record. */
  readonly approver: string;
  /** Until when that holds (ISO 8601), for the record. */
  readonly expires: string;
}

/**
 * How a command came to its end. `exited`: by itself. `killed`: by a signal that somebody else sent. `timed-out`, `stopped`:
 * from here, because its time was over, or because the agent gave it up.
 */
export const SHELL_ENDINGS = ["exited", "killed", "timed-out", "stopped"] as const;

/** What came of a command. */
export interface ShellResult {
  readonly ending: (typeof SHELL_ENDINGS)[number];
  /** Null where a signal ended it. */
  readonly exitCode: number | null;
  /** The end of what it wrote to both outputs, at most 4 KiB, with every secret taken out. */
  readonly output: string;
}

/** What a check answered. */
export interface CheckAnswer extends ShellResult {
  /** Since when it has answered so, as far as this agent has seen since its start (ISO 8601). */
  readonly since: string;
}

/** A run that the record tells of. */
export interface ShellRun extends Omit<ShellResult, "ending"> {
  readonly purpose: "run" | "undo";
  /** `interrupted`: the agent ended before the command did, and what became of it is not known. */
  readonly ending: ShellResult["ending"] | "interrupted";
  /** When it began (ISO 8601). */
  readonly at: string;
  /** Null where it was interrupted. */
  readonly durationMs: number | null;
  /** All that it wrote, in bytes, and the hash of that in lower-case hexadecimal; null where it was interrupted. */
  readonly outputBytes: number | null;
  readonly outputSha256: string | null;
  readonly runAs: string;
  readonly approver: string;
}

/**
 * A place where commands may be run, each of them on record. The device's own configuration decides whether it is one;
 * nothing that is sent can.
 *
 * All processes that a command started end with it: at its own end, at its time limit, and when the signal comes. Every call rejects with a
 * PortError alone: where a command could not be started (no such account or directory, no right) or not be recorded, and
 * where a `run` did not exit with 0.
 */
export interface AuditedShell {
  /**
   * Runs the command that tells how things are. It changes nothing: that is the author's promise, and cannot be enforced.
   * The first time since the agent's start that a command is run so, that is recorded.
   */
  check(command: ShellCommand, signal: AbortSignal): Promise<CheckAnswer>;
  /** The newest run of the job, as far back as the record goes; null where there is none. */
  lastRun(job: string): Promise<ShellRun | null>;
  /** Runs a command that changes things. It is on disk that it begins before it does, and what came of it afterwards. */
  run(command: ShellCommand, purpose: ShellRun["purpose"], signal: AbortSignal): Promise<ShellRun>;
}

export const AuditedShell = capability<AuditedShell>()("AuditedShell", { reads: ["check", "lastRun"] });
