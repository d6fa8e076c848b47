import { mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { FleetDescription } from "./description.ts";
import { devicesOf, textOf } from "../known-devices.ts";
import { writeWhole } from "../write-whole.ts";
import { serverConfig } from "./server-config.ts";

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

  /** Writes the description, and what is rendered from it: so a crash between loses nothing. */
  async write(fleet: FleetDescription): Promise<void> {
    await writeWhole(this.at("fleet.json"), `${JSON.stringify(fleet, null, 2)}\n`);
    await writeWhole(this.config, this.render(fleet));
    await writeWhole(this.knownDevices, textOf(devicesOf(fleet)));
  }

  /** Runs alone: a second command that would change the fleet meanwhile is refused. */
  async alone<T>(work: () => Promise<T>): Promise<T | Unusable> {
    const lock = this.at("fleet.lock");
    try {
      await (await open(lock, "wx", 0o600)).close();
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) {
        return unusable(`${this.path} cannot be written: ${messageOf(error)}`, "Name the directory with --dir DIR.");
      }
      return unusable(
        `another harmony is changing ${this.path}`,
        `Try again; if none is running, remove ${lock}, which one that was killed has left.`,
      );
    }
    try {
      return await work();
    } finally {
      await rm(lock, { force: true });
    }
  }
}

export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

export const unusable = (message: string, next: string): Unusable => ({ _tag: "Unusable", message, next });

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
