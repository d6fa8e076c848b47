import { readdirSync } from "node:fs";
import * as z from "zod";
import { PortError } from "../../capabilities/port-error.ts";
import type { UnitState } from "../../capabilities/systemd-host.ts";
import { type BusSignal, SystemBus } from "./system-bus.ts";
import { asPortError, isNoFile, isNotFound, jobFailed } from "./systemd-errors.ts";
import { monotonicMicroseconds } from "./unit-memory.ts";

const ROOT = "/org/freedesktop/systemd1";
const MANAGER = "org.freedesktop.systemd1.Manager";
const UNIT = "org.freedesktop.systemd1.Unit";
const PROPERTIES = "org.freedesktop.DBus.Properties";
const ETC = "/etc/systemd/system";

const RELOAD_MS = 60_000;
/** Longer than any job may take by itself: the caller's own deadline comes first. */
const JOB_MS = 600_000;
/** Jobs that ended before their caller knew their names. */
const EARLY_AT_MOST = 256;

const Rows = z.array(
  z.tuple([z.string(), z.string(), z.string(), z.string(), z.string(), z.string(), z.string()], z.unknown()),
);
const Count = z.union([z.number(), z.bigint()]).transform(Number);

/** What systemd itself says of a unit. */
export type Reported = Omit<UnitState, "outdated"> & {
  /** Microseconds of the monotonic clock; 0 where it never was. */
  readonly leftInactiveAt: number;
};

/** The calls of systemd's own interface that are needed, and the signals. Knows nothing of files. */
export class SystemdManager {
  readonly #bus: SystemBus;
  readonly #jobs = new Map<string, (result: string) => void>();
  readonly #early = new Map<string, string>();
  readonly #watchers = new Map<string, Set<() => void>>();
  #unmatch: (() => void) | null = null;

