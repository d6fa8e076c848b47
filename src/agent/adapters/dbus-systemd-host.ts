import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { FileSystemHost } from "../../capabilities/file-system-host.ts";
import { PortError } from "../../capabilities/port-error.ts";
import type {
  ResourceController,
  SystemdHost,
  UnitFile,
  UnitFileRole,
  UnitState,
} from "../../capabilities/systemd-host.ts";
import type { Detection, Offering } from "./offering.ts";
import { jobFailed } from "./systemd-errors.ts";
import { type Reported, SystemdManager } from "./systemd-manager.ts";
import { ChangeTimes, signatureOf } from "./unit-memory.ts";
import { verifyUnit } from "./unit-preflight.ts";

const ETC = "/etc/systemd/system";
/** How long after the last change of enablement all unit files are read again, so that no unit looks changed to people. */
const TIDY_MS = 1000;
const STEADY_LOOK_MS = 100;

const fileOf = (unit: string, role: UnitFileRole): string =>
  role === "unit" ? `${ETC}/${unit}` : `${ETC}/${unit}.d/50-harmony.conf`;

/** The systemd of this machine, over the system bus. Connects at the first call; a machine without one is `Unavailable`. */
export class DbusSystemdHost implements SystemdHost, Offering<SystemdHost> {
  readonly port = this;
  readonly #manager: SystemdManager;
  readonly #files: FileSystemHost;
  readonly #changes: ChangeTimes;
  /** Of each unit, the version of its files that systemd is known to have read. */
  readonly #read = new Map<string, string>();
  /** Where the file of each unit that was looked at is. */
  readonly #fragments = new Map<string, string | null>();
  #controllers: readonly ResourceController[] | undefined;
  #tidy: NodeJS.Timeout | undefined;

  constructor(options: {
    readonly files: FileSystemHost;
    readonly address?: string | undefined;
    readonly changes?: ChangeTimes | undefined;
  }) {
    this.#files = options.files;
    this.#manager = new SystemdManager(options.address);
    this.#changes = options.changes ?? new ChangeTimes();
  }

  async detect(signal: AbortSignal): Promise<Detection> {
    // https://www.freedesktop.org/software/systemd/man/latest/sd_booted.html
    if (!existsSync("/run/systemd/system")) return { _tag: "Absent", reason: "not booted with systemd" };
    try {
      await this.#manager.units([], signal);
      return { _tag: "Found", facts: { controllers: this.controllers() } };
    } catch (error) {
      return { _tag: "Absent", reason: error instanceof PortError ? error.problem.message : String(error) };
    }
  }

