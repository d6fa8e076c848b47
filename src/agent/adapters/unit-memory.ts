import { type BigIntStats, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RUNTIME_DIRECTORY } from "./scratch.ts";

/** Of this boot alone: whatever was started before it is started anew by it. */
const FOLDER = `${RUNTIME_DIRECTORY}/units`;

/** Microseconds of the clock that systemd's monotonic timestamps are of. */
export const monotonicMicroseconds = (): number => Number(process.hrtime.bigint() / 1000n);

/** When each unit's files were last changed, across restarts of the agent. */
export class ChangeTimes {
  readonly #folder: string;
  readonly #changed = new Map<string, number>();

  constructor(folder: string = FOLDER) {
    this.#folder = folder;
  }

  /** To be called before the change: a crash right after it is then no loss. */
  note(unit: string): void {
    const now = monotonicMicroseconds();
    this.#changed.set(unit, now);
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
      writeFileSync(join(this.#folder, unit), String(now), { mode: 0o644 });
    } catch {
      // Without /run the memory of this process has to do.
    }
  }

  forget(unit: string): void {
    this.#changed.set(unit, 0);
    rmSync(join(this.#folder, unit), { force: true });
  }

  /** Microseconds; 0 where it was not changed since the boot. */
  of(unit: string): number {
    let changed = this.#changed.get(unit);
    if (changed === undefined) this.#changed.set(unit, (changed = this.#read(unit)));
    return changed;
  }

  #read(unit: string): number {
    try {
      return Number(readFileSync(join(this.#folder, unit), "utf8")) || 0;
    } catch {
      return 0;
    }
  }
}

/** What tells one version of some files from another, without reading them. */
export interface Version {
  readonly text: string;
  /** When the youngest of them was changed, in milliseconds of the wall clock; 0 where there is none. */
  readonly changedAtMs: number;
}

/** Undefined where it is not there, or cannot be: the path of a unit's file is what somebody on the bus said. */
function statOf(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false, bigint: true });
  } catch {
    return undefined;
  }
}

export function versionOf(paths: readonly string[]): Version {
  let changedAtMs = 0;
  const signs = paths.map((path) => {
    const found = statOf(path);
    if (found === undefined) return "-";
    changedAtMs = Math.max(changedAtMs, Number(found.ctimeNs / 1_000_000n));
    return `${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`;
  });
  return { text: signs.join("|"), changedAtMs };
}
