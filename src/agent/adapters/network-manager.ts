import { rmSync } from "node:fs";
import * as z from "zod";
import type { InterfaceProfile } from "../../capabilities/network-configurator.ts";
import { PortError } from "../../capabilities/port-error.ts";
import { addressOfBytes, canonical } from "../../scores/ip-addresses.ts";
import { answered, ObjectPath } from "./bus-answer.ts";
import { type KernelInterface, setLink } from "./kernel-interface.ts";
import type { BackEnd, Before, Look } from "./network-back-end.ts";
import { busNameOf, NetworkBus } from "./network-bus.ts";
import { networkManagerText, networkManagerUuid } from "./network-manager-profile.ts";

const NM = "org.freedesktop.NetworkManager";
const ROOT = "/org/freedesktop/NetworkManager";
const SETTINGS = `${ROOT}/Settings`;
/** The path that stands for no object. */
const NONE = "/";

/** Kinds of devices that an Ethernet profile fits: Ethernet and veth. Wi-Fi needs secrets, the others masters or modes. */
const ETHERNET: ReadonlySet<number> = new Set([1, 20]);
/** Of a device: nothing more is to come by itself. */
const SETTLED: ReadonlySet<number> = new Set([10, 20, 30, 100, 120]);
/** With a rollback, profiles that were made meanwhile are removed. */
const DELETE_NEW_CONNECTIONS = 2;

/**
 * NetworkManager. Its profile is a keyfile of its own; the way back is a checkpoint, which NetworkManager itself goes back
 * to when its time is over.
 */
export class NetworkManager implements BackEnd {
  readonly name = "NetworkManager";
  readonly mode = "0600";
  readonly #bus: NetworkBus;

  constructor(options: { readonly address?: string | undefined } = {}) {
    this.#bus = new NetworkBus(NM, { path: ROOT, interface: NM }, options.address);
  }

