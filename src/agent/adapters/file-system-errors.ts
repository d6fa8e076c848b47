import { PortError, type Blame, type PortErrorCode } from "../../capabilities/port-error.ts";

/** What a call was doing, as the first words of its error's message. */
export type Doing =
  | "Reading"
  | "Watching"
  | "Entering the directory"
  | "Writing the file"
  | "Making the directory"
  | "Changing the attributes of"
  | "Removing the file"
  | "Removing the directory";

interface Meaning {
  readonly code: PortErrorCode;
  readonly blame: Blame;
  readonly says: string;
  readonly next: (path: string) => string;
  readonly retryable?: boolean;
}

const notPermitted: Meaning = {
  code: "NotPermitted",
  blame: "device",
  says: "the operating system did not permit it",
  next: (path) => `Give the agent's user the right to do this to ${path}, or run the agent as a user who has it.`,
};
const noSpace = (says: string): Meaning => ({
  code: "NoSpace",
  blame: "device",
  says,
  next: (path) => `Free space on the file system that holds ${path}, or raise the quota.`,
});
const obstructed = (says: string): Meaning => ({
  code: "Obstructed",
  blame: "device",
  says,
  next: (path) => `Move away what stands at ${path}, or name another path.`,
});

const meanings: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ["EACCES", notPermitted],
  ["EPERM", notPermitted],
  ["ENOSPC", noSpace("the file system has no space left")],
  ["EDQUOT", noSpace("the disk quota is used up")],
  [
    "EROFS",
    {
      code: "ReadOnly",
      blame: "device",
      says: "the file system is mounted read-only",
      next: (path) => `Mount the file system that holds ${path} writable, also for the agent's own service unit.`,
    },
  ],
  [
    "ENOENT",
    {
      code: "NotFound",
      blame: "author",
      says: "it, or the directory that holds it, is not there",
      next: (path) => `Ask for the parent directories of ${path} to be made, or make it first.`,
    },
  ],
  ["EISDIR", obstructed("a directory stands there")],
  ["ENOTEMPTY", obstructed("the directory is not empty")],
  ["EEXIST", obstructed("something else stands there already")],
  ["ENOTDIR", obstructed("what stands there is not a directory")],
  ["ELOOP", obstructed("a symbolic link stands there, and links are never followed")],
  [
    "EBUSY",
    {
      code: "Busy",
      blame: "device",
      says: "it is in use by the system, as a mount point is",
      next: (path) => `Unmount what is mounted at ${path}, or stop what uses it.`,
    },
  ],
  [
    "ENAMETOOLONG",
    {
      code: "Invalid",
      blame: "author",
      says: "the name is too long for the file system",
      next: (path) => `Choose a shorter name than ${path}.`,
      retryable: false,
    },
  ],
]);

const failed: Meaning = {
  code: "Failed",
  blame: "device",
  says: "the operating system answered with an error",
  next: (path) => `Look into the system log for errors of the storage that holds ${path}.`,
};

/** The name of the operating system's error, such as `"ENOENT"`; undefined for any other value. */
export function errnoOf(error: unknown): string | undefined {
  const errno = error instanceof Error && "errno" in error && "code" in error ? error.code : undefined;
  return typeof errno === "string" ? errno : undefined;
}

/** Puts an error of the operating system into the port's words. Anything else comes back as it is, since it is a bug. */
export function asPortError(error: unknown, doing: Doing, path: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const { code, blame, says, next, retryable = true } = meanings.get(errno) ?? failed;
  const message = `${doing} ${path} failed: ${says} (${errno}).`;
  return new PortError({ code, blame, message, next: next(path), retryable }, { cause: error });
}

/** Something stands where it may not; `there` names it with its article. */
export const obstructedBy = (doing: Doing, path: string, there: string, at: string): PortError =>
  new PortError({
    code: "Obstructed",
    blame: "device",
    message: `${doing} ${path} was refused: ${there} stands at ${at}.`,
    next: `Move away what stands at ${at}, or name another path.`,
  });

export const busy = (doing: Doing, path: string): PortError =>
  new PortError({
    code: "Busy",
    blame: "device",
    message: `${doing} ${path} was given up: another process keeps changing what stands there.`,
    next: `Find the process that also changes ${path}, and stop it or give up the path.`,
  });

/** The caller asked for something that makes no sense; the same call can only be refused again. */
export const invalid = (message: string, next: string): PortError =>
  new PortError({ code: "Invalid", blame: "author", message, next, retryable: false });