  close(): void {
    clearTimeout(this.#tidy);
    this.#manager.close();
  }

  async units(names: readonly string[], signal: AbortSignal): Promise<readonly UnitState[]> {
    const reported = await this.#manager.units(names, signal);
    return reported.map((each, at) => this.#stateOf(names[at] ?? "", each));
  }

  unitFile(unit: string, role: UnitFileRole): UnitFile {
    const path = fileOf(unit, role);
    const entry = this.#files.inspect(path);
    switch (entry.type) {
      case "missing":
        return { type: "absent", leftover: entry.leftover };
      case "file":
        return { type: "file", sha256: entry.sha256 };
      case "special":
        return { type: "foreign", what: "special file", at: path };
      case "unreachable":
        return { type: "foreign", what: entry.because === "link" ? "link" : "special file", at: entry.at };
      case "directory":
      case "link":
        return { type: "foreign", what: entry.type, at: path };
    }
  }

  controllers(): readonly ResourceController[] {
    return (this.#controllers ??= readControllers());
  }

  watch(unit: string, changed: () => void): () => void {
    const stops = [
      this.#files.watch(fileOf(unit, "unit"), changed),
      this.#files.watch(fileOf(unit, "drop-in"), changed),
      this.#manager.watch(unit, changed),
    ];
    return () => stops.forEach((stop) => stop());
  }

  async writeUnitFile(unit: string, role: UnitFileRole, text: string, signal: AbortSignal): Promise<void> {
    if (role === "unit") await verifyUnit(unit, text, signal);
    const [before] = await this.#manager.units([unit], signal);
    if (role === "drop-in") await this.#files.makeDirectory(`${ETC}/${unit}.d`, { mode: "0755" });
    this.#changes.note(unit);
    await this.#files.writeFile(fileOf(unit, role), new TextEncoder().encode(text), { mode: "0644" });
    if (before?.load !== "not-found") return;
    // What systemd did not know it reads now, without reading all others again.
    await this.#manager.call("LoadUnit", "s", [unit], signal, `Having systemd read ${unit}`);
    const [after] = await this.#manager.units([unit], signal);
    if (after?.load === "loaded") this.#read.set(unit, versionOf(unit, after.fragment));
  }

  async removeUnitFile(unit: string, role: UnitFileRole, signal: AbortSignal): Promise<void> {
    const path = fileOf(unit, role);
    const [state] = await this.#manager.units([unit], signal);
    const isUp = state !== undefined && state.active !== "inactive" && state.active !== "failed";
    // Nothing is left to be known of what does not run.
    if (!isUp) this.#changes.forget(unit);
    else if (this.#files.inspect(path, { hashUpTo: 0 }).type === "file") this.#changes.note(unit);
    await this.#files.removeFile(path);
    if (role === "unit") return;
    const folder = this.#files.inspect(`${ETC}/${unit}.d`);
    if (folder.type === "directory" && folder.empty) await this.#files.removeDirectory(`${ETC}/${unit}.d`);
  }

  async reload(unit: string, signal: AbortSignal): Promise<void> {
    const [state] = await this.units([unit], signal);
    if (state?.needsReload === true) await this.#reloadAll(signal, [unit]);
  }

  async enable(unit: string, signal: AbortSignal): Promise<void> {
    const answer = await this.#manager.call(
      "EnableUnitFiles",
      "asbb",
      [[unit], false, false],
      signal,
      `Enabling ${unit}`,
    );
    const [hasInstall] = z.parse(z.tuple([z.boolean()], z.unknown()), answer);
    this.#tidyLater();
    if (hasInstall) return;
    throw new PortError({
      code: "Invalid",
      blame: "author",
      message: `${unit} cannot be enabled: it has no [Install] section.`,
      next: 'Take "enabled" out of the Score.',
    });
  }

  async disable(unit: string, signal: AbortSignal): Promise<void> {
    await this.#manager.callIfThere("DisableUnitFiles", "asb", [[unit], false], signal, `Disabling ${unit}`);
    this.#tidyLater();
  }

  async mask(unit: string, signal: AbortSignal): Promise<void> {
    await this.#manager.call("MaskUnitFiles", "asbb", [[unit], false, false], signal, `Masking ${unit}`);
    await this.#reloadAll(signal, [unit]);
  }

  async unmask(unit: string, signal: AbortSignal): Promise<void> {
    await this.#manager.call("UnmaskUnitFiles", "asb", [[unit], false], signal, `Unmasking ${unit}`);
    await this.#reloadAll(signal, [unit]);
  }

  async start(unit: string, { steadyMs }: { readonly steadyMs: number }, signal: AbortSignal): Promise<void> {
    await this.#manager.job("StartUnit", unit, signal, "Starting");
    await this.#steady(unit, steadyMs, signal, "Starting");
  }

  async restart(unit: string, { steadyMs }: { readonly steadyMs: number }, signal: AbortSignal): Promise<void> {
    await this.#manager.job("RestartUnit", unit, signal, "Restarting");
    await this.#steady(unit, steadyMs, signal, "Restarting");
  }

  async stop(unit: string, signal: AbortSignal): Promise<void> {
    const [state] = await this.#manager.units([unit], signal);
    if (state !== undefined && state.active !== "inactive" && state.active !== "failed") {
      await this.#manager.job("StopUnit", unit, signal, "Stopping");
    }
    this.#changes.forget(unit);
  }

  async resetFailed(unit: string, signal: AbortSignal): Promise<void> {
    await this.#manager.callIfThere("ResetFailedUnit", "s", [unit], signal, `Forgetting that ${unit} failed`);
  }

  #stateOf(unit: string, { leftInactiveAt, ...reported }: Reported): UnitState {
    const version = versionOf(unit, reported.fragment);
    this.#fragments.set(unit, reported.fragment);
    // Any change of enablement makes systemd call every unit changed; the files tell which one is.
    if (!reported.needsReload) this.#read.set(unit, version);
    const isNowhere =
      reported.load === "not-found" && reported.fragment === null && this.unitFile(unit, "unit").type === "absent";
    const needsReload = reported.needsReload && !isNowhere && this.#read.get(unit) !== version;
    const isUp = reported.active !== "inactive" && reported.active !== "failed";
    return { ...reported, needsReload, outdated: isUp && leftInactiveAt < this.#changes.of(unit) };
  }

  /** Resolves once it has been up so long. */
  async #steady(unit: string, steadyMs: number, signal: AbortSignal, doing: string): Promise<void> {
    let restarts: number | undefined;
    for (;;) {
      const [state] = await this.#manager.units([unit], signal);
      if (state === undefined) return;
      restarts ??= state.restarts;
      if (state.active !== "active" || state.restarts > restarts) {
        throw jobFailed(unit, doing, notSteady(state));
      }
      const left = steadyMs - (state.uptimeMs ?? 0);
      if (left <= 0) return;
      await sleep(Math.min(left + 1, STEADY_LOOK_MS), undefined, { signal }).catch(() => {});
    }
  }

  /** Afterwards systemd holds at least these versions: a change of enablement may hide that at the next look. */
  async #reloadAll(signal: AbortSignal, units: readonly string[] = []): Promise<void> {
    clearTimeout(this.#tidy);
    const known = [...new Set([...this.#fragments.keys(), ...units])];
    const versions = known.map((unit) => [unit, versionOf(unit, this.#fragments.get(unit) ?? null)] as const);
    await this.#manager.reload(signal);
    for (const [unit, version] of versions) this.#read.set(unit, version);
  }

  #tidyLater(): void {
    clearTimeout(this.#tidy);
    // What goes wrong here is seen, and made good, by the next look at a unit that matters.
    this.#tidy = setTimeout(() => void this.#reloadAll(AbortSignal.timeout(60_000)).catch(() => {}), TIDY_MS);
    this.#tidy.unref();
  }
}

const versionOf = (unit: string, fragment: string | null): string =>
  signatureOf([...new Set([fragment ?? fileOf(unit, "unit"), fileOf(unit, "unit"), fileOf(unit, "drop-in")])]);

function readControllers(): readonly ResourceController[] {
  try {
    const there = readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8").split(/\s+/);
    return (["cpu", "memory", "pids"] as const).filter((each) => there.includes(each));
  } catch {
    return [];
  }
}

const notSteady = ({ active, sub, result, restarts }: Reported): string =>
  active === "inactive" && result === "success"
    ? "it is not up a moment later; it ended by itself, or a condition in its unit file does not hold"
    : `it is ${active} (${sub}) a moment later, by the result "${result ?? "unknown"}", after ${restarts} restarts`;
