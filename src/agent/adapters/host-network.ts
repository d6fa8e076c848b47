import { existsSync, readdirSync } from "node:fs";
import type { FileSystemHost } from "../../capabilities/file-system-host.ts";
import type {
  Attempt,
  InterfaceProfile,
  InterfaceState,
  LiveInterface,
  NetworkConfigurator,
} from "../../capabilities/network-configurator.ts";
import { PortError } from "../../capabilities/port-error.ts";
import { differences } from "../../scores/interface-profile.ts";
import { readKernel, setLink } from "./kernel-interface.ts";
import { KernelMonitor } from "./kernel-monitor.ts";
import type { BackEnd } from "./network-back-end.ts";
import { type Confirming, type Managed, NetworkChange } from "./network-change.ts";
import { NetworkManager } from "./network-manager.ts";
import { NetworkNotes, sha256Of, textOf } from "./network-notes.ts";
import { Networkd } from "./networkd.ts";
import type { Detection, Offering } from "./offering.ts";

export interface HostNetworkOptions {
  readonly files: FileSystemHost;
  /** Whether the server in use answers now, on a connection that is made for the question. */
  readonly reachable: (signal: AbortSignal) => Promise<boolean>;
  /** Where the notes on each interface are: a folder of its own, made if missing. */
  readonly notesPath: string;
  /** Of the system bus; default its well-known socket. */
  readonly address?: string | undefined;
}

/** The network of this Linux machine, kept by NetworkManager or systemd-networkd, whichever has the interface. */
export class HostNetwork implements NetworkConfigurator, Offering<NetworkConfigurator> {
  readonly port: NetworkConfigurator = this;
  readonly #files: FileSystemHost;
  readonly #notes: NetworkNotes;
  readonly #monitor = new KernelMonitor();
  /** In the order in which they are asked. */
  readonly #backEnds: readonly [NetworkManager, Networkd];
  readonly #change: NetworkChange;
  /** The end of the last write: two ways back at once would undo each other. */
  #turn: Promise<void> = Promise.resolve();

