import { lstatSync, statSync } from "node:fs";
import { mkdir, open, readFile, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";

export type WrittenNew =
  | { readonly _tag: "Written" }
  /** Nothing was written. `paths` are those that stand in the way, as given. */
  | { readonly _tag: "InTheWay"; readonly paths: readonly string[] }
  /** What had been written before is gone again. */
  | { readonly _tag: "Failed"; readonly message: string };

/** Writes files, by their paths below `folder`, all of them or none. Overwrites nothing. */
export async function writeNew(folder: string, files: ReadonlyMap<string, string>): Promise<WrittenNew> {
  const written: string[] = [];
  const made: string[] = [];
  try {
    const paths = [...new Set([...files.keys()].flatMap((path) => inTheWay(folder, path)))];
    if (paths.length > 0) return { _tag: "InTheWay", paths };
    for (const [path, text] of files) {
      const target = join(folder, path);
      const first = await mkdir(dirname(target), { recursive: true });
      if (first !== undefined) made.push(...between(first, dirname(target)));
      // Whoever put something there since then keeps it.
      const file = await open(target, "wx");
      written.push(target);
      try {
        await file.writeFile(text);
      } finally {
        await file.close();
      }
      if ((await readFile(target, "utf8")) !== text) throw new Error(`${target} does not hold what was written`);
    }
    return { _tag: "Written" };
  } catch (error) {
    for (const target of written) await rm(target, { force: true });
    // Innermost first; one in which somebody else put something stays.
    for (const each of made.toReversed()) await rmdir(each).catch(() => {});
    return { _tag: "Failed", message: error instanceof Error ? error.message : String(error) };
  }
}

/** The path itself where something stands there, or the first part of it that is there and no folder. */
function inTheWay(folder: string, path: string): readonly string[] {
  const above = dirname(path);
  if (above !== ".") {
    const blocked = inTheWay(folder, above);
    const isFolder = statSync(join(folder, above), { throwIfNoEntry: false })?.isDirectory() === true;
    if (blocked.length > 0 && !isFolder) return blocked;
  }
  return lstatSync(join(folder, path), { throwIfNoEntry: false }) === undefined ? [] : [path];
}

/** The folders from `first` down to `last`, outermost first. */
function between(first: string, last: string): readonly string[] {
  return first === last ? [first] : [...between(first, dirname(last)), last];
}
