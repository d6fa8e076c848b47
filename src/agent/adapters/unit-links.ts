import { type Dirent, lstatSync, readdirSync } from "node:fs";

/** Where people and programs enable and mask units; systemd tells of none of it that does not go through itself. */
const ROOTS = ["/etc/systemd/system", "/run/systemd/system"];
const HOLDS_LINKS = /\.(wants|requires|upholds)$/;

/** What enables units, masks them or gives them other names, as far as it is made of links: cheap to look at again. */
export class UnitLinks {
  #seen = "";
  #aliases = "";
  /** By unit, the folders that hold a link of its name. */
  #enablers = new Map<string, string>();
  #changedAtMs = 0;

  /** To be called before a row of questions: they are answered by how things stand now. */
  look(): void {
    const aliases: string[] = [];
    const folders: string[] = [];
    const seen: string[] = [];
    let changedAtMs = 0;
    for (const root of ROOTS) {
      for (const entry of entriesOf(root)) {
        const path = `${root}/${entry.name}`;
        const holds = entry.isDirectory() && HOLDS_LINKS.test(entry.name);
        if (!holds && !entry.isSymbolicLink()) continue;
        const found = lstatSync(path, { throwIfNoEntry: false, bigint: true });
        if (found === undefined) continue;
        const sign = `${path}:${found.ino}:${found.mtimeNs}`;
        seen.push(sign);
        changedAtMs = Math.max(changedAtMs, Number(found.mtimeNs / 1_000_000n));
        if (holds) folders.push(path);
        else aliases.push(sign);
      }
    }
    const now = seen.join("|");
    if (now === this.#seen && this.#changedAtMs === changedAtMs && Date.now() - changedAtMs > FRESH_MS) return;
    this.#changedAtMs = changedAtMs;
    this.#seen = now;
    this.#aliases = aliases.join("|");
    this.#enablers = new Map();
    for (const folder of folders) {
      for (const { name } of entriesOf(folder)) {
        this.#enablers.set(name, `${this.#enablers.get(name) ?? ""}${folder}|`);
      }
    }
  }

  /** Whether a folder holds a link of its name, so that something starts it. */
  enables(unit: string): boolean {
    return this.#enablers.has(unit);
  }

  /** The same text: the same enablement, where the unit's files are the same too. */
  of(unit: string): string {
    return `${this.#enablers.get(unit) ?? ""}${this.#aliases}`;
  }

  /** When the last of it was made, in milliseconds of the wall clock. */
  get changedAtMs(): number {
    return this.#changedAtMs;
  }
}

/**
 * Files that changed so lately may change again without another time: kernels count times of files by ticks of up to 10 ms.
 * What lies in the future after a jump of the clock counts as fresh as well.
 */
export const FRESH_MS = 50;

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
