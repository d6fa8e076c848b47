import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { type Boot, bootIn, runInside } from "./boot.ts";
import { findOrBuildImage } from "./image.ts";
import { listenInside } from "./listen-inside.ts";
import { say } from "./progress.ts";
import { expectSuccess, type Ran, type RunOptions, succeed } from "./run.ts";
import { openYard, type Yard } from "./yard.ts";

export interface MachineOptions {
  /** Its host name: letters, digits and "-"; need not be unique. Default "device". */
  readonly name?: string | undefined;
  /** Stops the machine when it fires, also while it boots. */
  readonly signal: AbortSignal;
  /** Host folders or files that it sees under other paths, but none of /run, /sys or /proc. Read-only unless told. */
  readonly share?: readonly { readonly from: string; readonly to: string; readonly writable?: boolean }[] | undefined;
  /** Who manages the network: as on Raspberry Pi OS, or as on a minimal Debian. Default "NetworkManager". */
  readonly network?: "NetworkManager" | "networkd" | undefined;
}

/** How a program in the machine is run. Its environment is the machine's, not this process's. */
export type ExecOptions = Omit<RunOptions, "env">;

/**
 * A booted Debian 13 with a systemd, files, a network and a packet filter of its own.
 *
 * eth0 is 198.51.100.2/24, its gateway 198.51.100.1. eth1 has no address and is for the tests; at the other
 * end of its cable is 203.0.113.1/24. At these two addresses nobody listens but what `natsUrl` opens.
 */
export interface Machine {
  readonly name: string;
  /** Of its systemd, as the host numbers processes; another one after a reboot. @throws Error when it is not up */
  readonly pid: number;
  /**
   * Its root directory as a path of the host, to look at only: an absolute link in it leads into the host.
   */
  readonly root: string;
  /**
   * Runs a program in the machine as root, whatever it exits with. It comes in from outside, so it is in no unit and
   * under none of the machine's restrictions; what a test is about should be started by the machine's systemd.
   *
   * @throws Error with a sentence when the machine is not up or the program takes too long
   */
  exec(argv: readonly string[], options?: ExecOptions): Promise<Ran>;
  /** The same, for a program that must succeed: its standard output. */
  run(argv: readonly string[], options?: ExecOptions): Promise<string>;
  /** Runs a program of the host, which must succeed, at the other ends of the cables: there they are up0 and up1. */
  outside(argv: readonly string[], options?: RunOptions): Promise<string>;
  /** Replaces the file in one step and makes its folder. `mode` is octal, default "0644"; it belongs to root. */
  writeFile(path: string, content: string | Uint8Array, mode?: string): Promise<void>;
  /** @throws Error with a sentence where there is none */
  readFile(path: string): Promise<string>;
  /** The URL under which the machine reaches a server that listens on this host's loopback. */
  natsUrl(server: { readonly url: string }): Promise<string>;
  /** Shuts down in order or as if the power went, and resolves once it is up again, with the files it had. */
  reboot(how: "in order" | "power loss"): Promise<void>;
  /** As if the power went, for good: resolves once nothing is left of it. May be called more than once. */
  stop(): Promise<void>;
}

const shutdownDeadlineMs = 120_000;

/**
 * Boots a machine of its own and waits until its systemd is `running` and eth0 has its address. The machine dies with
 * this process.
 *
 * @throws Error with a sentence, or the signal's reason
 */
export async function bootMachine(options: MachineOptions): Promise<Machine> {
  const { signal, name = "device", share = [], network = "NetworkManager" } = options;
  const yard = await openYard(await findOrBuildImage(say, signal), signal);
  const shares = share.map(({ from, to, writable = false }) => {
    const [source, target] = [from, to].map((path) => path.replaceAll(/[\\:]/g, String.raw`\$&`));
    return `--bind${writable ? "" : "-ro"}=${source}:${target}`;
  });
  const machine = new MachineInYard(name, yard, async () => bootIn(yard, { name, shares, network, signal }));
  const onAbort = (): void => void machine.stop();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await machine.start();
    return machine;
  } catch (error) {
    await machine.stop();
    throw error;
  }
}

class MachineInYard implements Machine {
  readonly name: string;
  readonly root: string;
  readonly #yard: Yard;
  readonly #boot: () => Promise<Boot>;
  readonly #ports = new Map<number, Promise<() => void>>();
  #booted: Boot | undefined;
  #stopped: Promise<void> | undefined;

  constructor(name: string, yard: Yard, boot: () => Promise<Boot>) {
    this.name = name;
    this.root = `/proc/${yard.pid}/root${yard.folder}/root`;
    this.#yard = yard;
    this.#boot = boot;
  }

  get pid(): number {
    return this.#up().pid;
  }

  async start(): Promise<void> {
    this.#booted = await this.#boot();
  }

  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<Ran> {
    return runInside(this.pid, argv, options);
  }

  async run(argv: readonly string[], options: ExecOptions = {}): Promise<string> {
    return expectSuccess(argv, await this.exec(argv, options));
  }

  async outside(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    return succeed(this.#yard.inside(argv), options);
  }

  async writeFile(path: string, content: string | Uint8Array, mode = "0644"): Promise<void> {
    const script = `set -e; mkdir -p "$(dirname "$1")"; cat >"$1.new"; chmod "$2" "$1.new"; mv -T "$1.new" "$1"`;
    await this.run(["sh", "-c", script, "sh", path, mode], { stdin: content });
  }

  async readFile(path: string): Promise<string> {
    return this.run(["cat", path]);
  }

  async natsUrl({ url }: { readonly url: string }): Promise<string> {
    const port = Number(new URL(url).port);
    const opening = this.#ports.get(port) ?? listenInside(this.#yard.inside, port);
    this.#ports.set(port, opening);
    await opening;
    return `nats://198.51.100.1:${port}`;
  }

  async reboot(how: "in order" | "power loss"): Promise<void> {
    const { over } = this.#up();
    if (how === "in order") await this.run(["systemctl", "reboot"]);
    else await writeFile(`/proc/${this.#yard.pid}/root/sys/fs/cgroup/${this.#yard.cgroup}/cgroup.kill`, "1");
    const tooLate = new AbortController();
    const late = sleep(shutdownDeadlineMs, "late", { signal: tooLate.signal }).catch(() => "off");
    const ended = await Promise.race([over, late]);
    tooLate.abort();
    if (ended === "late") throw new Error(`the machine ${this.name} did not shut down within ${shutdownDeadlineMs} ms`);
    await this.start();
  }

  async stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #end(): Promise<void> {
    const ports = await Promise.allSettled(this.#ports.values());
    for (const port of ports) if (port.status === "fulfilled") port.value();
    await this.#yard.close();
    await this.#booted?.over;
  }

  #up(): Boot {
    // Its process ids may be another process's by now.
    if (this.#booted === undefined || this.#booted.isOver()) throw new Error(`the machine ${this.name} is not up`);
    return this.#booted;
  }
}
