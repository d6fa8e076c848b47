import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Bundle, readBundle } from "../wire/bundle.ts";
import type { Session } from "./session.ts";

/**
 * The bundle in FILE. Null: it is none, but the source of a manifest, which never begins with a brace. `Unreadable`: it
 * should be one and is not, which has been told.
 */
export async function bundleIn({ io, complain }: Session, file: string): Promise<Bundle | null | "Unreadable"> {
  const bytes = await readFile(resolve(io.cwd, file)).catch(() => null);
  if (bytes === null || !bytes.subarray(0, 64).toString().trimStart().startsWith("{")) return null;
  const read = readBundle(bytes);
  if (read._tag !== "Unreadable") return read;
  complain(`${file} is no bundle: ${read.message}`, "harmony sign makes one.");
  return "Unreadable";
}
