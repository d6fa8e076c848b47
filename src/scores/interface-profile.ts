import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { match } from "ts-pattern";
import type { InterfaceProfile, InterfaceRoute, LiveInterface } from "../capabilities/network-configurator.ts";
import { isIpv6Text } from "./ip-addresses.ts";

/** The id of a profile: the hash of its canonical spelling, so that two spellings of the same wishes have one id. */
export const profileId = ({ ipv4, ipv6, routes, dns, mac, mtu }: InterfaceProfile): string => {
  const family = (of: InterfaceProfile["ipv4"] | InterfaceProfile["ipv6"]): unknown =>
    of.method === "static" ? [of.method, of.addresses, of.gateway] : [of.method];
  const plain = [family(ipv4), family(ipv6), routes.map(({ to, via, metric }) => [to, via, metric]), dns, mac, mtu];
  return bytesToHex(sha256(utf8ToBytes(JSON.stringify(plain))));
};

/**
 * What is on the interface and is not as the profile wants it: half sentences for people; none when all is well.
 *
 * Addresses and routes beyond those wanted are left alone: a cluster's floating address, a tunnel's route. Name servers
 * are one list, so they are compared whole.
 */
export function differences(wanted: InterfaceProfile, live: LiveInterface): readonly string[] {
  const found: string[] = [];
  const addresses = new Map(live.addresses.map(({ address, origin }) => [address, origin]));
  if (!live.up) found.push("the link is down");
  if (wanted.mac !== null && wanted.mac !== live.mac) found.push(`the MAC address is ${live.mac}`);
  if (wanted.mtu !== null && wanted.mtu !== live.mtu) found.push(`the MTU is ${live.mtu}`);
  const missing = staticAddresses(wanted).filter((address) => !addresses.has(address));
  found.push(...missing.map((address) => `${address} is missing`));
  const leased = (address: string, origin: string): boolean => origin === "dhcp" && !isIpv6Text(address);
  if (wanted.ipv4.method === "dhcp" && ![...addresses].some(([address, origin]) => leased(address, origin))) {
    found.push("there is no address by DHCP");
  }
  for (const route of routesOf(wanted)) {
    if (!live.routes.some((there) => isSuch(there, route))) found.push(`the route ${told(route)} is missing`);
  }
  // Of one address to the next nothing is said by their order, once the list has been shared between the families.
  const same = wanted.dns.toSorted().join() === live.dns.toSorted().join();
  if (wanted.dns.length > 0 && !same) found.push(`the name servers are ${live.dns.join(", ") || "none"}`);
  return found;
}

/** The addresses that the profile itself names. */
export const staticAddresses = ({ ipv4, ipv6 }: InterfaceProfile): readonly string[] =>
  [ipv4, ipv6].flatMap((of) => (of.method === "static" ? of.addresses : []));

/** All routes that the profile itself names: those to its gateways are routes like others. */
const routesOf = ({ ipv4, ipv6, routes }: InterfaceProfile): readonly InterfaceRoute[] => [
  ...[ipv4, ipv6].flatMap((of) =>
    match(of)
      .with({ method: "static" }, ({ gateway }) =>
        gateway === null ? [] : [{ to: isIpv6Text(gateway) ? "::/0" : "0.0.0.0/0", via: gateway, metric: null }],
      )
      .otherwise(() => []),
  ),
  ...routes,
];

const isSuch = (there: InterfaceRoute, { to, via, metric }: InterfaceRoute): boolean =>
  there.to === to && there.via === via && (metric === null || there.metric === metric);

const told = ({ to, via }: InterfaceRoute): string => (via === null ? to : `${to} via ${via}`);
