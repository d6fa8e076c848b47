import { PortError } from "../capabilities/port-error.ts";

/** The caller asked for something that makes no sense. */
export const invalid = (message: string, { retryable = false } = {}): PortError =>
  new PortError({ code: "Invalid", blame: "author", message, next: "Correct the Score.", retryable });

export const notFound = (path: string): PortError =>
  new PortError({
    code: "NotFound",
    blame: "author",
    message: `${path}, or the directory that holds it, is not there.`,
    next: `Ask for the parent directories of ${path} to be made, or make it first.`,
  });

export const obstructed = (path: string): PortError =>
  new PortError({
    code: "Obstructed",
    blame: "device",
    message: `Something that may not be touched stands at ${path}, in it, or on the way to it.`,
    next: "Move it away, or name another path.",
  });
