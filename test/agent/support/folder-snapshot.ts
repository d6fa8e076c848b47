import { lstat, readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "./eventually.ts";

/**
 * Every file below a folder with its inode, time of change and bytes: equal snapshots mean that nothing was written. Where a
 * file is renamed or removed while it is looked at, all are looked at again.
 */
export async function snapshot(
  folder: string,
  without: readonly string[] = [],
): Promise<Readonly<Record<string, string>>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = names
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => !without.some((each) => path === each || path.startsWith(`${each}/`)))
    .toSorted();
  const told = found.map(async (path) => {
    const { ino, mtimeNs, ctimeNs, mode } = await lstat(join(folder, path), { bigint: true });
    const text = await readFile(join(folder, path), "utf8").catch(() => "");
    return [path, `${ino} ${mode.toString(8)} ${mtimeNs} ${ctimeNs} ${text}`] as const;
  });
  try {
    return Object.fromEntries(await Promise.all(told));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return snapshot(folder, without);
    throw error;
  }
}

/** A status goes out once a second. */
const REST_MS = 1200;

/** The first snapshot that is still so a moment later: what is Ready is told before all of it is on disk. */
export const atRest = (
  take: () => ReturnType<typeof snapshot>,
  tail: () => string,
): Promise<Readonly<Record<string, string>>> =>
  eventually(
    "nothing is written any more",
    async () => {
      const before = await take();
      await sleep(REST_MS);
      const after = await take();
      return JSON.stringify(before) === JSON.stringify(after) ? after : null;
    },
    tail,
  );
