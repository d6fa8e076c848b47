import { capability } from "./capability.ts";
import type { Life, Probe, Probed } from "./probe.ts";

/** What the supervisor says of one unit at one moment. */
export interface UnitState {
  /** `LoadState`: `"loaded"`, `"not-found"`, `"masked"`, `"bad-setting"`, `"error"`... */
  readonly load: string;
  /** `ActiveState`: `"active"`, `"inactive"`, `"failed"`, `"activating"`, `"deactivating"`, `"reloading"`... */
  readonly active: string;
  /** `SubState`, which depends on the unit's type: `"running"`, `"exited"`, `"auto-restart"`, `"waiting"`... */
  readonly sub: string;
  /** `UnitFileState`, looked up now: `"enabled"`, `"disabled"`, `"static"`, `"masked"`...; empty where there is no unit file. */
  readonly enablement: string;
  /** The unit file that is loaded; null where there is none. */
  readonly fragment: string | null;
  /** Whether the unit's files have changed since the supervisor read them (`NeedDaemonReload`). */
  readonly needsReload: boolean;
  /** How it ended last (`Result`): `"success"`, `"exit-code"`, `"signal"`, `"start-limit-hit"`...; null where its type has none. */
  readonly result: string | null;
  /** How often the supervisor has started it again by itself since somebody started it (`NRestarts`). */
  readonly restarts: number;
  /** When it became active (ISO 8601); null while it is not. */
  readonly since: string | null;
  /** Milliseconds since then, by a clock that never jumps; null while it is not active. */
  readonly uptimeMs: number | null;
  /** Milliseconds that it was active the last time, by the same clock; null where it never ended since the boot. */
  readonly lastUpMs: number | null;
  /** Null where it has none. */
  readonly mainPid: number | null;
  /** Whether it was started before this port last changed one of its files, so that it runs by an older text. */
  readonly outdated: boolean;
}

/**
 * How long a unit took the last time, by the supervisor's own clock, in whole milliseconds; null where it never did since
 * the boot, and where the supervisor has forgotten a unit that neither runs nor is enabled.
 */
export interface UnitTimes {
  /** From the order to stop to its end. Null also where it ended by itself, and where it is only about to stop. */
  readonly stopMs: number | null;
  /** From the order to start until it was up. Null also where the supervisor itself started it again, which waits between. */
  readonly startMs: number | null;
}

/** The two files of a unit that can be Harmony's: `NAME`, and `NAME.d/50-harmony.conf`, both in /etc/systemd/system. */
export type UnitFileRole = "unit" | "drop-in";

/** What stands at the place of such a file. Links are not followed: a masked unit is a link. */
export type UnitFile =
  | { readonly type: "absent"; /** An interrupted write left its temporary file behind. */ readonly leftover: boolean }
  /** `sha256` in lower-case hexadecimal; null for a file above 1 MiB. */
  | { readonly type: "file"; readonly sha256: string | null }
  | { readonly type: "foreign"; readonly what: "directory" | "link" | "special file"; readonly at: string };

/** Where credentials lie, each in a folder with the name of its unit. Root alone may enter. */
export const CREDENTIALS = "/var/lib/harmony-edge/credentials";

/** A file that is kept for the supervisor to hand to a unit. */
export interface UnitCredential {
  readonly file: string;
  /** In lower-case hexadecimal; null for one that was not read. It is not to be told: what is short is found by it. */
  readonly sha256: string | null;
}

/** A resource that the kernel can account for and limit by group of processes. */
export type ResourceController = "cpu" | "memory" | "pids";

/**
 * The supervisor of a host's services: systemd. Units go by their full names (`"web.service"`).
 *
 * Writing a unit's file does not make the supervisor read it: that is `reload`. Jobs (`start`, `stop`, `restart`) resolve
 * when they have ended, and reject (`Failed`, with how it ended and where to read on) when they did not succeed.
 * Every call throws (or rejects with) a PortError alone.
 */
export interface SystemdHost {
  /** The state of each of the units, in the order asked, all at once. A unit that is not there has the load state `"not-found"`. */
  units(names: readonly string[], signal: AbortSignal): Promise<readonly UnitState[]>;
  unitFile(unit: string, role: UnitFileRole): UnitFile;
  /** All that is kept for the unit below {@link CREDENTIALS}. */
  credentials(unit: string): readonly UnitCredential[];
  /** How long each of the units took to stop and to start the last time, in the order asked. Asked for a plan alone. */
  lastTimes(names: readonly string[], signal: AbortSignal): Promise<readonly UnitTimes[]>;
  /** Which resources can be limited here. A Raspberry Pi cannot limit memory unless its kernel is told at boot. */
  controllers(): readonly ResourceController[];
  /**
   * How a unit that is up answers this probe in this life of it. Asks where nobody has in this life yet; while the unit is
   * watched it is asked again and again by itself, else at a look, an interval later. `name` tells its probes apart.
   */
  probe(unit: string, name: string, probe: Probe, life: Life, signal: AbortSignal): Promise<Probed>;
  /**
   * Tells when the state of the unit or one of its two files may have changed, or one of its probes comes to another
   * health. May tell too often; returns the way to stop, which also ends the probing.
   */
  watch(unit: string, changed: () => void): () => void;

  /**
   * Writes the file atomically, with mode 0644, and makes `NAME.d` for a drop-in. A unit file is tried first: what the
   * supervisor would not understand is refused (`Invalid`, the author's fault, with its own words) and nothing is written.
   */
  writeUnitFile(unit: string, role: UnitFileRole, text: string, signal: AbortSignal): Promise<void>;
  /** Keeps it for the unit, for root alone to read, atomically. Its unit file has to name it. */
  writeCredential(unit: string, file: string, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Succeeds where there is none. */
  removeCredential(unit: string, file: string, signal: AbortSignal): Promise<void>;
  /** Succeeds where there is none. `NAME.d` goes with the drop-in when it is empty. */
  removeUnitFile(unit: string, role: UnitFileRole, signal: AbortSignal): Promise<void>;
  /**
   * Lets the supervisor read all unit files again, where it holds this unit by older ones, or where enablement or a mask has
   * been changed since it last did. Else does nothing: it is dear.
   */
  reload(unit: string, signal: AbortSignal): Promise<void>;
  /** Has it started at boot, as its `[Install]` section says. */
  enable(unit: string, signal: AbortSignal): Promise<void>;
  disable(unit: string, signal: AbortSignal): Promise<void>;
  /** Makes it impossible to start. Refused (`Obstructed`) where a file stands in the way. */
  mask(unit: string, signal: AbortSignal): Promise<void>;
  unmask(unit: string, signal: AbortSignal): Promise<void>;
  /** Resolves once it has been active for `steadyMs`; rejects (`Failed`) where it ends or is restarted before. */
  start(unit: string, how: { readonly steadyMs: number }, signal: AbortSignal): Promise<void>;
  /** As `start`, after a stop where it is active. `revives`: because a probe found it unhealthy, which is counted. */
  restart(
    unit: string,
    how: { readonly steadyMs: number; readonly revives?: boolean },
    signal: AbortSignal,
  ): Promise<void>;
  /** Succeeds where it is not active, or not there. */
  stop(unit: string, signal: AbortSignal): Promise<void>;
  /** Forgets that it failed, and how often it was started. Succeeds where it is not there. */
  resetFailed(unit: string, signal: AbortSignal): Promise<void>;
}

export const SystemdHost = capability<SystemdHost>()("SystemdHost", {
  reads: ["units", "unitFile", "credentials", "lastTimes", "controllers", "probe", "watch"],
});