  constructor({ files, reachable, notesPath, address }: HostNetworkOptions) {
    this.#files = files;
    this.#notes = new NetworkNotes(notesPath);
    this.#backEnds = [new NetworkManager({ address }), new Networkd({ address, savedIn: notesPath })];
    this.#change = new NetworkChange({
      files,
      notes: this.#notes,
      reachable,
      look: (name, signal) => this.#look(name, signal),
    });
  }

  async detect(signal: AbortSignal): Promise<Detection> {
    try {
      const [networkManager, networkd] = this.#backEnds;
      const versions = {
        networkManager: await networkManager.version(signal),
        networkd: await networkd.version(signal),
      };
      const backEnds = [
        ...(versions.networkManager === null ? [] : [networkManager.name]),
        ...(versions.networkd === null ? [] : [networkd.name]),
      ];
      if (backEnds.length === 0) return NOT_FOUND;
      // Those of containers come and go, and would be news each time.
      const isHardware = (name: string): boolean => existsSync(`/sys/class/net/${name}/device`);
      const interfaces = readdirSync("/sys/class/net").filter(isHardware).toSorted();
      return { _tag: "Found", facts: { backEnds, ...versions, interfaces } };
    } catch {
      return NOT_FOUND;
    }
  }

  close(): void {
    this.#monitor.close();
    for (const backEnd of this.#backEnds) backEnd.close();
  }

  async interface(name: string, signal: AbortSignal): Promise<InterfaceState> {
    const looked = await this.#look(name, signal);
    const { stored, trying, rolledBack } = this.#notes.read(name);
    const backEnd =
      looked._tag === "Managed" ? looked.backEnd : this.#backEnds.find((each) => textOf(each.file(name)) !== null);
    const text = backEnd === undefined ? null : textOf(backEnd.file(name));
    const own = {
      name,
      profile:
        text === null
          ? null
          : {
              id: stored !== null && stored.sha256 === sha256Of(text) ? stored.id : null,
              inEffect: looked._tag === "Managed" && looked.inEffect,
            },
      trying: trying === null ? null : { id: trying.id, attempt: trying.attempt },
      rolledBack,
    };
    if (looked._tag === "Absent") return { ...own, state: "absent" };
    if (looked._tag === "Unmanaged") return { ...own, state: "unmanaged", why: looked.why, next: looked.next };
    return { ...own, state: "managed", ...looked.live };
  }

  watch(name: string, changed: () => void): () => void {
    const stops = [
      this.#monitor.watch(name, changed),
      ...this.#backEnds.map((each) => this.#files.watch(each.file(name), changed)),
    ];
    return () => stops.forEach((stop) => stop());
  }

  async change(
    name: string,
    { profile, id, attempt }: { readonly profile: InterfaceProfile } & Attempt,
    { confirmWithinMs }: Confirming,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#inTurn(async () => {
      const managed = await this.#managed(name, signal);
      const text = managed.backEnd.text(name, profile);
      await this.#change.attempt(managed, { id, attempt }, text, confirmWithinMs, signal, {
        apply: () => this.#change.put(managed.backEnd, name, text, signal),
        lacks: (now) => [...(now.inEffect ? [] : ["the profile is not in effect"]), ...differences(profile, now.live)],
      });
    });
  }

  async repair(
    name: string,
    profile: InterfaceProfile,
    { withinMs }: { readonly withinMs: number },
    signal: AbortSignal,
  ): Promise<void> {
    await this.#inTurn(async () => {
      const { backEnd } = await this.#managed(name, signal);
      await backEnd.repair(name, signal);
      const lacks = await this.#change.wait(
        name,
        (now) => differences(profile, now.live),
        Math.min(withinMs, GENTLY_MS),
        signal,
      );
      if (lacks.length === 0) return;
      // Not by a word of reminder; so it is made to begin anew.
      await backEnd.use(name, signal);
      const left = await this.#change.wait(name, (now) => differences(profile, now.live), withinMs, signal);
      if (left.length > 0) throw notRepaired(name, left);
    });
  }

  async remove(name: string, attempt: number, { confirmWithinMs }: Confirming, signal: AbortSignal): Promise<void> {
    await this.#inTurn(async () => {
      const looked = await this.#look(name, signal);
      const { original } = this.#notes.read(name);
      if (looked._tag !== "Managed" || !looked.inEffect) {
        // Nothing works by it, so nothing can be cut off by its removal.
        for (const each of this.#backEnds) await this.#drop(each, name, signal);
        return this.#notes.forget(name);
      }
      const { backEnd } = looked;
      await this.#change.attempt(looked, { id: "none", attempt }, null, confirmWithinMs, signal, {
        apply: async () => {
          await backEnd.leave(name, { active: original?.active ?? null }, signal);
          if (backEnd.name === "systemd-networkd" && original !== null) await restoreLink(name, original, signal);
        },
        lacks: (now) => (now.inEffect || !now.settled ? ["the profile is still in effect"] : []),
      });
      this.#notes.forget(name);
    });
  }

  async rollBack(name: string, signal: AbortSignal): Promise<void> {
    await this.#inTurn(async () => {
      const { trying } = this.#notes.read(name);
      const backEnd = this.#backEnds.find((each) => each.name === trying?.backEnd);
      if (trying === null || backEnd === undefined) return;
      await this.#change.takeBack(name, backEnd, trying, { isToBlame: true }, signal);
    });
  }

  /** Where the service does not run, the file alone is to go. */
  async #drop(backEnd: BackEnd, name: string, signal: AbortSignal): Promise<void> {
    if (textOf(backEnd.file(name)) === null) return;
    if ((await backEnd.version(signal)) === null) await this.#files.removeFile(backEnd.file(name));
    else await backEnd.leave(name, { active: null }, signal);
  }

  async #managed(name: string, signal: AbortSignal): Promise<Managed> {
    const looked = await this.#look(name, signal);
    if (looked._tag === "Managed") return looked;
    throw new PortError({
      code: looked._tag === "Absent" ? "NotFound" : "Unavailable",
      blame: "device",
      message: looked._tag === "Absent" ? `There is no network interface ${name}.` : `${looked.why}.`,
      next: looked._tag === "Absent" ? "Plug it in, or correct the name." : looked.next,
    });
  }

  async #look(
    name: string,
    signal: AbortSignal,
  ): Promise<
    Managed | { readonly _tag: "Absent" } | { readonly _tag: "Unmanaged"; readonly why: string; readonly next: string }
  > {
    const kernel = await readKernel(name, signal);
    if (kernel === null) return { _tag: "Absent" };
    const refusals: { readonly why: string; readonly next: string }[] = [];
    for (const backEnd of this.#backEnds) {
      const look = await backEnd.look(kernel, signal);
      if (look._tag === "Refuses") refusals.push(look);
      if (look._tag !== "Manages") continue;
      const { mac, mtu, up, carrier, addresses, routes } = kernel;
      const { inEffect, settled, active, dns } = look;
      const live: LiveInterface = { backEnd: backEnd.name, mac, mtu, up, carrier, addresses, routes, dns };
      return { _tag: "Managed", name, backEnd, inEffect, settled, active, live };
    }
    if (refusals.length === 0) return { _tag: "Unmanaged", ...NOBODY };
    const tell = (what: "why" | "next", between: string): string => refusals.map((each) => each[what]).join(between);
    return { _tag: "Unmanaged", why: tell("why", "; "), next: tell("next", " Or: ") };
  }

  async #inTurn(run: () => Promise<void>): Promise<void> {
    const before = this.#turn;
    const own = before.then(run);
    this.#turn = own.catch(() => undefined);
    await own;
  }
}

/** How long a back end is given to set again what it should, before it is made to begin anew. */
const GENTLY_MS = 3000;

const NOT_FOUND: Detection = { _tag: "Absent", reason: "NetworkManager or systemd-networkd not found" };
const NOBODY = {
  why: "neither NetworkManager nor systemd-networkd runs on this device",
  next: "Start one of them (systemctl enable --now systemd-networkd), or take the Score out.",
};

/** What systemd-networkd leaves as it was on a link that it does not manage any more. */
async function restoreLink(
  name: string,
  { mac, mtu, up }: { readonly mac: string; readonly mtu: number; readonly up: boolean },
  signal: AbortSignal,
): Promise<void> {
  await setLink(name, ["address", mac, "mtu", String(mtu), ...(up ? [] : ["down"])], signal);
}

const notRepaired = (name: string, lacks: readonly string[]): PortError =>
  new PortError({
    code: "Failed",
    blame: "device",
    message: `${name} was set again, and still ${lacks.join("; ")}.`,
    next: `Look for what else changes ${name} on the device.`,
  });
