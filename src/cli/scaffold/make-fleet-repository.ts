import { statSync } from "node:fs";
import { basename } from "node:path";
import { fleetFiles } from "./templates.ts";
import { writeNew } from "./write-new.ts";

export type MadeRepository =
  | { readonly _tag: "Made"; readonly files: readonly string[] }
  | { readonly _tag: "NoFolder" | "InTheWay" | "Failed"; readonly message: string; readonly next: string };

/** Writes a fleet repository into a folder, which may be there and hold other things. `folder`: absolute. */
export async function makeFleetRepository(folder: string): Promise<MadeRepository> {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === false) {
    return { _tag: "NoFolder", message: `${folder} is no folder`, next: "Name another one." };
  }
  const files = await fleetFiles(packageName(basename(folder)));
  const written = await writeNew(folder, files);
  if (written._tag === "InTheWay") {
    const message = `${written.paths.join(", ")} would be overwritten in ${folder}`;
    return { _tag: "InTheWay", message, next: "Name another folder, or move that away; nothing was written." };
  }
  if (written._tag === "Failed") {
    return { _tag: "Failed", message: written.message, next: "Nothing was written that is not gone again." };
  }
  return { _tag: "Made", files: [...files.keys()] };
}

/** As npm takes it, and as near to the folder's name as that goes. */
function packageName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "-")
    .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, "")
    .slice(0, 100);
  // A package of the name of one that it depends on is refused by npm.
  return name === "" || OTHERS.has(name) ? "site" : name;
}

const OTHERS: ReadonlySet<string> = new Set([
  "harmony-edge",
  "zod",
  "ts-pattern",
  "vitest",
  "typescript",
  "fast-check",
  "node_modules",
]);