  constructor(address?: string) {
    this.#bus = new SystemBus({
      destination: "org.freedesktop.systemd1",
      address,
      onSignal: (signal) => this.#heard(signal),
      onConnected: () => this.#subscribe(),
    });
  }

  close(): void {
    this.#bus.close();
  }

  async units(names: readonly string[], signal: AbortSignal): Promise<readonly Reported[]> {
    const rows = z.parse(
      Rows,
      await this.call("ListUnitsByNames", "as", [names], signal, "Reading the state of units"),
    );
    return Promise.all(
      names.map(async (name, at) => {
        const [, , load = "not-found", active = "inactive", sub = "dead", , path = ""] = rows[at] ?? [];
        return this.#unit({ name, load, active, sub, path }, signal);
      }),
    );
  }

  async #unit(
    {
      name,
      load,
      active,
      sub,
      path,
    }: {
      readonly name: string;
      readonly load: string;
      readonly active: string;
      readonly sub: string;
      readonly path: string;
    },
    signal: AbortSignal,
  ): Promise<Reported> {
    const get = async <T>(of: string, property: string, schema: z.ZodType<T>): Promise<T> =>
      z.parse(schema, await this.#property(path, of, property, signal));
    const type = name.slice(name.lastIndexOf(".") + 1);
    const own = `org.freedesktop.systemd1.${type.charAt(0).toUpperCase()}${type.slice(1)}`;
    const hasResult = ["service", "timer", "socket", "mount", "path", "swap", "automount"].includes(type);
    const isService = type === "service";
    // Sent together, answered together: one round trip.
    const [
      enablement,
      fragment,
      needsReload,
      enteredAt,
      enteredMonotonic,
      exitedMonotonic,
      leftInactiveAt,
      result,
      restarts,
      mainPid,
    ] = await Promise.all([
      this.#enablement(name, signal),
      get(UNIT, "FragmentPath", z.string()),
      get(UNIT, "NeedDaemonReload", z.boolean()),
      get(UNIT, "ActiveEnterTimestamp", Count),
      get(UNIT, "ActiveEnterTimestampMonotonic", Count),
      get(UNIT, "ActiveExitTimestampMonotonic", Count),
      get(UNIT, "InactiveExitTimestampMonotonic", Count),
      hasResult ? get(own, "Result", z.string()) : null,
      isService ? get(own, "NRestarts", Count) : 0,
      isService ? get(own, "MainPID", Count) : 0,
    ]);
    const isUp = active === "active" || active === "reloading";
    return {
      load,
      active,
      sub,
      enablement,
      fragment: fragment === "" ? null : fragment,
      needsReload,
      result,
      restarts,
      since: isUp ? new Date(enteredAt / 1000).toISOString() : null,
      uptimeMs: isUp ? (monotonicMicroseconds() - enteredMonotonic) / 1000 : null,
      // While it is up again, the two are of different times: what matters is then told by `restarts`.
      lastUpMs: exitedMonotonic === 0 ? null : Math.max(0, (exitedMonotonic - enteredMonotonic) / 1000),
      mainPid: mainPid === 0 ? null : mainPid,
      leftInactiveAt,
    };
  }

  /** A job, to its end. */
  async job(
    member: "StartUnit" | "StopUnit" | "RestartUnit",
    unit: string,
    signal: AbortSignal,
    doing: string,
  ): Promise<void> {
    const job = z.parse(z.string(), await this.call(member, "ss", [unit, "replace"], signal, `${doing} ${unit}`));
    const result = this.#early.get(job) ?? (await this.#jobEnds(job, signal, `${doing} ${unit}`));
    this.#early.delete(job);
    if (result !== "done") throw jobFailed(unit, doing, `the job ended with "${result}"`);
  }

  /** A call of the manager, its error in the port's words. */
  async call(
    member: string,
    signature: string,
    body: readonly unknown[],
    signal: AbortSignal,
    doing: string,
  ): Promise<unknown> {
    try {
      return await this.#call(member, signature, body, signal);
    } catch (error) {
      throw asPortError(error, doing);
    }
  }

  /** The same for what need not be there: undefined where it is not. */
  async callIfThere(
    member: string,
    signature: string,
    body: readonly unknown[],
    signal: AbortSignal,
    doing: string,
  ): Promise<unknown> {
    try {
      return await this.#call(member, signature, body, signal);
    } catch (error) {
      if (isNotFound(error) || isNoFile(error)) return undefined;
      throw asPortError(error, doing);
    }
  }

  async reload(signal: AbortSignal): Promise<void> {
    await this.call("Reload", "", [], signal, "Having systemd read all unit files");
  }

  /** Tells of changes of the unit's state, of any unit file's enablement, and after a time of silence. */
  watch(unit: string, changed: () => void): () => void {
    const path = pathOf(unit);
    const watchers = this.#watchers.get(path) ?? new Set();
    this.#watchers.set(path, watchers);
    const own = (): void => changed();
    watchers.add(own);
    const unmatch = this.#bus.match(
      `type='signal',interface='${PROPERTIES}',member='PropertiesChanged',path='${path}'`,
    );
    return () => {
      watchers.delete(own);
      unmatch();
    };
  }

  #call(member: string, signature: string, body: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    this.#listen();
    const timeout = member === "Reload" ? { timeoutMs: RELOAD_MS } : {};
    const given = signature === "" ? {} : { signature, body };
    return this.#bus.call({ path: ROOT, interface: MANAGER, member, ...given, ...timeout }, signal);
  }

  async #property(path: string, of: string, property: string, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.#bus.call(
        { path, interface: PROPERTIES, member: "Get", signature: "ss", body: [of, property] },
        signal,
      );
    } catch (error) {
      throw asPortError(error, `Reading ${property} of ${path}`);
    }
  }

  async #enablement(name: string, signal: AbortSignal): Promise<string> {
    const state = await this.callIfThere("GetUnitFileState", "s", [name], signal, `Reading whether ${name} is enabled`);
    if (state !== undefined) return z.parse(z.string(), state);
    // Its file is gone, and what it was enabled by may be left.
    return hasLink(name) ? "enabled" : "";
  }

  #listen(): void {
    if (this.#unmatch !== null) return;
    const stops = ["JobRemoved", "UnitFilesChanged"].map((member) =>
      this.#bus.match(`type='signal',interface='${MANAGER}',member='${member}',path='${ROOT}'`),
    );
    this.#unmatch = () => stops.forEach((stop) => stop());
  }

  /** Without this systemd sends no signals at all; it holds for one connection. */
  #subscribe(): void {
    this.#bus.call({ path: ROOT, interface: MANAGER, member: "Subscribe" }).then(
      () => this.#tellAll(),
      () => {},
    );
  }

  #jobEnds(job: string, signal: AbortSignal, doing: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        end();
        reject(
          new PortError({
            code: "TimedOut",
            blame: "device",
            message: `${doing} was not done in time.`,
            next: "Look at what it waits for: systemctl list-jobs.",
          }),
        );
      };
      const timer = setTimeout(giveUp, JOB_MS);
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", giveUp);
        this.#jobs.delete(job);
      };
      this.#jobs.set(job, (result) => {
        end();
        resolve(result);
      });
      signal.addEventListener("abort", giveUp, { once: true });
      if (signal.aborted) giveUp();
    });
  }

  #heard({ path, interface: of, member, body }: BusSignal): void {
    if (of === MANAGER && member === "JobRemoved") this.#jobEnded(String(body[1]), String(body[3]));
    else if (of === MANAGER && member === "UnitFilesChanged") this.#tellAll();
    else if (of === PROPERTIES) for (const tell of this.#watchers.get(path) ?? []) tell();
  }

  #jobEnded(job: string, result: string): void {
    const waiting = this.#jobs.get(job);
    if (waiting !== undefined) return waiting(result);
    this.#early.set(job, result);
    const [oldest] = this.#early.keys();
    if (this.#early.size > EARLY_AT_MOST && oldest !== undefined) this.#early.delete(oldest);
  }

  #tellAll(): void {
    for (const watchers of this.#watchers.values()) for (const tell of watchers) tell();
  }
}

/** systemd's way to write a name as a part of an object path. */
const pathOf = (unit: string): string =>
  `${ROOT}/unit/${[...new TextEncoder().encode(unit)]
    .map((byte, at) => {
      const character = String.fromCodePoint(byte);
      return /[A-Za-z]/.test(character) || (at > 0 && /\d/.test(character))
        ? character
        : `_${byte.toString(16).padStart(2, "0")}`;
    })
    .join("")}`;

function hasLink(name: string): boolean {
  const folders = readdirSync(ETC).filter((each) => /\.(wants|requires|upholds)$/.test(each));
  return folders.some((folder) => readdirSync(`${ETC}/${folder}`).includes(name));
}
