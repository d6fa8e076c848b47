import { lstatSync } from "node:fs";
import { chmod, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { upward } from "../compiler.ts";
import { type Addition, byHand, withKind } from "./kinds-list.ts";
import type { KindName } from "./kind-name.ts";
import { kindFiles } from "./templates.ts";
import { writeNew } from "./write-new.ts";

export type MadeKind =
  | {
      readonly _tag: "Made";
      /** The folder of the repository. */
      readonly folder: string;
      /** What was written, by its path in there. */
      readonly files: readonly string[];
      /** Why kinds.ts was left alone, and the lines to add to it by hand; null: it has the kind. */
      readonly byHand: { readonly why: string; readonly lines: readonly string[] } | null;
    }
  | {
      readonly _tag: "NoRepository" | "Known" | "InTheWay" | "Failed";
      readonly message: string;
      readonly next: string;
    };

const KINDS_FILE = "kinds.ts";

/** Writes a kind and its contract test into the fleet repository around `cwd`, and puts it into the tuple of kinds.ts. */
export async function makeKind(kind: KindName, cwd: string): Promise<MadeKind> {
  const folder = repositoryAround(cwd);
  if (folder === null) {
    return {
      _tag: "NoRepository",
      message: `there is no ${KINDS_FILE} here, nor in a folder above`,
      next: `harmony new fleet makes a repository that has one. In one of your own: export default [] as const; in ${KINDS_FILE}.`,
    };
  }
  const path = join(folder, KINDS_FILE);
  const addition: Addition = { className: kind.className, from: `./kinds/${kind.file}.ts` };
  const before = await readFile(path, "utf8");
  const edited = withKind(before, addition);
  if (edited._tag === "Known") {
    return { _tag: "Known", message: `${KINDS_FILE} has a ${kind.className} already`, next: "Take another name." };
  }
  const { kind: source, test } = await kindFiles(kind);
  const files = new Map([
    [`kinds/${kind.file}.ts`, source],
    [`kinds/${kind.file}.test.ts`, test],
  ]);
  const written = await writeNew(folder, files);
  if (written._tag === "InTheWay") {
    const next = "Take another name, or move it away; nothing was written.";
    return { _tag: "InTheWay", message: `${written.paths.join(" and ")} would be overwritten`, next };
  }
  if (written._tag === "Failed") {
    return { _tag: "Failed", message: written.message, next: "Nothing was written that is not gone again." };
  }
  const why = edited._tag === "NotSafe" ? "is not as harmony new makes it" : await replace(path, before, edited.text);
  const left = why === null ? null : { why, lines: byHand(addition) };
  return { _tag: "Made", folder, files: [...files.keys()], byHand: left };
}

/** The nearest folder with a kinds.ts; not beyond one that is a package of its own. */
function repositoryAround(cwd: string): string | null {
  const has = (folder: string, name: string): boolean =>
    lstatSync(join(folder, name), { throwIfNoEntry: false })?.isFile() === true;
  const folders = upward(cwd);
  const end = folders.findIndex((folder) => has(folder, "package.json"));
  return folders.slice(0, end === -1 ? undefined : end + 1).find((folder) => has(folder, KINDS_FILE)) ?? null;
}

/** Null once the file holds `text`; else why it holds what it held. A crash leaves either text. */
async function replace(path: string, before: string, text: string): Promise<string | null> {
  const temporary = join(dirname(path), `.${KINDS_FILE}.${process.pid}.new`);
  try {
    const { mode } = lstatSync(path);
    await writeFile(temporary, text, { flag: "wx" });
    await chmod(temporary, mode & 0o777);
    if ((await readFile(path, "utf8")) !== before) return "was saved by somebody else meanwhile";
    await rename(temporary, path);
    return (await readFile(path, "utf8")) === text ? null : "does not hold what was written";
  } catch (error) {
    return `could not be written (${error instanceof Error ? error.message : String(error)})`;
  } finally {
    await rm(temporary, { force: true });
  }
}
