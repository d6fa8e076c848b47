import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { FileSystemHost } from "../../capabilities/file-system-host.ts";
import { PortError } from "../../capabilities/port-error.ts";
import type {
  ResourceController,
  SystemdHost,
  UnitCredential,
  UnitFile,
  UnitFileRole,
  UnitState,
  UnitTimes,
} from "../../capabilities/systemd-host.ts";
import type { Life, Probe, Probed, Question } from "../../capabilities/probe.ts";
import type { Clock } from "../../scores/context.ts";
import { Probing } from "../../scores/probing.ts";
import { askOnce } from "./asking.ts";
import { answered } from "./bus-answer.ts";
import { ownFile } from "./own-file.ts";
import { systemClock } from "./system-clock.ts";
import { gaveUp, jobFailed } from "./systemd-errors.ts";
import type { SystemdManager } from "./systemd-manager.ts";
import { SystemdReloads } from "./systemd-reloads.ts";
import { filesOf, type Reported, SystemdUnits } from "./systemd-units.ts";
import { FRESH_MS } from "./unit-links.ts";
import { ChangeTimes, monotonicMicroseconds, versionOf } from "./unit-memory.ts";
import { UnitCredentials } from "./unit-credentials.ts";
import { UnitPreflight } from "./unit-preflight.ts";

const ETC = "/etc/systemd/system";
/** How often at most a unit that has to stay up is looked at, however much it tells of itself. */
const STEADY_LOOK_MS = 100;
/** The wall clock is read in whole milliseconds, and so are the times of files. */
const CLOCK_MS = 2;

const fileOf = (unit: string, role: UnitFileRole): string =>
  role === "unit" ? `${ETC}/${unit}` : `${ETC}/${unit}.d/50-harmony.conf`;

/** The systemd of this machine, over the system bus. Connects at the first call; a machine without one is `Unavailable`. */
export class DbusSystemdHost implements SystemdHost {
  readonly #units: SystemdUnits;
  readonly #manager: SystemdManager;
  readonly #files: FileSystemHost;
  readonly #changes: ChangeTimes;
  readonly #preflight = new UnitPreflight();
  readonly #credentials: UnitCredentials;
  readonly #reloads: SystemdReloads;
  /** Of each unit, the version of its files that systemd is known to have read. */
  readonly #read = new Map<string, string>();
  /** Where the file of each unit that was looked at is. */
  readonly #fragments = new Map<string, string>();
  readonly #probing: Probing;
  #controllers: readonly ResourceController[] | undefined;

