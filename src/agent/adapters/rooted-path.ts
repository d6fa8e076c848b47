import { invalid } from "./file-system-errors.ts";
import { NAME_MAX } from "./temporary-name.ts";

/** A checked path, cut before its last part. The root is `{ path: "/", parent: "/", leaf: "" }`. */
export interface RootedPath {
  readonly path: string;
  readonly parent: string;
  readonly leaf: string;
}

/** What one system call takes at most, in bytes; a longer path could be made here, but nobody else could open it. */
const PATH_MAX = 4095;

/** NUL ends a name for the system; half of a surrogate pair would be written as another character. */
const unwritable = /[\0\p{Surrogate}]/u;

/** Refuses (`Invalid`) every path but an absolute, normalised one. */
export function parsePath(path: string): RootedPath {
  if (path === "/") return { path, parent: "/", leaf: "" };
  const because = whyInvalid(path);
  if (because !== undefined) {
    throw invalid(
      `${JSON.stringify(path)} is not a path that can be used: ${because}.`,
      'Name an absolute path without ".", "..", empty parts or a slash at the end.',
    );
  }
  const cut = path.lastIndexOf("/");
  return { path, parent: cut === 0 ? "/" : path.slice(0, cut), leaf: path.slice(cut + 1) };
}

function whyInvalid(path: string): string | undefined {
  if (!path.startsWith("/")) return "it is not absolute";
  if (unwritable.test(path)) return "it holds a character that no file name can hold";
  if (Buffer.byteLength(path) > PATH_MAX) return `it is longer than ${PATH_MAX} bytes`;
  for (const part of path.slice(1).split("/")) {
    if (part === "") return "it has an empty part or a slash at the end";
    if (part === "." || part === "..") return `it has the part "${part}"`;
    if (Buffer.byteLength(part) > NAME_MAX) return `it has a part that is longer than ${NAME_MAX} bytes`;
  }
  return undefined;
}
