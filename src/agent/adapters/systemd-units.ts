import * as z from "zod";
import type { UnitState, UnitTimes } from "../../capabilities/systemd-host.ts";
import { answered, ObjectPath } from "./bus-answer.ts";
import { gaveUp } from "./systemd-errors.ts";
import { pathOf, SystemdManager } from "./systemd-manager.ts";
import { FRESH_MS, UnitLinks } from "./unit-links.ts";
import { monotonicMicroseconds, versionOf } from "./unit-memory.ts";

const UNIT = "org.freedesktop.systemd1.Unit";
/** What is remembered is read anew after so long, whatever happened: signals and times of files are believed, not trusted. */
const BELIEVED_MS = 5 * 60_000;

const Rows = z.array(
  z.tuple([z.string(), z.string(), z.string(), z.string(), z.string(), z.string(), ObjectPath], z.unknown()),
);
const Count = z.union([z.number(), z.bigint()]).transform(Number);

/** By systemd's own names; microseconds, of the wall clock or of the monotonic one, 0 where it never was. */
const Properties = z.object({
  FragmentPath: z.string(),
  NeedDaemonReload: z.boolean(),
  ActiveEnterTimestamp: Count,
  ActiveEnterTimestampMonotonic: Count,
  ActiveExitTimestampMonotonic: Count,
  InactiveExitTimestampMonotonic: Count,
  /** Of the types that have it. */
  Result: z.string().nullable().default(null),
  /** Of services. */
  NRestarts: Count.default(0),
  MainPID: Count.default(0),
});
type Properties = z.infer<typeof Properties>;

const OF_ANY = [
  "FragmentPath",
  "NeedDaemonReload",
  "ActiveEnterTimestamp",
  "ActiveEnterTimestampMonotonic",
  "ActiveExitTimestampMonotonic",
  "InactiveExitTimestampMonotonic",
];
const WITH_RESULT = new Set(["service", "timer", "socket", "mount", "path", "swap", "automount"]);

/** When it last left each state and came to it, in microseconds of the monotonic clock; 0 where it never did. */
const Moments = z.object({
  InactiveExitTimestampMonotonic: Count,
  ActiveEnterTimestampMonotonic: Count,
  ActiveExitTimestampMonotonic: Count,
  InactiveEnterTimestampMonotonic: Count,
  /** Of services. */
  NRestarts: Count.default(0),
});

/** What systemd itself says of a unit. */
export type Reported = Omit<UnitState, "outdated"> & {
  /** Microseconds of the monotonic clock; 0 where it never was. */
  readonly leftInactiveAt: number;
  /** Of the unit's files; null where they changed so lately that systemd may have been asked before that. */
  readonly version: string | null;
};

interface Row {
  readonly text: string;
  readonly load: string;
  readonly active: string;
  readonly sub: string;
  readonly path: string;
}

/** All that was told of a unit when it was last asked in full. */
interface Known {
  readonly row: Row;
  readonly properties: Properties;
  readonly enablement: string;
  readonly version: string | null;
  readonly links: string;
  readonly readAtMs: number;
}

interface Question {
  readonly names: readonly string[];
  readonly answer: (states: readonly Reported[]) => void;
  readonly refuse: (error: unknown) => void;
}

/**
 * The states of units. All questions of one turn of the event loop are one call. What that call does not tell takes ten
 * more for each unit; of a unit that is watched it is remembered for as long as no signal came, the call tells the same as
 * before, and the unit's files and links are the same.
 */
export class SystemdUnits {
  readonly #manager: SystemdManager;
  readonly #links = new UnitLinks();
  readonly #watchers = new Map<string, Set<() => void>>();
  /** By path. */
  readonly #known = new Map<string, Known>();
  /** By path, what signals told last. */
  readonly #told = new Map<string, ReadonlyMap<string, unknown>>();
  /** By path, how often what was known has become old: an answer that was on its way then is not remembered. */
  readonly #changes = new Map<string, number>();
  #allChanges = 0;
  #questions: Question[] = [];

