import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname } from "node:path";

/** Editors write a file in several steps; this long after the last one it is looked at. */
const SETTLE_MS = 80;
/** Not every file system tells of changes, so the files are also looked at this often. */
const POLL_MS = 1500;

/** Calls back after each save of one of the watched files. */
export class Saves {
  readonly #saved: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #poll: NodeJS.Timeout;
  #stamps = new Map<string, string>();
  #settling: NodeJS.Timeout | undefined;

  constructor(saved: () => void) {
    this.#saved = saved;
    this.#poll = setInterval(() => this.#look(), POLL_MS);
  }

  /** From now on these files. What changed since they were last looked at counts as saved. */
  watch(files: readonly string[]): void {
    const folders = new Set(files.map((file) => dirname(file)));
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    // The folder, not the file: editors put a new file in its place.
    for (const folder of folders) if (!this.#watchers.has(folder)) this.#watchFolder(folder);
    this.#stamps = new Map(files.map((file) => [file, this.#stamps.get(file) ?? stampOf(file) ?? ""]));
  }

  close(): void {
    clearInterval(this.#poll);
    clearTimeout(this.#settling);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watchFolder(folder: string): void {
    try {
      const watcher = watch(folder, () => {
        clearTimeout(this.#settling);
        this.#settling = setTimeout(() => this.#look(), SETTLE_MS);
      });
      watcher.on("error", () => watcher.close());
      this.#watchers.set(folder, watcher);
    } catch {
      // No watches left, or a file system without them: the files are still looked at now and then.
    }
  }

  #look(): void {
    let changed = false;
    for (const [file, before] of this.#stamps) {
      const stamp = stampOf(file);
      // Gone: in the middle of a save, or for good. Either way there is nothing to load.
      if (stamp === null || stamp === before) continue;
      this.#stamps.set(file, stamp);
      changed = true;
    }
    if (changed) this.#saved();
  }
}

/** Another text once the file was saved; null where there is none. */
export function stampOf(file: string): string | null {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
}
