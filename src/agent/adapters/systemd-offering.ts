import { existsSync, readFileSync } from "node:fs";
import type { FileSystemHost } from "../../capabilities/file-system-host.ts";
import type { SystemdHost } from "../../capabilities/systemd-host.ts";
import type { Clock } from "../../scores/context.ts";
import { DbusSystemdHost } from "./dbus-systemd-host.ts";
import type { Detection, Offering } from "./offering.ts";

/**
 * Debian 12's, the oldest that is still looked after and that this is tried with. What is used here that is youngest, the
 * refusal of one unit's text without that of all that it names (`systemd-analyze verify --recursive-errors`), is of 250.
 */
const OLDEST = 252;

/** systemd, where it is what supervises this host. */
export class SystemdOffering implements Offering<SystemdHost> {
  readonly port: SystemdHost;
  readonly #host: DbusSystemdHost;
  readonly #bootedBy: () => string;

  constructor(options: {
    readonly files: FileSystemHost;
    /** Of the bus; default the system's own. */
    readonly address?: string | undefined;
    /** Default: the machine's own. */
    readonly clock?: Clock | undefined;
    /** The name of process 1. Default: as the kernel tells it. */
    readonly bootedBy?: (() => string) | undefined;
  }) {
    this.#host = new DbusSystemdHost({ files: options.files, address: options.address, clock: options.clock });
    this.port = this.#host;
    this.#bootedBy = options.bootedBy ?? bootedBy;
  }

  async detect(signal: AbortSignal): Promise<Detection> {
    // It can be installed, and answer to a name, where something else starts and stops the services.
    if (this.#bootedBy() !== "systemd") return absent("systemd as process 1 not found");
    try {
      const version = await this.#host.version(signal);
      const release = /^\d+/.exec(version)?.[0];
      if (Number(release) >= OLDEST) return { _tag: "Found", facts: this.#facts(version) };
      return absent(`systemd >= ${OLDEST} not found`);
    } catch {
      return absent("systemd on the system bus not found");
    }
  }

  close(): void {
    this.#host.close();
  }

  #facts(version: string): Readonly<Record<string, unknown>> {
    return {
      version,
      /** What limits of services can be kept here. */
      controllers: this.#host.controllers(),
      /** Whether a unit file is tried before it is put in place. */
      verifies: ["/usr/bin/systemd-analyze", "/bin/systemd-analyze"].some((path) => existsSync(path)),
    };
  }
}

const absent = (reason: string): Detection => ({ _tag: "Absent", reason });

function bootedBy(): string {
  try {
    return readFileSync("/proc/1/comm", "utf8").trim();
  } catch {
    return "";
  }
}
