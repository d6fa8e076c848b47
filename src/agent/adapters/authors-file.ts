import { readFileSync } from "node:fs";
import type { Log } from "../../scores/context.ts";
import { type Authors, readAuthors } from "../../wire/authors.ts";
import { stampOf } from "./file-stamp.ts";

/**
 * The authors that a device trusts, from their file, which is looked at whenever they are asked for. While it cannot be read,
 * nobody in it is trusted: what is in force stays, and nothing new is taken.
 */
export function authorsFile(path: string, log: Log): () => Authors {
  let seen = "";
  let current: Authors = { keys: [], unreadable: path };
  return () => {
    const stamp = stampOf(path);
    if (stamp === seen) return current;
    seen = stamp;
    const read = readOf(path);
    if (read._tag === "Unusable") {
      log("the authors cannot be read: nothing new of theirs is taken, and what runs goes on", {
        file: path,
        why: read.message,
      });
      current = { keys: [], unreadable: `${path}: ${read.message}` };
    } else {
      log("the authors were read", { file: path, authors: [...new Set(read.keys.map(({ name }) => name))] });
      current = { keys: read.keys, unreadable: null };
    }
    return current;
  };
}

function readOf(path: string): ReturnType<typeof readAuthors> {
  try {
    return readAuthors(readFileSync(path));
  } catch (error) {
    return { _tag: "Unusable", message: error instanceof Error ? error.message : String(error) };
  }
}