  constructor(options: {
    readonly files: FileSystemHost;
    readonly address?: string | undefined;
    readonly changes?: ChangeTimes | undefined;
    /** Default: the machine's own. */
    readonly clock?: Clock | undefined;
  }) {
    this.#files = options.files;
    this.#credentials = new UnitCredentials(options.files);
    this.#changes = options.changes ?? new ChangeTimes();
    this.#units = new SystemdUnits(options.address, () => this.#reloads.done());
    this.#manager = this.#units.manager;
    this.#probing = new Probing(options.clock ?? systemClock, (_, question, signal) =>
      askOnce(question, addressOf(question), signal),
    );
    this.#reloads = new SystemdReloads({
      areOld: (units) => this.#areOld(units),
      reload: (units) => this.#reloadAll(units),
    });
  }

  close(): void {
    this.#manager.close();
  }

  /** systemd's own words for its version. */
  version(signal: AbortSignal): Promise<string> {
    return this.#manager.version(signal);
  }

  async units(names: readonly string[], signal: AbortSignal): Promise<readonly UnitState[]> {
    const reported = await this.#units.of(names, signal);
    await this.#learn(names, reported);
    return reported.map((each, at) => this.#stateOf(names[at] ?? "", each));
  }

  lastTimes(names: readonly string[], signal: AbortSignal): Promise<readonly UnitTimes[]> {
    return this.#units.lastTimes(names, signal);
  }

  unitFile(unit: string, role: UnitFileRole): UnitFile {
    const path = fileOf(unit, role);
    return ownFile(path, this.#files.inspect(path), ({ sha256 }): UnitFile => ({ type: "file", sha256 }));
  }

  credentials(unit: string): readonly UnitCredential[] {
    return this.#credentials.of(unit);
  }

  writeCredential(unit: string, file: string, bytes: Uint8Array): Promise<void> {
    return this.#credentials.write(unit, file, bytes);
  }

  removeCredential(unit: string, file: string): Promise<void> {
    return this.#credentials.remove(unit, file);
  }

  controllers(): readonly ResourceController[] {
    return (this.#controllers ??= readControllers());
  }

  async probe(unit: string, name: string, probe: Probe, life: Life): Promise<Probed> {
    return this.#probing.look(unit, name, probe, life);
  }

  watch(unit: string, changed: () => void): () => void {
    const stops = [
      this.#files.watch(fileOf(unit, "unit"), changed),
      this.#files.watch(fileOf(unit, "drop-in"), changed),
      this.#units.watch(unit, changed),
      this.#probing.watch(unit, changed),
    ];
    return () => stops.forEach((stop) => stop());
  }

  writeUnitFile(unit: string, role: UnitFileRole, text: string, signal: AbortSignal): Promise<void> {
    return this.#changing(unit, async () => {
      await within(signal, `Having systemd read ${unit}`, this.#tried(unit, role, text));
      if (role === "drop-in") await this.#files.makeDirectory(`${ETC}/${unit}.d`, { mode: "0755" });
      this.#changes.note(unit);
      await this.#files.writeFile(fileOf(unit, role), new TextEncoder().encode(text), { mode: "0644" });
      // Whoever has all files read from now on has this one read.
      this.#changes.note(unit);
    });
  }

  removeUnitFile(unit: string, role: UnitFileRole, signal: AbortSignal): Promise<void> {
    return this.#changing(unit, async () => {
      const path = fileOf(unit, role);
      const [state] = await this.#units.of([unit], signal);
      // Nothing is left to be known of what does not run.
      if (!isUp(state)) this.#changes.forget(unit);
      else if (this.#files.inspect(path, { hashUpTo: 0 }).type === "file") this.#changes.note(unit);
      await this.#files.removeFile(path);
      if (role === "unit") return;
      const folder = this.#files.inspect(`${ETC}/${unit}.d`);
      if (folder.type === "directory" && folder.empty) await this.#files.removeDirectory(`${ETC}/${unit}.d`);
    });
  }

  reload(unit: string, signal: AbortSignal): Promise<void> {
    return within(signal, "Having systemd read all unit files", this.#reloads.wish(unit));
  }

  async enable(unit: string, signal: AbortSignal): Promise<void> {
    const doing = `Enabling ${unit}`;
    const answer = await this.#changing(unit, () =>
      this.#manager.call("EnableUnitFiles", "asbb", [[unit], false, false], signal, doing),
    );
    const [hasInstall, links] = answered(z.tuple([z.boolean(), Links]), answer, doing);
    this.#relinked(links);
    if (hasInstall) return;
    throw new PortError({
      code: "Invalid",
      blame: "author",
      message: `${unit} cannot be enabled: it has no [Install] section.`,
      next: 'Take "enabled" out of the Score.',
    });
  }

  async disable(unit: string, signal: AbortSignal): Promise<void> {
    const links = await this.#changing(unit, () =>
      this.#manager.callIfThere("DisableUnitFiles", "asb", [[unit], false], signal, `Disabling ${unit}`),
    );
    this.#relinked(links ?? []);
  }

  async mask(unit: string, signal: AbortSignal): Promise<void> {
    const links = await this.#changing(unit, () =>
      this.#manager.call("MaskUnitFiles", "asbb", [[unit], false, false], signal, `Masking ${unit}`),
    );
    this.#relinked(links);
  }

  async unmask(unit: string, signal: AbortSignal): Promise<void> {
    const links = await this.#changing(unit, () =>
      this.#manager.call("UnmaskUnitFiles", "asb", [[unit], false], signal, `Unmasking ${unit}`),
    );
    this.#relinked(links);
  }

  start(unit: string, { steadyMs }: { readonly steadyMs: number }, signal: AbortSignal): Promise<void> {
    this.#probing.ends(unit);
    return this.#changing(unit, async () => {
      await this.#manager.job("StartUnit", unit, signal, "Starting");
      await this.#steady(unit, steadyMs, signal, "Starting");
    });
  }

  restart(
    unit: string,
    { steadyMs, revives = false }: { readonly steadyMs: number; readonly revives?: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    if (revives) this.#probing.revives(unit);
    else this.#probing.ends(unit);
    return this.#changing(unit, async () => {
      await this.#manager.job("RestartUnit", unit, signal, "Restarting");
      await this.#steady(unit, steadyMs, signal, "Restarting");
    });
  }

  async stop(unit: string, signal: AbortSignal): Promise<void> {
    this.#probing.forget(unit);
    await this.#changing(unit, async () => {
      const [state] = await this.#units.of([unit], signal);
      if (isUp(state)) await this.#manager.job("StopUnit", unit, signal, "Stopping");
    });
    this.#changes.forget(unit);
  }

  async resetFailed(unit: string, signal: AbortSignal): Promise<void> {
    await this.#changing(unit, () =>
      this.#manager.callIfThere("ResetFailedUnit", "s", [unit], signal, `Forgetting that ${unit} failed`),
    );
  }

  #stateOf(unit: string, { leftInactiveAt, version, ...reported }: Reported): UnitState {
    const { fragment } = reported;
    if (fragment === null) this.#fragments.delete(unit);
    else this.#fragments.set(unit, fragment);
    // Any change of enablement makes systemd call every unit changed; the files tell which one is.
    if (!reported.needsReload && version !== null) this.#read.set(unit, version);
    const isNowhere =
      reported.load === "not-found" && fragment === null && this.unitFile(unit, "unit").type === "absent";
    const needsReload = reported.needsReload && !isNowhere && this.#read.get(unit) !== this.#versionOf(unit);
    return { ...reported, needsReload, outdated: isUp(reported) && leftInactiveAt < this.#changes.of(unit) };
  }

  /**
   * Of what this process has not seen systemd read: an earlier one may have been killed between a change of enablement and
   * the reload, and then every unit is called changed. What runs would be started anew for nothing. What was changed before
   * systemd read all files is read; of what does not run, a file that was removed leaves no time to go by.
   */
  async #learn(units: readonly string[], all: readonly Reported[]): Promise<void> {
    const isUnknown = (each: Reported, at: number): boolean =>
      each.needsReload && each.fragment !== null && isUp(each) && !this.#read.has(units[at] ?? "");
    if (!all.some(isUnknown)) return;
    const loaded = await this.#manager.loadedAt();
    if (loaded === null) return;
    for (const [at, each] of all.entries()) {
      const unit = units[at] ?? "";
      const noted = this.#changes.of(unit);
      if (!isUnknown(each, at) || noted >= loaded.monotonic) continue;
      const { text, changedAtMs } = versionOf(filesOf(unit, each.fragment ?? ""));
      const notedAtMs = Date.now() - (monotonicMicroseconds() - noted) / 1000;
      // Times of files are coarse. What nobody changed since it was noted is as old as the note says.
      const readSince = changedAtMs <= notedAtMs + CLOCK_MS || changedAtMs < loaded.wall / 1000 - FRESH_MS;
      if (readSince) this.#read.set(unit, text);
    }
  }

  async #areOld(units: readonly string[]): Promise<boolean> {
    const all = await this.#units.of(units);
    await this.#learn(units, all);
    return all.some((each, at) => this.#stateOf(units[at] ?? "", each).needsReload);
  }

  #versionOf(unit: string): string {
    return versionOf(filesOf(unit, this.#fragments.get(unit) ?? "")).text;
  }

  /** What is remembered of a unit is forgotten before it is changed and after: the next look is at all of it. */
  async #changing<T>(unit: string, change: () => Promise<T>): Promise<T> {
    this.#units.forget(unit);
    try {
      return await change();
    } finally {
      this.#units.forget(unit);
    }
  }

  async #tried(unit: string, role: UnitFileRole, text: string): Promise<void> {
    if (role === "unit") return this.#preflight.unit(unit, text);
    const [state] = await this.#units.of([unit]);
    if (state?.load === "loaded" && state.fragment !== null) {
      await this.#preflight.dropIn(unit, state.fragment, text);
    }
  }

  #relinked(links: unknown): void {
    if (answered(Links, links, "Changing what is enabled").length > 0) this.#reloads.stale();
  }

  /** Resolves once it has been up so long. */
  async #steady(unit: string, steadyMs: number, signal: AbortSignal, doing: string): Promise<void> {
    let wake = (): void => {};
    let hasChanged = false;
    const unwatch = this.#units.watch(unit, () => {
      hasChanged = true;
      wake();
    });
    try {
      let restarts: number | undefined;
      for (;;) {
        hasChanged = false;
        const [state] = await this.#units.of([unit], signal);
        if (state === undefined) return;
        restarts ??= state.restarts;
        if (state.active !== "active" || state.restarts > restarts) throw jobFailed(unit, doing, notSteady(state));
        const left = steadyMs - (state.uptimeMs ?? 0);
        if (left <= 0) return;
        const rest = new AbortController();
        wake = (): void => rest.abort();
        await sleep(Math.min(left + 1, STEADY_LOOK_MS), undefined, { signal }).catch(() => {});
        if (!hasChanged && left > STEADY_LOOK_MS) {
          const both = AbortSignal.any([signal, rest.signal]);
          await sleep(left - STEADY_LOOK_MS + 1, undefined, { signal: both }).catch(() => {});
        }
      }
    } finally {
      unwatch();
    }
  }

  /** Afterwards systemd holds at least these versions: a change of enablement may hide that at the next look. */
  async #reloadAll(units: readonly string[]): Promise<void> {
    const known = [...new Set([...this.#fragments.keys(), ...units])];
    const versions = known.map((unit) => [unit, this.#versionOf(unit)] as const);
    await this.#manager.call("Reload", "", [], undefined, "Having systemd read all unit files");
    for (const [unit, version] of versions) this.#read.set(unit, version);
  }
}

/** What systemd made or took away to enable, disable, mask or unmask: kind, place and target. */
const Links = z.array(z.unknown());

/** Where a service listens that does not say otherwise. */
const addressOf = (question: Question): string =>
  question.type === "command" ? "" : (question.address ?? "127.0.0.1");

const isUp = (state: Pick<UnitState, "active"> | undefined): boolean =>
  state !== undefined && state.active !== "inactive" && state.active !== "failed";

/** What others wait for as well goes on when one of them gives up. */
const within = <T>(signal: AbortSignal, doing: string, work: Promise<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    const late = (): void => reject(gaveUp(doing, "Nothing: it is tried again."));
    if (signal.aborted) late();
    signal.addEventListener("abort", late, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", late));
  });

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
