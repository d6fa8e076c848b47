import { createHash } from "node:crypto";
import { invalid } from "./fake-port-errors.ts";

const SUFFIX = ".harmony-new";

const bytesOf = (text: string) => new TextEncoder().encode(text).length;

/** The parts of a path, none for the root; refuses (`Invalid`) what the real adapter refuses. */
export function partsOf(path: string): string[] {
  if (path === "/") return [];
  const parts = path.slice(1).split("/");
  const wrong = parts.some((part) => part === "" || part === "." || part === ".." || bytesOf(part) > 255);
  if (path.startsWith("/") && !wrong && bytesOf(path) <= 4095 && !/[\0\p{Surrogate}]/u.test(path)) return parts;
  throw invalid(`${JSON.stringify(path)} is not an absolute, normalised path.`);
}

/** The path of the directory that holds an entry. */
export const parentOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf("/")));

/** The name of the file that an interrupted write of `target` leaves beside it. */
export function temporaryName(target: string): string {
  const plain = `.${target}${SUFFIX}`;
  return bytesOf(plain) <= 255 ? plain : `.${createHash("sha256").update(target).digest("hex")}${SUFFIX}`;
}

export const isTemporaryName = (name: string): boolean => name.startsWith(".") && name.endsWith(SUFFIX);
