import * as z from "zod";
import { answered } from "./bus-answer.ts";
import { SystemBus, type BusSignal } from "./system-bus.ts";
import { asPortError, busNameOf, isNoFile, isNotFound, jobFailed } from "./systemd-errors.ts";
import { SystemdJobs } from "./systemd-jobs.ts";
import { safeParse } from "../../wire/safe-parse.ts";

const ROOT = "/org/freedesktop/systemd1";
const MANAGER = "org.freedesktop.systemd1.Manager";
const PROPERTIES = "org.freedesktop.DBus.Properties";

const RELOAD_MS = 60_000;
const SUBSCRIBE_AGAIN_MS = 500;

/** What systemd tells by itself. */
export interface ManagerNews {
  /** These properties of the unit at this path are so now; many of them were so before. */
  changed(path: string, properties: ReadonlyMap<string, unknown>): void;
  /** All unit files have been read again, by anybody's order. */
  reloaded(): void;
  /** The enablement of some unit has changed. */
  filesChanged(): void;
  /** Signals come from now on, and none has come for a while. */
  listening(): void;
}

/** Number, path, unit, result. Any peer can send a signal of that name, with whatever in it. */
const JobRemoved = z.tuple([z.unknown(), z.string(), z.unknown(), z.string()], z.unknown());
const Microseconds = z.union([z.number(), z.bigint()]).transform(Number);

/** The calls of systemd's own interface that are needed, and its signals. Knows nothing of files. */
export class SystemdManager {
  readonly #bus: SystemBus;
  readonly #news: ManagerNews;
  readonly #jobs = new SystemdJobs();
  #isListening = false;
  #isSubscribed = false;
  #again: NodeJS.Timeout | undefined;

  constructor(address: string | undefined, news: ManagerNews) {
    this.#news = news;
    this.#bus = new SystemBus({
      destination: "org.freedesktop.systemd1",
      address,
      onSignal: (signal) => this.#heard(signal),
      onConnected: () => {
        this.#isSubscribed = false;
        // Now, and not with the answer to the subscription: what the new connection tells may come in one piece with that.
        this.#jobs.lost();
        this.#subscribe();
      },
    });
  }

  close(): void {
    clearTimeout(this.#again);
    this.#bus.close();
  }

  /** systemd's own words for its version, such as `"257.9-1~deb13u1"`. Leaves no connection that is kept up for good. */
  async version(signal: AbortSignal): Promise<string> {
    const answer = await this.#bus.call(
      { path: ROOT, interface: PROPERTIES, member: "Get", signature: "ss", body: [MANAGER, "Version"] },
      signal,
    );
    return z.parse(z.string(), answer);
  }

  /**
   * When systemd last began to read all unit files, in microseconds of both its clocks. Null where it does not tell: that
   * came with version 250.
   */
  async loadedAt(): Promise<{ readonly wall: number; readonly monotonic: number } | null> {
    const get = (property: string): Promise<unknown> =>
      this.#bus.call({ path: ROOT, interface: PROPERTIES, member: "Get", signature: "ss", body: [MANAGER, property] });
    try {
      const answers = [await get("UnitsLoadTimestamp"), await get("UnitsLoadTimestampMonotonic")];
      const [wall = 0, monotonic = 0] = answers.map((answer) => z.parse(Microseconds, answer));
      return { wall, monotonic };
    } catch {
      return null;
    }
  }

  /** A job, to its end. */
  async job(
    member: "StartUnit" | "StopUnit" | "RestartUnit",
    unit: string,
    signal: AbortSignal,
    doing: string,
  ): Promise<void> {
    const whole = `${doing} ${unit}`;
    const job = answered(z.string(), await this.call(member, "ss", [unit, "replace"], signal, whole), whole);
    const result = await this.#jobs.end(job, signal, whole);
    if (result !== "done") throw jobFailed(unit, doing, `the job ended with "${result}"`);
  }

  /** A call of the manager, its error in the port's words. */
  async call(
    member: string,
    signature: string,
    body: readonly unknown[],
    signal: AbortSignal | undefined,
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
    signal: AbortSignal | undefined,
    doing: string,
  ): Promise<unknown> {
    try {
      return await this.#call(member, signature, body, signal);
    } catch (error) {
      if (isNotFound(error) || isNoFile(error)) return undefined;
      throw asPortError(error, doing);
    }
  }

  async property(path: string, of: string, property: string): Promise<unknown> {
    try {
      return await this.#bus.call({
        path,
        interface: PROPERTIES,
        member: "Get",
        signature: "ss",
        body: [of, property],
      });
    } catch (error) {
      throw asPortError(error, `Reading ${property} of ${path}`);
    }
  }

  /** Has the changes of the unit told; returns the way to stop. */
  follow(unit: string): () => void {
    this.#listen();
    return this.#bus.match(followed(unit));
  }

  /** Whether no change of the unit from now on can be missed. */
  isFollowed(unit: string): boolean {
    return this.#isSubscribed && this.#bus.isLive(followed(unit));
  }

  #call(
    member: string,
    signature: string,
    body: readonly unknown[],
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    this.#listen();
    const timeout = member === "Reload" ? { timeoutMs: RELOAD_MS } : {};
    const given = signature === "" ? {} : { signature, body };
    return this.#bus.call({ path: ROOT, interface: MANAGER, member, ...given, ...timeout }, signal);
  }

  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    for (const member of ["JobRemoved", "UnitFilesChanged", "Reloading"]) {
      this.#bus.match(`type='signal',interface='${MANAGER}',member='${member}',path='${ROOT}'`);
    }
  }

  /** Without this systemd sends no signals at all; it holds for one connection. */
  #subscribe(): void {
    clearTimeout(this.#again);
    const subscribed = (): void => {
      this.#isSubscribed = true;
      this.#news.listening();
    };
    this.#bus.call({ path: ROOT, interface: MANAGER, member: "Subscribe" }).then(subscribed, (error: unknown) => {
      if (busNameOf(error) === "org.freedesktop.systemd1.AlreadySubscribed") return subscribed();
      // After a restart of the bus systemd takes a moment to come back to it.
      if (this.#isListening) this.#again = setTimeout(() => this.#subscribe(), SUBSCRIBE_AGAIN_MS).unref();
    });
  }

  #heard({ path, interface: of, member, body }: BusSignal): void {
    if (of === PROPERTIES) {
      const given = safeParse(z.record(z.string(), z.unknown()), body[1]);
      return this.#news.changed(path, new Map(Object.entries(given.data ?? {})));
    }
    if (of !== MANAGER) return;
    if (member === "JobRemoved") {
      const [, job, , result] = safeParse(JobRemoved, body).data ?? [];
      if (job !== undefined && result !== undefined) this.#jobs.ended(job, result);
    } else if (member === "UnitFilesChanged") this.#news.filesChanged();
    else if (member === "Reloading" && body[0] === false) this.#news.reloaded();
  }
}

const followed = (unit: string): string =>
  `type='signal',interface='${PROPERTIES}',member='PropertiesChanged',path='${pathOf(unit)}'`;

/** systemd's way to write a name as a part of an object path. */
export const pathOf = (unit: string): string =>
  `${ROOT}/unit/${[...new TextEncoder().encode(unit)]
    .map((byte, at) => {
      const character = String.fromCodePoint(byte);
      return /[A-Za-z]/.test(character) || (at > 0 && /\d/.test(character))
        ? character
        : `_${byte.toString(16).padStart(2, "0")}`;
    })
    .join("")}`;
