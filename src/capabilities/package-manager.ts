import { capability } from "./capability.ts";

/** What the package database says of one package. */
export interface PackageState {
  /**
   * `absent`: not there. `configuration`: removed, but for its configuration files. `installed`: unpacked and set up.
   * `broken`: an installation or removal was cut short, or a script of the package failed.
   */
  readonly status: "absent" | "configuration" | "installed" | "broken";
  /** Null where it is absent. */
  readonly version: string | null;
  /** Whether upgrades and removals leave it alone unless they are told otherwise. */
  readonly held: boolean;
  /** Whether the system cannot do without it. */
  readonly essential: boolean;
}

export type VersionRelation = "=" | ">=" | "<=" | ">>" | "<<";

/** A condition on a version, as Debian compares them. */
export interface VersionCondition {
  readonly relation: VersionRelation;
  readonly version: string;
}

/** What a change of packages may do beside what it is asked for. */
export interface PackageChange {
  /** The packages that may go with it. Anything else that would have to go is a refusal (`Obstructed`) that names it. */
  readonly mayRemove: readonly string[];
}

/**
 * The packages of a host. Changes are tried without effect first. They never ask: a configuration file that was edited is
 * kept. One that has begun is brought to its end even where the caller gives up or is killed; one that was cut short
 * nevertheless is taken up again by the next. Every call throws (or rejects with) a PortError alone.
 */
export interface PackageManager {
  inspect(name: string): PackageState;
  /** Tells when any package may have changed. Returns the way to stop. */
  watch(changed: () => void): () => void;
  /**
   * Installs, upgrades or downgrades it to the version that the host prefers of those that meet all the conditions, else to
   * the newest. The lists of the sources are fetched first where they are old or know no such version; `NotFound` where
   * there is none. A hold does not keep it from doing so, and stays.
   */
  install(
    name: string,
    conditions: readonly VersionCondition[],
    change: PackageChange,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Removes it; with `configuration` also what it keeps in /etc, even where that is all that is left of it; with `needless`
   * also the packages that came for the sake of others and that nothing needs any more once it is gone. Those that nothing
   * needed before are left alone. Succeeds where there is nothing to remove.
   */
  remove(
    name: string,
    change: PackageChange & { readonly configuration: boolean; readonly needless: boolean },
    signal: AbortSignal,
  ): Promise<void>;
  setHold(name: string, held: boolean, signal: AbortSignal): Promise<void>;
}

export const PackageManager = capability<PackageManager>()("PackageManager", { reads: ["inspect", "watch"] });
