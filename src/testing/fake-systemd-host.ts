import { createHash } from "node:crypto";
import { PortError, type PortProblem } from "../capabilities/port-error.ts";
import type { Life, Probe, Probed } from "../capabilities/probe.ts";
import type {
  ResourceController,
  SystemdHost,
  UnitCredential,
  UnitFile,
  UnitFileRole,
  UnitState,
  UnitTimes,
} from "../capabilities/systemd-host.ts";
import type { Clock } from "../scores/context.ts";
import { Probing } from "../scores/probing.ts";
import { FakeClock } from "./fake-clock.ts";

/** How a unit stands, as others left it. */
export interface FakeUnit {
  /** Whether a package brought a unit file, and whether that can be enabled. Default `"none"`. */
  readonly vendor?: "none" | "installable" | "static" | undefined;
  /** The text of its file in /etc/systemd/system; null: none. Default null. */
  readonly file?: string | null | undefined;
  /** What else stands there. Default: nothing. */
  readonly obstacle?: "directory" | "special file" | null | undefined;
  /** The text of its drop-in. Default null. */
  readonly dropIn?: string | null | undefined;
  /** An interrupted write of the file (or, for a unit of a package, of the drop-in) left something behind. Default false. */
  readonly leftover?: boolean | undefined;
  readonly enabled?: boolean | undefined;
  readonly masked?: boolean | undefined;
  /** `looping`: it ends again and again, and is started again. `starting`: it has been up for a moment. Default `"inactive"`. */
  readonly active?: "inactive" | "starting" | "active" | "failed" | "looping" | undefined;
  /** Whether its program ends soon after each start. Default false. */
  readonly crashes?: boolean | undefined;
  /** Whether it answers no probe until it is started anew. Default false. */
  readonly hung?: boolean | undefined;
  /** Whether it answers no probe at all, however often it is started. Default false. */
  readonly mute?: boolean | undefined;
  /** Milliseconds that a stop of it is said to have taken. Default 0. */
  readonly stopsInMs?: number | undefined;
  /** The same of a start. Default 0. */
  readonly startsInMs?: number | undefined;
}

/** One thing about a unit, as {@link FakeSystemdHost.tree} tells it. */
export type FakeUnitFact = string | true;

type Said = { readonly [Key in keyof FakeUnit]-?: Exclude<FakeUnit[Key], undefined> };
interface Unit extends Said {
  /** What the supervisor has read; null where it knows no such unit. */
  read: string | null;
  outdated: boolean;
  restarts: number;
  /** How often it was started. */
  starts: number;
  /** How long a stop and a start took the last time; null where there was none. */
  stopMs: number | null;
  startMs: number | null;
}
type Mutable = { -readonly [Key in keyof Unit]: Unit[Key] };

const FIRST_START = Date.parse("2026-01-01T00:00:00.000Z");

const NOTHING = {
  vendor: "none",
  file: null,
  obstacle: null,
  dropIn: null,
  leftover: false,
  enabled: false,
  masked: false,
  active: "inactive",
  crashes: false,
  hung: false,
  mute: false,
  stopsInMs: 0,
  startsInMs: 0,
} as const;

/** Of one that nobody has worked with yet. */
const UNUSED = { read: null, outdated: false, restarts: 0, starts: 0, stopMs: null, startMs: null } as const;

/** A supervisor in memory. What is started is up at once and stays up, unless its program crashes. */
export class FakeSystemdHost implements SystemdHost {
  readonly #units = new Map<string, Mutable>();
  /** By unit and file. */
  readonly #credentials = new Map<string, Map<string, Uint8Array>>();
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #controllers: readonly ResourceController[];
  readonly #probing: Probing;
  readonly #isStill: boolean;
  /** How often any unit was asked whether it is well. */
  questions = 0;
  #reloads = 0;
  /** Whether enablement or a mask has changed since: the supervisor then calls all units changed. */
  #isStale = false;

