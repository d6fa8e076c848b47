import { statSync } from "node:fs";
import type { ShellCommand, ShellRun } from "../../capabilities/audited-shell.ts";
import { PortError } from "../../capabilities/port-error.ts";
import { errnoOf } from "./file-system-errors.ts";
import type { JobEnd } from "./job-process.ts";

type Ended = Extract<JobEnd, { _tag: "Ended" }>;

/** Refuses a place that no command can be run in. */
export function demandDirectory(path: string, job: string): void {
  let errno: string | undefined;
  try {
    if (statSync(path).isDirectory()) return;
    errno = "ENOTDIR";
  } catch (error) {
    errno = errnoOf(error) ?? "EIO";
  }
  throw new PortError({
    code: "NotFound",
    blame: "author",
    message: `The directory ${path} that the job "${job}" is to run in cannot be entered (${errno}).`,
    next: `Make ${path} first (a Directory Score, and after), or name another.`,
  });
}

type What = "check" | ShellRun["purpose"];

export const cannotStart = ({ job }: ShellCommand, what: What, because: string): PortError =>
  new PortError({
    code: "Failed",
    blame: "device",
    message: `The ${what} of the job "${job}" could not be started (${because}).`,
    next: "Look at the device's limits of processes and memory.",
  });

export const calledOff = ({ job }: ShellCommand, what: What): PortError =>
  new PortError({
    code: "TimedOut",
    blame: "platform",
    message: `The ${what} of the job "${job}" was called off before it began.`,
    next: "Nothing: it is tried again.",
  });

/** A command that did not exit with 0. `output`: what is shown of its output. */
export function endedBadly({ job, timeoutMs }: ShellCommand, what: What, end: Ended, output: string): PortError {
  const last = output.trimEnd().split("\n").at(-1) ?? "";
  const says = last === "" ? "without a word" : `its last words: ${last.slice(-300)}`;
  const the = `The ${what} of the job "${job}"`;
  const about = {
    message: "",
    code: "Failed",
    blame: "author",
    next: "See details.lastRun of the Score's status.",
  } as const;
  switch (end.ending) {
    case "exited":
      return new PortError({
        ...about,
        message: `${the} ended with exit code ${end.exitCode} after ${end.durationMs} ms, ${says}`,
      });
    case "killed":
      return new PortError({
        ...about,
        blame: "device",
        message: `${the} was killed by a signal after ${end.durationMs} ms, ${says}`,
        next: "Look at the device's memory (journalctl -k): the kernel kills what takes too much.",
      });
    case "timed-out":
      return new PortError({
        ...about,
        code: "TimedOut",
        message: `${the} was ended after ${timeoutMs / 1000} s, ${says}`,
        next: "Find out what it waits for, or raise timeoutSeconds.",
      });
    case "stopped":
      return new PortError({
        ...about,
        code: "TimedOut",
        blame: "platform",
        message: `${the} was ended because the agent stops, or gave it up, ${says}`,
        next: "Nothing: its check decides at the next start whether it is run again.",
      });
  }
}
