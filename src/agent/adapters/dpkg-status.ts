import fs from "node:fs";
import type { PackageState } from "../../capabilities/package-manager.ts";
import { errnoOf } from "./file-system-errors.ts";

const ABSENT: PackageState = { status: "absent", version: null, held: false, essential: false };

/** What the database says of one moment. */
interface Contents {
  readonly packages: ReadonlyMap<string, PackageState>;
  /** By which files it was read. */
  readonly key: string;
  /** Whether dpkg is at work, or was cut short at it. */
  readonly unfinished: boolean;
}

/**
 * dpkg's own database, `/var/lib/dpkg/status` and what lies in `updates` beside it, read again only when one of them has
 * changed: a look at a package that is as it was costs two system calls.
 */
export class DpkgStatus {
  readonly #folder: string;
  readonly #listeners = new Set<() => void>();
  #contents: Contents | undefined;
  #watcher: fs.FSWatcher | undefined;

  constructor(folder = "/var/lib/dpkg") {
    this.#folder = folder;
  }

  /** @throws Error of the system where the database cannot be read; without one there are no packages */
  state(name: string): PackageState {
    return this.#read().packages.get(name) ?? ABSENT;
  }

  /** Whether something has to be brought to its end before packages can be changed. */
  isUnfinished(): boolean {
    const { packages, unfinished } = this.#read();
    return unfinished || [...packages.values()].some(({ status }) => status === "broken");
  }

  watch(changed: () => void): () => void {
    const listener = (): void => changed();
    this.#listeners.add(listener);
    if (this.#watcher === undefined) this.#arm();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.close();
    };
  }

  close(): void {
    this.#listeners.clear();
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #arm(): void {
    try {
      // The folder, because the file is replaced at each change.
      const watcher = fs.watch(this.#folder, (_, name) => {
        if (name === "status") for (const listener of this.#listeners) listener();
      });
      // Without it the periodic pass finds what has changed.
      watcher.on("error", () => watcher.close());
      this.#watcher = watcher;
    } catch {
      // There is no dpkg here, or the system's limit of watches is reached: the same.
    }
  }

  #read(): Contents {
    const updates = namesIn(`${this.#folder}/updates`);
    const key = [keyOf(`${this.#folder}/status`), ...updates].join(" ");
    if (this.#contents?.key === key) return this.#contents;
    const texts = [`${this.#folder}/status`, ...updates.map((each) => `${this.#folder}/updates/${each}`)].map(textOf);
    const packages = packagesIn(texts.join("\n\n"));
    this.#contents = { packages, key, unfinished: updates.length > 0 };
    return this.#contents;
  }
}

/** Reads paragraphs of the database; a later one of the same package counts. What is of another architecture is left out. */
export function packagesIn(text: string): ReadonlyMap<string, PackageState> {
  const all = text.split(/\n{2,}/).map((paragraph) => ({
    name: field(paragraph, "Package"),
    status: field(paragraph, "Status"),
    version: field(paragraph, "Version"),
    architecture: field(paragraph, "Architecture"),
    essential: field(paragraph, "Essential") === "yes" || field(paragraph, "Protected") === "yes",
  }));
  // dpkg itself is always of the device's own architecture.
  const native = all.find(({ name }) => name === "dpkg")?.architecture;
  const packages = new Map<string, PackageState>();
  for (const { name, status, version, architecture, essential } of all) {
    if (name === undefined || (native !== undefined && architecture !== native && architecture !== "all")) continue;
    const [want, error, is = ""] = (status ?? "").split(" ");
    const state = error === "ok" ? STATES.get(is) : "broken";
    if (state === "absent") packages.delete(name);
    else packages.set(name, { status: state ?? "broken", version: version ?? null, held: want === "hold", essential });
  }
  return packages;
}

/** What waits for a trigger works already. All that is not here has been begun and not ended. */
const STATES: ReadonlyMap<string, PackageState["status"]> = new Map([
  ["not-installed", "absent"],
  ["config-files", "configuration"],
  ["installed", "installed"],
  ["triggers-pending", "installed"],
  ["triggers-awaited", "installed"],
]);

function field(paragraph: string, name: string): string | undefined {
  const start = paragraph.startsWith(`${name}: `) ? 0 : paragraph.indexOf(`\n${name}: `) + 1;
  if (start === 0 && !paragraph.startsWith(`${name}: `)) return undefined;
  const end = paragraph.indexOf("\n", start);
  return paragraph.slice(start + name.length + 2, end === -1 ? undefined : end);
}

function keyOf(path: string): string {
  const stat = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "none" : `${stat.ino}/${stat.size}/${stat.mtimeNs}`;
}

const orNothing = <T>(read: () => T, nothing: T): T => {
  try {
    return read();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return nothing;
    throw error;
  }
};
const textOf = (path: string): string => orNothing(() => fs.readFileSync(path, "utf8"), "");
const namesIn = (folder: string): readonly string[] =>
  orNothing(() => fs.readdirSync(folder), [])
    .filter((name) => /^\d+$/.test(name))
    .toSorted();
