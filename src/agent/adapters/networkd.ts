import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import type { InterfaceProfile } from "../../capabilities/network-configurator.ts";
import { PortError } from "../../capabilities/port-error.ts";
import { addressOfBytes } from "../../scores/ip-addresses.ts";
import { answered } from "./bus-answer.ts";
import { runCommand } from "./command.ts";
import { jsonIn } from "./json-text.ts";
import type { KernelInterface } from "./kernel-interface.ts";
import type { BackEnd, Before, Look } from "./network-back-end.ts";
import { NetworkBus } from "./network-bus.ts";
import { networkdText } from "./networkd-profile.ts";

const ROOT = "/org/freedesktop/network1";
const MANAGER = "org.freedesktop.network1.Manager";
const COMMAND_MS = 10_000;

/** Of what DescribeLink tells. */
const Link = z.object({
  AdministrativeState: z.string(),
  NetworkFile: z.string().optional(),
  DNS: z.array(z.object({ Address: z.array(z.number()) })).default([]),
});

/**
 * systemd-networkd. Its profile is a file that sorts before those of administrators. It knows no way back, so one is armed
 * as a timer of systemd, which restores the file and has it read again.
 */
export class Networkd implements BackEnd {
  readonly name = "systemd-networkd";
  readonly mode = "0644";
  readonly #bus: NetworkBus;
  readonly #savedIn: string;

  constructor(options: {
    readonly address?: string | undefined;
    /** Where the file that is to come back is kept meanwhile. */
    readonly savedIn: string;
  }) {
    this.#bus = new NetworkBus("org.freedesktop.network1", { path: ROOT, interface: MANAGER }, options.address);
    this.#savedIn = options.savedIn;
  }

  async version(signal: AbortSignal): Promise<string | null> {
    if (!(await this.#bus.runs(signal))) return null;
    const ran = await runCommand({ argv: ["networkctl", "--version"], signal, timeoutMs: COMMAND_MS });
    return (ran._tag === "Ended" ? /^systemd (\d+)/.exec(ran.stdout)?.[1] : undefined) ?? "unknown";
  }

  async look({ name, index, addresses }: KernelInterface, signal: AbortSignal): Promise<Look> {
    if (!(await this.#bus.runs(signal))) return { _tag: "NotRunning" };
    const doing = `Asking systemd-networkd for ${name}`;
    const described = await this.#bus.ask("DescribeLink", "i", [index], doing, signal);
    const link = answered(Link, jsonIn(answered(z.string(), described, doing)), doing);
    const isUnmanaged = link.AdministrativeState === "unmanaged";
    const mayBeTaken = link.NetworkFile === undefined && addresses.every(({ origin }) => origin === "link-local");
    if (isUnmanaged && !mayBeTaken) {
      return {
        _tag: "Refuses",
        why: `${name} is configured by something else than systemd-networkd, or is marked as unmanaged there`,
        next: `Look at "networkctl status ${name}" and /etc/network/interfaces, and leave the interface to systemd-networkd.`,
      };
    }
    return {
      _tag: "Manages",
      inEffect: link.NetworkFile === this.file(name),
      active: link.NetworkFile ?? null,
      dns: link.DNS.map(({ Address }) => addressOfBytes(Address)),
      settled: !["pending", "initialized", "configuring"].includes(link.AdministrativeState),
    };
  }

  file(name: string): string {
    return `/etc/systemd/network/05-harmony-${name}.network`;
  }

  text(name: string, profile: InterfaceProfile): string {
    return networkdText(name, profile);
  }

  async arm(name: string, { text, mac, mtu }: Before, seconds: number, signal: AbortSignal): Promise<string> {
    const unit = `harmony-network-${name}`;
    await this.#run(["systemctl", "stop", `${unit}.timer`], signal, { mayFail: true });
    const saved = join(this.#savedIn, `${name}.network`);
    if (text !== null) {
      mkdirSync(this.#savedIn, { recursive: true, mode: 0o700 });
      writeFileSync(saved, text, { mode: 0o644 });
    }
    const back = text === null ? `rm -f ${this.file(name)}` : `cp ${saved} ${this.file(name)}`;
    await this.#run(
      [
        "systemd-run",
        ...["--quiet", "--collect", `--unit=${unit}`],
        ...[`--on-active=${seconds}s`, "--timer-property=AccuracySec=100ms", "--property=Type=oneshot"],
        `--property=ExecStartPre=${back}`,
        // A link that nobody manages any more keeps what was set.
        `--property=ExecStartPost=-networkctl reconfigure ${name}`,
        `--property=ExecStartPost=-ip link set dev ${name} mtu ${mtu} address ${mac}`,
        ...["networkctl", "reload"],
      ],
      signal,
    );
    return unit;
  }

  async disarm(name: string, unit: string, signal: AbortSignal): Promise<boolean> {
    const isActive = await this.#run(["systemctl", "is-active", `${unit}.timer`], signal, { mayFail: true });
    await this.#run(["systemctl", "stop", `${unit}.timer`], signal, { mayFail: true });
    const hasRun = await this.#run(["systemctl", "is-active", `${unit}.service`], signal, { mayFail: true });
    rmSync(join(this.#savedIn, `${name}.network`), { force: true });
    return isActive === "active" && hasRun === "inactive";
  }

  async fire(name: string, unit: string, signal: AbortSignal): Promise<boolean> {
    await this.disarm(name, unit, signal);
    return false;
  }

  async use(name: string, signal: AbortSignal): Promise<void> {
    await this.#bus.ask("Reload", "", [], "Having systemd-networkd read its files", signal);
    await this.repair(name, signal);
  }

  async leave(name: string, _before: Pick<Before, "active">, signal: AbortSignal): Promise<void> {
    rmSync(this.file(name), { force: true });
    await this.#bus.ask("Reload", "", [], "Having systemd-networkd read its files", signal);
  }

  async repair(name: string, signal: AbortSignal): Promise<void> {
    const doing = `Asking systemd-networkd for ${name}`;
    const described = await this.#bus.ask("GetLinkByName", "s", [name], doing, signal);
    const [index] = answered(z.tuple([z.number()], z.unknown()), described, doing);
    // Those that somebody set past all files would stay for as long as the link is there.
    await this.#bus.ask(
      "RevertLinkDNS",
      "i",
      [index],
      `Having systemd-networkd forget name servers of ${name}`,
      signal,
    );
    await this.#bus.ask("ReconfigureLink", "i", [index], `Having systemd-networkd configure ${name}`, signal);
  }

  close(): void {
    this.#bus.close();
  }

  /** What it prints. */
  async #run(
    [program, ...args]: readonly [string, ...string[]],
    signal: AbortSignal,
    { mayFail = false } = {},
  ): Promise<string> {
    const ran = await runCommand({ argv: [program, ...args], signal, timeoutMs: COMMAND_MS });
    if (ran._tag === "Ended" && !ran.timedOut && (ran.code === 0 || mayFail)) return ran.stdout.trim();
    throw new PortError({
      code: "Failed",
      blame: "device",
      message: `${program} failed: ${ran._tag === "Ended" ? ran.stderr.trim() || "it took too long" : ran._tag}.`,
      next: "Run it on the device to see why; nothing is changed before the way back is armed.",
    });
  }
}
