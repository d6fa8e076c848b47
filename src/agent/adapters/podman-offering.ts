import * as z from "zod";
import type { ContainerRuntime } from "../../capabilities/container-runtime.ts";
import type { FileSystemHost } from "../../capabilities/file-system-host.ts";
import type { SystemdHost } from "../../capabilities/systemd-host.ts";
import type { Clock } from "../../scores/context.ts";
import { type Command, runCommand } from "./command.ts";
import type { Detection, Offering } from "./offering.ts";
import { PodmanContainerRuntime } from "./podman-container-runtime.ts";
import { QUADLET } from "./quadlet-files.ts";
import { versionOf } from "./unit-memory.ts";
import { safeParse } from "../../wire/safe-parse.ts";

const PROGRAMS = ["/usr/bin/podman", "/usr/local/bin/podman", QUADLET];
const ASK_MS = 20_000;

const Info = z.object({
  host: z.object({
    cgroupVersion: z.string(),
    networkBackend: z.string().optional(),
    ociRuntime: z.object({ name: z.string() }).optional(),
  }),
});

type Run = (command: Command) => ReturnType<typeof runCommand>;

/** Podman with Quadlet, as root. */
export class PodmanOffering implements Offering<ContainerRuntime> {
  readonly port: ContainerRuntime;
  readonly #runtime: PodmanContainerRuntime;
  readonly #supervisor: SystemdHost;
  readonly #run: Run;
  readonly #isRoot: () => boolean;
  #last: { readonly signature: string; readonly detection: Detection } | null = null;

  constructor(options: {
    readonly files: FileSystemHost;
    readonly supervisor: SystemdHost;
    readonly busAddress?: string | undefined;
    /** Of podman's API; default the system's own. */
    readonly socket?: string | undefined;
    /** Default: the machine's own. */
    readonly clock?: Clock | undefined;
    /** Default: real programs. */
    readonly run?: Run | undefined;
    /** Default: of this process. */
    readonly isRoot?: (() => boolean) | undefined;
  }) {
    this.#supervisor = options.supervisor;
    this.#run = options.run ?? runCommand;
    this.#isRoot = options.isRoot ?? (() => process.getuid?.() === 0);
    this.#runtime = new PodmanContainerRuntime(options);
    this.port = this.#runtime;
  }

  /** Podman is a process of 45 MiB each time, so it is asked again when its programs have changed. */
  async detect(signal: AbortSignal): Promise<Detection> {
    const signature = versionOf(PROGRAMS).text;
    if (this.#last?.signature === signature) return this.#last.detection;
    const detection = await this.#look(signal);
    if (detection._tag === "Found") this.#last = { signature, detection };
    return detection;
  }

  close(): void {
    // Connections to podman are made for one call each.
  }

  async #look(signal: AbortSignal): Promise<Detection> {
    if (!this.#isRoot()) return absent("the right to run podman as root not found");
    const ran = await this.#run({ argv: ["podman", "--version"], signal, timeoutMs: ASK_MS });
    const version = ran._tag === "Ended" ? /^podman version (\S+)/.exec(ran.stdout)?.[1] : undefined;
    if (version === undefined || !isNewEnough(version)) return absent("podman >= 4.4 not found");
    const info = await this.#runtime.info(signal).then(
      (body) => safeParse(Info, body).data,
      () => undefined,
    );
    if (info === undefined) return absent("an answer of podman at its socket not found");
    return {
      _tag: "Found",
      facts: {
        version,
        runtime: info.host.ociRuntime?.name ?? "unknown",
        cgroupVersion: info.host.cgroupVersion,
        controllers: this.#supervisor.controllers(),
        rootless: false,
        networkBackend: info.host.networkBackend ?? "unknown",
      },
    };
  }
}

function isNewEnough(version: string): boolean {
  const [, major = "0", minor = "0"] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) > 4 || (Number(major) === 4 && Number(minor) >= 4);
}

const absent = (reason: string): Detection => ({ _tag: "Absent", reason });
