import { watch } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/**
 * How often each name in a folder came to mean another file, or none, by the kernel's word: a file that is written once
 * and removed once counts 2. Temporary files, with a dot before their names, do not count.
 */
export async function effectsIn(root: string, folder: string): Promise<ReadonlyMap<string, number>> {
  const counted = new Map<string, number>();
  const path = join(root, folder);
  await mkdir(path, { recursive: true });
  const watcher = watch(path, (event, name) => {
    if (event !== "rename" || name === null || name.startsWith(".")) return;
    counted.set(name, (counted.get(name) ?? 0) + 1);
  });
  onTestFinished(() => watcher.close());
  return counted;
}
