import type { SystemdHost } from "../../../capabilities/systemd-host.ts";
import { type Adapter, type HostParts, ofMachine } from "../../linked.ts";
import { SystemdOffering } from "../systemd-offering.ts";

const made = new WeakMap<HostParts, SystemdOffering>();

/** One for all that work with systemd on a host: it holds the connection to the bus. */
export function systemdOf(host: HostParts): SystemdOffering {
  const systemd = made.get(host) ?? new SystemdOffering(host);
  made.set(host, systemd);
  return systemd;
}

export const systemdHost: Adapter<SystemdHost> = (host) => ofMachine(host, "SystemdHost", systemdOf(host));
