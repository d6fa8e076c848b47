import { existsSync } from "node:fs";
import { mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { FleetDescription } from "./description.ts";
import { devicesOf, textOf } from "../known-devices.ts";
import { writeWhole } from "../write-whole.ts";
import { serverConfig } from "./server-config.ts";

const LOCK_LOOK_MS = 100;

/** Why the directory of a fleet cannot be used, and what to do. */
export interface Unusable {
  readonly _tag: "Unusable";
  readonly message: string;
  readonly next: string;
}

/** The files of one fleet, as `harmony fleet init` makes them. */
export class FleetDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  readonly at = (...names: readonly string[]): string => join(this.path, ...names);

  get config(): string {
    return this.at("nats-server.conf");
  }
  get pidFile(): string {
    return this.at("nats-server.pid");
  }

  /** What authors need to seal secrets. */
  get knownDevices(): string {
    return this.at("known-devices.json");
  }

  /** What the server's configuration has to be. */
  render(fleet: FleetDescription): string {
    return serverConfig(fleet, {
      certificate: this.at("tls", "server.pem"),
      key: this.at("tls", "server.key"),
      store: this.at("jetstream"),
      pid: this.pidFile,
    });
  }

  async read(): Promise<FleetDescription | Unusable> {
    const file = this.at("fleet.json");
    try {
      const read = FleetDescription.safeParse(JSON.parse(await readFile(file, "utf8")));
      if (read.success) return read.data;
      const [issue] = read.error.issues;
      return unusable(
        `${file} is not as harmony writes it: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`,
        "Bring it back from your copy.",
      );
    } catch (error) {
      return unusable(
        `${file} cannot be read: ${messageOf(error)}`,
        "Name the fleet's directory with --dir DIR; harmony fleet init makes one.",
      );
    }
  }

  /** Another one whenever the description has changed. */
  async stamp(): Promise<string> {
    const found = await stat(this.at("fleet.json"), { bigint: true }).catch(() => null);
    return found === null ? "" : `${found.ino} ${found.size} ${found.mtimeNs}`;
  }

  /** Writes the description, and what is rendered from it: so a crash between loses nothing. */
  async write(fleet: FleetDescription): Promise<void> {
    await writeWhole(this.at("fleet.json"), `${JSON.stringify(fleet, null, 2)}\n`);
    await writeWhole(this.config, this.render(fleet));
    await writeWhole(this.knownDevices, textOf(devicesOf(fleet)));
  }

  /**
   * Runs alone: another command or server that would change the fleet meanwhile is waited for, `waitMs` at most; one that was
   * killed, and has left its lock, is not.
   */
  async alone<T>(work: () => Promise<T>, waitMs = 15_000): Promise<T | Unusable> {
    const lock = this.at("fleet.lock");
    const deadline = performance.now() + waitMs;
    for (;;) {
      const held = await this.#lock(lock);
      if (held === null) break;
      const mayEnd = held !== "left" && performance.now() < deadline;
      if (held instanceof Error) {
        return unusable(`${this.path} cannot be written: ${held.message}`, "Name the directory with --dir DIR.");
      }
      if (!mayEnd) {
        return unusable(
          `another harmony is changing ${this.path}`,
          `Try again; if none is running, remove ${lock}, which one that was killed has left.`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, LOCK_LOOK_MS));
    }
    try {
      return await work();
    } finally {
      await rm(lock, { force: true });
    }
  }

  /** Null once it is this process's; `left` where its holder is no more. */
  async #lock(lock: string): Promise<null | "held" | "left" | Error> {
    try {
      const file = await open(lock, "wx", 0o600);
      await file.writeFile(String(process.pid)).finally(() => file.close());
      return null;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!("code" in error) || error.code !== "EEXIST") return error;
      const holder = await readFile(lock, "utf8").catch(() => null);
      if (holder === null) return "held";
      return existsSync(`/proc/${Number(holder) || "none"}`) ? "held" : "left";
    }
  }
}

export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

export const unusable = (message: string, next: string): Unusable => ({ _tag: "Unusable", message, next });

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