  async version(signal: AbortSignal): Promise<string | null> {
    return (await this.#bus.runs(signal)) ? this.#bus.get(ROOT, NM, "Version", z.string(), signal) : null;
  }

  async look({ name }: KernelInterface, signal: AbortSignal): Promise<Look> {
    if (!(await this.#bus.runs(signal))) return { _tag: "NotRunning" };
    const device = await this.#device(name, signal).catch((error: unknown) => {
      if (busNameOf(error).endsWith(".UnknownDevice")) return null;
      throw error;
    });
    if (device === null) return refusal(name, "does not know", "Look at what NetworkManager says: nmcli device.");
    const get = <T>(property: string, schema: z.ZodType<T>): Promise<T> =>
      this.#bus.get(device, `${NM}.Device`, property, schema, signal);
    const [managed, type, state, active, ip4, ip6] = await Promise.all([
      get("Managed", z.boolean()),
      get("DeviceType", z.number()),
      get("State", z.number()),
      get("ActiveConnection", z.string()),
      get("Ip4Config", z.string()),
      get("Ip6Config", z.string()),
    ]);
    if (!managed) return refusal(name, "leaves alone", `Let it: nmcli device set ${name} managed yes.`);
    if (!ETHERNET.has(type)) {
      return refusal(
        name,
        "holds to be no wired one",
        "Name a wired interface: others need secrets or parts of their own.",
      );
    }
    const [uuid, dns4, dns6] = await Promise.all([
      active === NONE ? null : this.#bus.get(active, `${NM}.Connection.Active`, "Uuid", z.string(), signal),
      ip4 === NONE ? [] : this.#bus.get(ip4, `${NM}.IP4Config`, "NameserverData", NameServers, signal),
      ip6 === NONE ? [] : this.#bus.get(ip6, `${NM}.IP6Config`, "Nameservers", z.array(Bytes), signal),
    ]);
    return {
      _tag: "Manages",
      inEffect: uuid === networkManagerUuid(name),
      active: uuid,
      dns: [...dns4.map(({ address }) => canonical(address)), ...dns6.map(addressOfBytes)],
      settled: SETTLED.has(state),
    };
  }

  file(name: string): string {
    return `/etc/NetworkManager/system-connections/harmony-${name}.nmconnection`;
  }

  text(name: string, profile: InterfaceProfile): string {
    return networkManagerText(name, profile);
  }

  async arm(name: string, _before: Before, seconds: number, signal: AbortSignal): Promise<string> {
    const device = await this.#device(name, signal);
    const body = [[device], seconds, DELETE_NEW_CONNECTIONS];
    const doing = `Arming the way back of ${name}`;
    return answered(ObjectPath, await this.#bus.ask("CheckpointCreate", "aouu", body, doing, signal), doing);
  }

  async disarm(name: string, checkpoint: string, signal: AbortSignal): Promise<boolean> {
    return this.#checkpoint("CheckpointDestroy", checkpoint, `Confirming ${name}`, signal);
  }

  async fire(name: string, checkpoint: string, signal: AbortSignal): Promise<boolean> {
    // After a restart of NetworkManager the same path may be another one's checkpoint, of another interface.
    const devices = await this.#bus
      .get(checkpoint, `${NM}.Checkpoint`, "Devices", z.array(z.string()), signal)
      .catch((): readonly string[] => []);
    const own = await this.#device(name, signal).catch(() => NONE);
    if (!devices.includes(own)) return false;
    return this.#checkpoint("CheckpointRollback", checkpoint, `Taking back the change of ${name}`, signal);
  }

  async use(name: string, signal: AbortSignal): Promise<void> {
    const file = this.file(name);
    const call = { path: SETTINGS, interface: `${NM}.Settings`, member: "LoadConnections" };
    const loading = `Having NetworkManager read ${file}`;
    const told = await this.#bus.call({ ...call, signature: "as", body: [[file]] }, loading, signal);
    const [, failed] = answered(z.tuple([z.boolean(), z.array(z.string())]), told, loading);
    if (failed.length > 0) throw notUnderstood(file);
    const connection = await this.#connection(networkManagerUuid(name), signal);
    if (connection === null) throw notUnderstood(file);
    await this.#activate(connection, name, signal);
  }

  async leave(name: string, { active }: Pick<Before, "active">, signal: AbortSignal): Promise<void> {
    const own = await this.#connection(networkManagerUuid(name), signal);
    if (own !== null) {
      const call = { path: own, interface: `${NM}.Settings.Connection`, member: "Delete" };
      await this.#bus.call(call, `Removing the profile of ${name}`, signal);
    }
    rmSync(this.file(name), { force: true });
    // What may start by itself does; what somebody started by hand is started again.
    const before = active === null ? null : await this.#connection(active, signal);
    if (before !== null) await this.#activate(before, name, signal);
  }

  async repair(name: string, signal: AbortSignal): Promise<void> {
    // It neither notices nor repairs that somebody switched the link off.
    await setLink(name, ["up"], signal);
    const device = await this.#device(name, signal);
    const call = {
      path: device,
      interface: `${NM}.Device`,
      member: "Reapply",
      signature: "a{sa{sv}}tu",
      body: [[], 0, 0],
    };
    await this.#bus.call(call, `Having NetworkManager set ${name} again`, signal);
  }

  close(): void {
    this.#bus.close();
  }

  async #activate(connection: string, name: string, signal: AbortSignal): Promise<void> {
    await setLink(name, ["up"], signal);
    const device = await this.#device(name, signal);
    await this.#bus.ask(
      "ActivateConnection",
      "ooo",
      [connection, device, NONE],
      `Activating a profile on ${name}`,
      signal,
    );
  }

  async #device(name: string, signal: AbortSignal): Promise<string> {
    const doing = `Asking NetworkManager for ${name}`;
    return answered(ObjectPath, await this.#bus.ask("GetDeviceByIpIface", "s", [name], doing, signal), doing);
  }

  /** The path of a stored profile; null where there is none. */
  async #connection(uuid: string, signal: AbortSignal): Promise<string | null> {
    const call = {
      path: SETTINGS,
      interface: `${NM}.Settings`,
      member: "GetConnectionByUuid",
      signature: "s",
      body: [uuid],
    };
    try {
      const doing = "Asking NetworkManager for a profile";
      return answered(ObjectPath, await this.#bus.call(call, doing, signal), doing);
    } catch (error) {
      if (busNameOf(error).endsWith(".InvalidConnection")) return null;
      throw error;
    }
  }

  /** False where there is no such checkpoint any more. */
  async #checkpoint(member: string, checkpoint: string, doing: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#bus.ask(member, "o", [checkpoint], doing, signal);
      return true;
    } catch (error) {
      if (busNameOf(error).startsWith(NM)) return false;
      throw error;
    }
  }
}

const Bytes = z.union([z.array(z.number()), z.instanceof(Uint8Array).transform((bytes) => [...bytes])]);
const NameServers = z.array(z.object({ address: z.string() }));

const refusal = (name: string, does: string, next: string): Look => ({
  _tag: "Refuses",
  why: `${name} is an interface that NetworkManager ${does}`,
  next,
});

const notUnderstood = (file: string): PortError =>
  new PortError({
    code: "Invalid",
    blame: "author",
    message: `NetworkManager does not accept ${file}.`,
    next: "Read what it says: journalctl --unit NetworkManager --lines 50; then correct the Score.",
  });
