import { lstat, readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";

/** Every file below a folder with its inode, time of change and bytes: equal snapshots mean that nothing was written. */
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
  return Object.fromEntries(await Promise.all(told));
}