  constructor(address: string | undefined, onReloaded: () => void) {
    this.#manager = new SystemdManager(address, {
      changed: (path, properties) => this.#changed(path, properties),
      reloaded: () => {
        this.#forgetAll();
        onReloaded();
      },
      filesChanged: () => this.#tellAll(),
      listening: () => {
        this.#forgetAll();
        this.#tellAll();
      },
    });
  }

  get manager(): SystemdManager {
    return this.#manager;
  }

  /** Tells of changes of the unit's state, of any unit's enablement, and after a time of silence. */
  watch(unit: string, changed: () => void): () => void {
    const path = pathOf(unit);
    const watchers = this.#watchers.get(path) ?? new Set();
    this.#watchers.set(path, watchers);
    const own = (): void => changed();
    watchers.add(own);
    const unfollow = this.#manager.follow(unit);
    return () => {
      watchers.delete(own);
      unfollow();
      if (watchers.size > 0) return;
      this.#watchers.delete(path);
      this.#told.delete(path);
      this.forget(unit);
    };
  }

  /** What is known of it is old, since it is being changed. To be called before and after. */
  forget(unit: string): void {
    this.#forget(pathOf(unit));
  }

  /** @param signal Default: it takes as long as the bus allows. */
  async of(names: readonly string[], signal?: AbortSignal): Promise<readonly Reported[]> {
    return new Promise((resolve, reject) => {
      const late = (): void => reject(gaveUp("Reading the state of units", "Nothing: it is tried again."));
      if (signal?.aborted === true) return late();
      signal?.addEventListener("abort", late, { once: true });
      const over = (): void => signal?.removeEventListener("abort", late);
      this.#questions.push({
        names,
        answer(states) {
          over();
          resolve(states);
        },
        refuse(error) {
          over();
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- what was thrown is handed on
          reject(error);
        },
      });
      // Not sooner: what one answer sets going asks as well. And a turn later, because a pass lets others through after some
      // milliseconds, goes on in the next turn, and asks for the rest.
      if (this.#questions.length === 1) setImmediate(() => setImmediate(() => void this.#ask()));
    });
  }

  /** Nothing of it is remembered, since it is asked for a plan alone. */
  async lastTimes(names: readonly string[], signal: AbortSignal): Promise<readonly UnitTimes[]> {
    return new Promise((resolve, reject) => {
      const late = (): void => reject(gaveUp("Reading how long units took", "Nothing: it is asked at the next plan."));
      if (signal.aborted) return late();
      signal.addEventListener("abort", late, { once: true });
      Promise.all(names.map((name) => this.#lastTimes(name)))
        .then(resolve, reject)
        .finally(() => signal.removeEventListener("abort", late));
    });
  }

  async #lastTimes(unit: string): Promise<UnitTimes> {
    const path = pathOf(unit);
    const asked = Object.keys(Moments.shape).filter((name) => name !== "NRestarts" || unit.endsWith(".service"));
    const told = asked.map(async (name) => {
      const of = name === "NRestarts" ? "org.freedesktop.systemd1.Service" : UNIT;
      return [name, await this.#manager.property(path, of, name)] as const;
    });
    const moments = Object.fromEntries(await Promise.all(told));
    return timesBetween(answered(Moments, moments, `Reading how long ${unit} took`));
  }

  async #ask(): Promise<void> {
    const questions = this.#questions;
    this.#questions = [];
    const names = [...new Set(questions.flatMap((each) => each.names))];
    this.#links.look();
    const versions = names.map((name) => this.#versionOf(name));
    const report = (rows: readonly Row[]): Map<string, Promise<Reported>> =>
      new Map(names.map((name, at) => [name, this.#report(name, rows[at] ?? NOWHERE, versions[at] ?? "")]));
    const all = this.#rows(names).then(report);
    for (const { names: asked, answer, refuse } of questions) {
      all.then((told) => Promise.all(asked.flatMap((name) => told.get(name) ?? []))).then(answer, refuse);
    }
  }

  async #rows(names: readonly string[]): Promise<readonly Row[]> {
    const doing = "Reading the state of units";
    const rows = answered(Rows, await this.#manager.call("ListUnitsByNames", "as", [names], undefined, doing), doing);
    // A name that systemd does not take as one is left out, so the others would be told by the wrong names.
    if (rows.length !== names.length && names.length > 1) {
      return (await Promise.all(names.map((name) => this.#rows([name])))).flatMap(([row = NOWHERE]) => row);
    }
    return rows.map((row) => {
      const [, , load, active, sub, , path] = row;
      return { text: row.join("\n"), load, active, sub, path };
    });
  }

  #versionOf(unit: string): string {
    const known = this.#known.get(pathOf(unit));
    return known === undefined ? "" : versionOf(filesOf(unit, known.properties.FragmentPath)).text;
  }

  async #report(unit: string, row: Row, version: string): Promise<Reported> {
    const known = this.#known.get(pathOf(unit));
    const links = this.#links.of(unit);
    const isSame =
      known !== undefined &&
      known.row.text === row.text &&
      known.version === version &&
      known.links === links &&
      this.#manager.isFollowed(unit) &&
      performance.now() - known.readAtMs < BELIEVED_MS;
    return reported(isSame ? known : await this.#read(unit, row, links));
  }

  async #read(unit: string, row: Row, links: string): Promise<Known> {
    const path = pathOf(unit);
    const changes = this.#changesOf(path);
    const isFollowed = this.#manager.isFollowed(unit);
    const readAtMs = performance.now();
    const settledAtMs = Date.now() - FRESH_MS;
    // Sent together, answered together: one round trip.
    const [enablement, properties] = await Promise.all([this.#enablement(unit), this.#properties(unit, row.path)]);
    const files = versionOf(filesOf(unit, properties.FragmentPath));
    const version = files.changedAtMs < settledAtMs ? files.text : null;
    const known = { row, properties, enablement, version, links, readAtMs };
    const isSettled = version !== null && this.#links.changedAtMs < settledAtMs && changes === this.#changesOf(path);
    // By another name it is another unit's path that signals come from.
    if (isSettled && isFollowed && row.path === path && this.#watchers.has(path)) this.#known.set(path, known);
    return known;
  }

  async #properties(unit: string, path: string): Promise<Properties> {
    const type = unit.slice(unit.lastIndexOf(".") + 1);
    const own = `org.freedesktop.systemd1.${type.charAt(0).toUpperCase()}${type.slice(1)}`;
    const asked = [
      ...OF_ANY.map((name) => [UNIT, name] as const),
      ...(WITH_RESULT.has(type) ? [[own, "Result"] as const] : []),
      ...(type === "service" ? [[own, "NRestarts"] as const, [own, "MainPID"] as const] : []),
    ];
    const told = asked.map(async ([of, name]) => [name, await this.#manager.property(path, of, name)] as const);
    return answered(Properties, Object.fromEntries(await Promise.all(told)), `Reading the properties of ${unit}`);
  }

  async #enablement(unit: string): Promise<string> {
    const doing = `Reading whether ${unit} is enabled`;
    const state = await this.#manager.callIfThere("GetUnitFileState", "s", [unit], undefined, doing);
    if (state !== undefined) return answered(z.string(), state, doing);
    // Its file is gone, and what it was enabled by may be left.
    return this.#links.enables(unit) ? "enabled" : "";
  }

  /** Told by a signal. A service that only says how far it has come changes nothing that anybody asked for. */
  #changed(path: string, properties: ReadonlyMap<string, unknown>): void {
    const told = new Map([...properties].filter(([name]) => ASKED.has(name)));
    const before = this.#told.get(path);
    this.#told.set(path, new Map([...(before ?? []), ...told]));
    const known = this.#known.get(path);
    if (isAmong(told, before) || (known !== undefined && isAmong(told, factsOf(known)))) return;
    this.#forget(path);
    this.#tell(path);
  }

  #forget(path: string): void {
    this.#changes.set(path, (this.#changes.get(path) ?? 0) + 1);
    this.#known.delete(path);
  }

  #forgetAll(): void {
    this.#told.clear();
    this.#allChanges += 1;
    this.#known.clear();
  }

  #changesOf(path: string): number {
    return (this.#changes.get(path) ?? 0) + this.#allChanges;
  }

  #tell(path: string): void {
    for (const tell of this.#watchers.get(path) ?? []) tell();
  }

  #tellAll(): void {
    for (const path of this.#watchers.keys()) this.#tell(path);
  }
}

const NOWHERE: Row = { text: "", load: "not-found", active: "inactive", sub: "dead", path: "" };

/** All files that say what the unit is, as far as this port has to do with them. */
export const filesOf = (unit: string, fragment: string): readonly string[] => {
  const own = `/etc/systemd/system/${unit}`;
  const files = [own, `${own}.d/50-harmony.conf`, `/run/systemd/system/${unit}`];
  return fragment === "" || files.includes(fragment) ? files : [...files, fragment];
};

const ASKED = new Set(["ActiveState", "SubState", ...Object.keys(Properties.shape)]);

const factsOf = ({ row, properties }: Known): ReadonlyMap<string, unknown> =>
  new Map<string, unknown>([["ActiveState", row.active], ["SubState", row.sub], ...Object.entries(properties)]);

const isAmong = (told: ReadonlyMap<string, unknown>, facts: ReadonlyMap<string, unknown> | undefined): boolean =>
  facts !== undefined && [...told].every(([name, value]) => facts.has(name) && sameValue(facts.get(name), value));

/** Numbers of 64 bits may come as either. */
const sameValue = (before: unknown, now: unknown): boolean =>
  before === now ||
  ((typeof before === "bigint" || typeof now === "bigint") &&
    (typeof before === "number" || typeof now === "number") &&
    Number(before) === Number(now));

/**
 * Of each state only the last moments are kept, so they may be of different turns. A stop counts where nothing was started between
 * its two ends, and nothing counts where systemd itself started it again: then it had ended by itself, and waited in between.
 */
export function timesBetween(moments: z.infer<typeof Moments>): UnitTimes {
  const {
    InactiveExitTimestampMonotonic: starting,
    ActiveEnterTimestampMonotonic: started,
    ActiveExitTimestampMonotonic: stopping,
    InactiveEnterTimestampMonotonic: stopped,
    NRestarts: restarts,
  } = moments;
  if (restarts > 0) return { stopMs: null, startMs: null };
  const hasStopped = stopping > 0 && stopped >= stopping && !(starting > stopping && starting < stopped);
  const hasStarted = starting > 0 && started >= starting;
  const between = (from: number, to: number): number => Math.round((to - from) / 1000);
  return {
    stopMs: hasStopped ? between(stopping, stopped) : null,
    startMs: hasStarted ? between(starting, started) : null,
  };
}

/** Null for what is no time. */
function timeOf(microseconds: number): string | null {
  const time = new Date(microseconds / 1000);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}

function reported({ row, properties, enablement, version }: Known): Reported {
  const { load, active, sub } = row;
  const { ActiveEnterTimestampMonotonic: entered, ActiveExitTimestampMonotonic: exited } = properties;
  const isUp = active === "active" || active === "reloading";
  return {
    load,
    active,
    sub,
    enablement,
    fragment: properties.FragmentPath === "" ? null : properties.FragmentPath,
    needsReload: properties.NeedDaemonReload,
    result: properties.Result,
    restarts: properties.NRestarts,
    since: isUp ? timeOf(properties.ActiveEnterTimestamp) : null,
    uptimeMs: isUp ? (monotonicMicroseconds() - entered) / 1000 : null,
    // While it is up again, the two are of different times: what matters is then told by `restarts`.
    lastUpMs: exited === 0 ? null : Math.max(0, (exited - entered) / 1000),
    mainPid: properties.MainPID === 0 ? null : properties.MainPID,
    leftInactiveAt: properties.InactiveExitTimestampMonotonic,
    version,
  };
}