  /** `clock`: by which probes are asked again; default one that stands still. */
  constructor({
    controllers = ["cpu", "pids"],
    clock,
  }: { readonly controllers?: readonly ResourceController[]; readonly clock?: Clock } = {}) {
    this.#controllers = controllers;
    this.#isStill = clock === undefined;
    this.#probing = new Probing(clock ?? new FakeClock(), async (name) => {
      this.questions += 1;
      const unit = this.#units.get(name);
      return unit === undefined || !isUp(unit) || unit.hung || unit.mute ? "nothing answers" : null;
    });
  }

  /** How often all unit files were read again. */
  get reloads(): number {
    return this.#reloads;
  }

  /** What somebody else does: the unit is so from now on, and what is not said stays as it is. No file is read again for it. */
  put(name: string, unit: FakeUnit): void {
    const before = this.#units.get(name);
    const said = Object.fromEntries(Object.entries(unit).filter(([, value]) => value !== undefined));
    const now: Mutable = { ...NOTHING, ...UNUSED, ...before, ...said };
    if (before === undefined) now.read = textOf(now);
    if (unit.active !== undefined && !isUp(now)) now.outdated = false;
    // A clock that stands still would never ask again, and what hung before it would be long ago.
    if (unit.hung !== undefined && this.#isStill) this.#probing.forget(name);
    if (unit.active === "looping") now.restarts = 5;
    if (before !== undefined && isUp(before) && unit.active === "inactive") now.stopMs = now.stopsInMs;
    if (unit.active === "active") now.startMs = now.startsInMs;
    this.#units.set(name, now);
    this.#changed(name);
  }

  /** All that is to be told of all units, by `<what>:<name>`. */
  tree(): Record<string, FakeUnitFact> {
    const facts: Record<string, FakeUnitFact> = {};
    for (const [name, unit] of [...this.#units].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (unit.vendor !== "none") facts[`vendor:${name}`] = unit.vendor;
      if (unit.file !== null) facts[`file:${name}`] = unit.file;
      if (unit.obstacle !== null) facts[`obstacle:${name}`] = unit.obstacle;
      if (unit.dropIn !== null) facts[`drop-in:${name}`] = unit.dropIn;
      if (unit.leftover) facts[`leftover:${name}`] = true;
      if (unit.enabled) facts[`enabled:${name}`] = true;
      if (unit.masked) facts[`masked:${name}`] = true;
      if (isUp(unit)) facts[`active:${name}`] = unit.outdated ? `${unit.active}, outdated` : unit.active;
      if (isUp(unit) && unit.hung) facts[`hung:${name}`] = true;
      if (unit.active === "failed") facts[`failed:${name}`] = true;
      if (unit.read !== textOf(unit)) facts[`unread:${name}`] = true;
    }
    for (const [unit, files] of [...this.#credentials].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      for (const [file, bytes] of files) facts[`credential:${unit}/${file}`] = new TextDecoder().decode(bytes);
    }
    return facts;
  }

  credentials(name: string): readonly UnitCredential[] {
    return [...(this.#credentials.get(name) ?? [])].map(([file, bytes]) => ({
      file,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    }));
  }

  async writeCredential(name: string, file: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    await answer(`Keeping a credential of ${name}`, signal);
    const files = this.#credentials.get(name) ?? new Map<string, Uint8Array>();
    this.#credentials.set(name, files.set(file, Uint8Array.from(bytes)));
  }

  async removeCredential(name: string, file: string, signal: AbortSignal): Promise<void> {
    await answer(`Removing a credential of ${name}`, signal);
    this.#credentials.get(name)?.delete(file);
  }

  async units(names: readonly string[], signal: AbortSignal): Promise<readonly UnitState[]> {
    await answer("Reading the state of units", signal);
    return names.map((name) => stateOf(name, this.#units.get(name)));
  }

  unitFile(name: string, role: UnitFileRole): UnitFile {
    const unit = this.#units.get(name);
    const at = `/etc/systemd/system/${name}`;
    if (unit === undefined) return { type: "absent", leftover: false };
    if (role === "unit" && unit.obstacle !== null) return { type: "foreign", what: unit.obstacle, at };
    if (role === "unit" && unit.masked) return { type: "foreign", what: "link", at };
    const text = role === "unit" ? unit.file : unit.dropIn;
    if (text === null) return { type: "absent", leftover: unit.leftover && role === leftoverRole(unit) };
    return { type: "file", sha256: createHash("sha256").update(text).digest("hex") };
  }

  async lastTimes(names: readonly string[], signal: AbortSignal): Promise<readonly UnitTimes[]> {
    await answer("Reading how long units took", signal);
    return names.map((name) => {
      const { stopMs, startMs, active } = { ...UNUSED, ...NOTHING, ...this.#units.get(name) };
      return active === "looping" ? { stopMs: null, startMs: null } : { stopMs, startMs };
    });
  }

  async probe(name: string, which: string, probe: Probe, life: Life, signal: AbortSignal): Promise<Probed> {
    await answer(`Asking ${name}`, signal);
    return this.#probing.look(name, which, probe, life);
  }

  controllers(): readonly ResourceController[] {
    return this.#controllers;
  }

  watch(name: string, changed: () => void): () => void {
    const watchers = this.#watchers.get(name) ?? new Set();
    this.#watchers.set(name, watchers);
    const own = (): void => changed();
    watchers.add(own);
    const unprobe = this.#probing.watch(name, changed);
    return () => {
      watchers.delete(own);
      unprobe();
    };
  }

  async writeUnitFile(name: string, role: UnitFileRole, text: string, signal: AbortSignal): Promise<void> {
    await answer(`Writing the file of ${name}`, signal);
    const unit = this.#at(name);
    if (role === "unit" && (unit.obstacle !== null || unit.masked)) throw obstructed(name);
    if (!/^\[(Unit|Service|Timer|Socket|Mount|Path|Install)\]$/m.test(text)) throw notUnderstood(name, text);
    if (role === "unit") unit.file = text;
    else unit.dropIn = text;
    if (role === leftoverRole(unit)) unit.leftover = false;
    // A unit that nobody has asked for yet is read when somebody does.
    if (unit.read === null) unit.read = textOf(unit);
    unit.outdated = isUp(unit);
    this.#changed(name);
  }

  async removeUnitFile(name: string, role: UnitFileRole, signal: AbortSignal): Promise<void> {
    await answer(`Removing the file of ${name}`, signal);
    const unit = this.#units.get(name);
    if (unit === undefined) return;
    if (role === "unit" && (unit.obstacle !== null || unit.masked)) throw obstructed(name);
    unit.outdated ||= isUp(unit) && (role === "unit" ? unit.file : unit.dropIn) !== null;
    if (role === leftoverRole(unit)) unit.leftover = false;
    if (role === "unit") unit.file = null;
    else unit.dropIn = null;
    this.#changed(name);
  }

  async reload(name: string, signal: AbortSignal): Promise<void> {
    await answer("Reading all unit files again", signal);
    const asked = this.#units.get(name);
    if (!this.#isStale && (asked === undefined || asked.read === textOf(asked))) return;
    this.#reloads += 1;
    this.#isStale = false;
    for (const [each, unit] of this.#units) {
      if (unit.read === textOf(unit)) continue;
      unit.read = textOf(unit);
      this.#changed(each);
    }
  }

  async enable(name: string, signal: AbortSignal): Promise<void> {
    await answer(`Enabling ${name}`, signal);
    const unit = this.#there(name);
    if (unit.file === null && unit.vendor === "static") {
      throw problem({
        code: "Invalid",
        blame: "author",
        message: `${name} cannot be enabled: it has no [Install] section.`,
        next: 'Take "enabled" out of the Score.',
      });
    }
    this.#isStale ||= !unit.enabled;
    unit.enabled = true;
    this.#changed(name);
  }

  async disable(name: string, signal: AbortSignal): Promise<void> {
    await answer(`Disabling ${name}`, signal);
    const unit = this.#units.get(name);
    if (unit === undefined) return;
    this.#isStale ||= unit.enabled;
    unit.enabled = false;
    this.#changed(name);
  }

  async mask(name: string, signal: AbortSignal): Promise<void> {
    await answer(`Masking ${name}`, signal);
    const unit = this.#at(name);
    if (unit.file !== null || unit.obstacle !== null) throw obstructed(name);
    this.#isStale ||= !unit.masked;
    unit.masked = true;
    this.#changed(name);
  }

  async unmask(name: string, signal: AbortSignal): Promise<void> {
    await answer(`Unmasking ${name}`, signal);
    const unit = this.#units.get(name);
    if (unit === undefined) return;
    this.#isStale ||= unit.masked;
    unit.masked = false;
    this.#changed(name);
  }

  async start(name: string, _how: { readonly steadyMs: number }, signal: AbortSignal): Promise<void> {
    await answer(`Starting ${name}`, signal);
    this.#probing.ends(name);
    this.#run(name, this.#there(name));
  }

  async restart(
    name: string,
    { revives = false }: { readonly steadyMs: number; readonly revives?: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    await answer(`Restarting ${name}`, signal);
    const unit = this.#there(name);
    if (isUp(unit)) unit.stopMs = unit.stopsInMs;
    if (revives) this.#probing.revives(name);
    else this.#probing.ends(name);
    unit.active = "inactive";
    this.#run(name, unit);
  }

  async stop(name: string, signal: AbortSignal): Promise<void> {
    await answer(`Stopping ${name}`, signal);
    this.#probing.forget(name);
    const unit = this.#units.get(name);
    if (unit === undefined || !isUp(unit)) return;
    Object.assign(unit, { active: "inactive", outdated: false, restarts: 0, stopMs: unit.stopsInMs });
    this.#changed(name);
  }

  async resetFailed(name: string, signal: AbortSignal): Promise<void> {
    await answer(`Forgetting that ${name} failed`, signal);
    const unit = this.#units.get(name);
    if (unit === undefined) return;
    unit.restarts = 0;
    if (unit.active === "failed") unit.active = "inactive";
    this.#changed(name);
  }

  #run(name: string, unit: Mutable): void {
    const wasUp = unit.active === "active" || unit.active === "starting";
    if (unit.active !== "active") unit.hung = false;
    unit.active = unit.crashes ? "looping" : "active";
    unit.restarts = unit.crashes ? 3 : 0;
    if (!wasUp) {
      unit.outdated = false;
      unit.starts += 1;
      unit.startMs = unit.startsInMs;
    }
    this.#changed(name);
    if (unit.crashes) throw failed(name, "ended a moment after its start (exit-code)");
  }

  /** A unit that can be worked with. */
  #there(name: string): Mutable {
    const unit = this.#units.get(name);
    if (unit === undefined || textOf(unit) === null) {
      throw problem({
        code: "NotFound",
        message: `There is no unit ${name}.`,
        next: "Correct its name, or install what brings it.",
      });
    }
    if (unit.masked) throw problem({ code: "Obstructed", message: `${name} is masked.`, next: "Unmask it." });
    return unit;
  }

  #at(name: string): Mutable {
    const there = this.#units.get(name);
    if (there !== undefined) return there;
    const unit: Mutable = { ...NOTHING, ...UNUSED };
    this.#units.set(name, unit);
    return unit;
  }

  #changed(name: string): void {
    for (const tell of this.#watchers.get(name) ?? []) queueMicrotask(tell);
  }
}

const isUp = ({ active }: Pick<Unit, "active">): boolean =>
  active === "active" || active === "starting" || active === "looping";
const leftoverRole = ({ vendor }: Unit): UnitFileRole => (vendor === "none" ? "unit" : "drop-in");

/** All that the supervisor reads of a unit; null where there is nothing. */
function textOf({ vendor, file, dropIn, masked }: Unit): string | null {
  if (masked) return "masked";
  if (file === null && vendor === "none") return null;
  return `${file ?? vendor}\n${dropIn ?? ""}`;
}

function stateOf(name: string, unit: Unit | undefined): UnitState {
  const known = unit ?? { ...NOTHING, ...UNUSED };
  const { active, restarts, starts, outdated, file, vendor, masked, enabled } = known;
  const up = active === "active" || active === "starting";
  const ended = active === "failed" || active === "looping";
  return {
    load: masked ? "masked" : known.read === null ? "not-found" : "loaded",
    active: active === "looping" ? "activating" : active === "starting" ? "active" : active,
    sub: active === "looping" ? "auto-restart" : up ? "running" : ended ? "failed" : "dead",
    enablement: enablementOf({ file, vendor, masked, enabled }),
    fragment:
      masked || file !== null
        ? `/etc/systemd/system/${name}`
        : vendor === "none"
          ? null
          : `/usr/lib/systemd/system/${name}`,
    needsReload: known.read !== textOf(known),
    result: ended ? "exit-code" : "success",
    restarts,
    since: up ? new Date(FIRST_START + starts * 1000).toISOString() : null,
    uptimeMs: up ? (active === "starting" ? 0 : 3_600_000) : null,
    lastUpMs: ended ? 50 : null,
    mainPid: up ? 4242 : null,
    outdated: up || active === "looping" ? outdated : false,
  };
}

function enablementOf({ file, vendor, masked, enabled }: Pick<Unit, "file" | "vendor" | "masked" | "enabled">): string {
  if (masked) return "masked";
  if (file === null && vendor === "static") return "static";
  if (enabled) return "enabled";
  return file === null && vendor === "none" ? "" : "disabled";
}

const problem = (facts: Pick<PortProblem, "code" | "message" | "next"> & Partial<PortProblem>): PortError =>
  new PortError({ blame: "device", ...facts });
const obstructed = (name: string): PortError =>
  problem({ code: "Obstructed", message: `Something stands at /etc/systemd/system/${name}.`, next: "Move it away." });
const failed = (name: string, how: string): PortError =>
  problem({ code: "Failed", message: `${name} ${how}.`, next: `Read on: journalctl --unit ${name} --lines 50.` });
const notUnderstood = (name: string, text: string): PortError =>
  problem({
    code: "Invalid",
    blame: "author",
    message: `systemd does not understand ${name}: ${text}.`,
    next: "Correct the Score.",
    retryable: false,
  });

/** Comes a moment later, as from a bus, and only as long as the caller wants it. */
async function answer(doing: string, signal: AbortSignal): Promise<void> {
  await Promise.resolve();
  if (!signal.aborted) return;
  throw problem({
    code: "TimedOut",
    blame: "platform",
    message: `${doing} was called off before the supervisor answered.`,
    next: "Nothing: it is tried again.",
  });
}
