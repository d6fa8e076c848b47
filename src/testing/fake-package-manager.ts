import type { PackageChange, PackageManager, PackageState, VersionCondition } from "../capabilities/package-manager.ts";
import { PortError, type PortErrorCode } from "../capabilities/port-error.ts";
import { compareVersions, meets } from "../scores/debian-version.ts";

/** What a source has of one package. */
export interface FakeSource {
  readonly versions: readonly string[];
  /** Packages that it needs, in any version. */
  readonly depends?: readonly string[];
  /** Packages that it cannot be installed beside. */
  readonly conflicts?: readonly string[];
}

/** A package of the host: its version, and what else is true of it. */
export interface FakePackage {
  readonly status: "configuration" | "installed" | "broken";
  readonly version: string;
  readonly held?: boolean;
  readonly essential?: boolean;
  /** It came for another one's sake. */
  readonly automatic?: boolean;
}

/** A package database and its sources, in memory. Dependencies are one level deep. */
export class FakePackageManager implements PackageManager {
  readonly #sources: ReadonlyMap<string, FakeSource>;
  readonly #packages: Map<string, FakePackage>;
  readonly #watchers = new Set<() => void>();

  constructor(
    sources: Readonly<Record<string, FakeSource>> = {},
    packages: Readonly<Record<string, FakePackage>> = {},
  ) {
    this.#sources = new Map(Object.entries(sources));
    this.#packages = new Map(Object.entries(packages));
  }

  /** All packages by name, sorted. */
  packages(): Readonly<Record<string, FakePackage>> {
    return Object.fromEntries([...this.#packages].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Whether it came for another's sake, and is needed by one that is there. */
  isNeeded(name: string): boolean {
    return this.#packages.get(name)?.automatic === true && this.#isThere(name) && !this.#needless().includes(name);
  }

  /** Puts a package there past the port, or takes it away with all of it where it is null. */
  put(name: string, to: FakePackage | null): void {
    this.#set(name, to);
  }

  inspect(name: string): PackageState {
    const there = this.#packages.get(name);
    if (there === undefined) return { status: "absent", version: null, held: false, essential: false };
    const { status, version, held = false, essential = false } = there;
    return { status, version, held, essential };
  }

  watch(changed: () => void): () => void {
    const watcher = (): void => changed();
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  async install(
    name: string,
    conditions: readonly VersionCondition[],
    { mayRemove }: PackageChange,
    signal: AbortSignal,
  ): Promise<void> {
    await answer(signal);
    const source = this.#sources.get(name);
    const version = (source?.versions ?? [])
      .filter((each) => meets(each, conditions))
      .toSorted(compareVersions)
      .at(-1);
    if (source === undefined || version === undefined) {
      throw refusal("NotFound", `No source has a package ${name} in such a version.`);
    }
    const inTheWay = (source.conflicts ?? []).filter((each) => this.#isThere(each));
    this.#demandAllowed(name, inTheWay, mayRemove);
    for (const each of inTheWay) this.#removeOne(each);
    for (const needed of source.depends ?? []) {
      if (this.#isThere(needed)) continue;
      const newest = this.#sources.get(needed)?.versions.toSorted(compareVersions).at(-1) ?? "0";
      this.#set(needed, { status: "installed", version: newest, automatic: true });
    }
    const { held, essential } = this.inspect(name);
    this.#set(name, {
      status: "installed",
      version,
      ...(held && this.#isThere(name) ? { held } : {}),
      ...(essential ? { essential } : {}),
    });
  }

  async remove(
    name: string,
    { mayRemove, configuration, needless }: Parameters<PackageManager["remove"]>[1],
    signal: AbortSignal,
  ): Promise<void> {
    await answer(signal);
    const before = this.#needless();
    if (this.#isThere(name)) this.#removeWithUsers(name, mayRemove);
    if (configuration) this.#set(name, null);
    if (!needless) return;
    for (const each of this.#needless()) {
      if (!before.includes(each) && configuration) this.#set(each, null);
      else if (!before.includes(each)) this.#removeOne(each);
    }
  }

  async setHold(name: string, held: boolean, signal: AbortSignal): Promise<void> {
    await answer(signal);
    const there = this.#packages.get(name);
    if (there === undefined) return;
    const { held: _, ...rest } = there;
    this.#set(name, held ? { ...rest, held } : rest);
  }

  #removeWithUsers(name: string, mayRemove: readonly string[]): void {
    const users = [...this.#packages.keys()].filter(
      (each) => this.#isThere(each) && (this.#sources.get(each)?.depends ?? []).includes(name),
    );
    this.#demandAllowed(name, users, mayRemove);
    for (const each of [...users, name]) this.#removeOne(each);
  }

  #removeOne(name: string): void {
    const { version } = this.inspect(name);
    if (version !== null) this.#set(name, { status: "configuration", version });
  }

  /** What came for another's sake, and nothing needs now. */
  #needless(): readonly string[] {
    const needed = new Set(
      [...this.#packages.keys()]
        .filter((each) => this.#isThere(each))
        .flatMap((each) => this.#sources.get(each)?.depends ?? []),
    );
    return [...this.#packages].flatMap(([each, { automatic }]) =>
      automatic === true && this.#isThere(each) && !needed.has(each) ? [each] : [],
    );
  }

  #isThere(name: string): boolean {
    const { status } = this.inspect(name);
    return status === "installed" || status === "broken";
  }

  #demandAllowed(name: string, goes: readonly string[], mayRemove: readonly string[]): void {
    const others = goes.filter((each) => !mayRemove.includes(each));
    if (others.length > 0) throw refusal("Obstructed", `Changing ${name} would remove ${others.join(", ")}.`);
  }

  #set(name: string, to: FakePackage | null): void {
    if (to === null) this.#packages.delete(name);
    else this.#packages.set(name, to);
    for (const watcher of this.#watchers) watcher();
  }
}

const refusal = (code: PortErrorCode, message: string): PortError =>
  new PortError({ code, blame: "author", message, next: "Correct the Score." });

/** Comes a moment later, as from a program, and only as long as the caller wants it. */
async function answer(signal: AbortSignal): Promise<void> {
  await Promise.resolve();
  if (!signal.aborted) return;
  throw new PortError({
    code: "TimedOut",
    blame: "device",
    message: "The package manager was called off before it answered.",
    next: "Nothing: it is tried again.",
  });
}
