import * as z from "zod";
import type { InterfaceProfile } from "../capabilities/network-configurator.ts";
import {
  canonical,
  canonicalMac,
  Cidr,
  IpAddress,
  Ipv4Address,
  Ipv4Interface,
  Ipv6Address,
  Ipv6Interface,
  isIpv6Text,
  isLinkLocal,
  isOnLink,
  MacAddress,
} from "./ip-addresses.ts";
import type { Frozen } from "./spec.ts";

/** The spec of a NetworkInterface. */
export const InterfaceSpec = z
  .strictObject({
    /** The interface's name: `"eth0"`. */
    name: z
      .string()
      .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/, 'an interface has a name of 1 to 15 characters, such as "eth0"')
      .refine((name) => name !== "lo", "the loopback interface is the system's own"),
    /** How it comes to its IPv4 addresses. */
    ipv4: z.discriminatedUnion("method", [
      z.strictObject({
        /** `static`: these addresses; `dhcp`: as a server says; `off`: no IPv4 at all. */
        method: z.literal("static"),
        /** With the length of the network's prefix: `"192.0.2.7/24"`. */
        addresses: z.array(Ipv4Interface).min(1).max(16),
        /** Default: none, so that it leads to its own networks alone. */
        gateway: Ipv4Address.optional(),
      }),
      z.strictObject({ method: z.literal("dhcp") }),
      z.strictObject({ method: z.literal("off") }),
    ]),
    /** Default: what routers on the link announce (`auto`). */
    ipv6: z
      .discriminatedUnion("method", [
        z.strictObject({
          /** `static`: these addresses; `auto`: what routers announce; `link-local`: that alone; `off`: no IPv6 at all. */
          method: z.literal("static"),
          /** With the length of the network's prefix: `"2001:db8::7/64"`. */
          addresses: z.array(Ipv6Interface).min(1).max(16),
          /** Default: none. */
          gateway: Ipv6Address.optional(),
        }),
        z.strictObject({ method: z.literal("auto") }),
        z.strictObject({ method: z.literal("link-local") }),
        z.strictObject({ method: z.literal("off") }),
      ])
      .default({ method: "auto" }),
    /** Further routes. Default none. */
    routes: z
      .array(
        z.strictObject({
          /** The network that it leads to: `"198.51.100.0/24"`. */
          to: Cidr,
          /** Default: what is on the link itself. */
          via: IpAddress.optional(),
          /** The smaller goes first. Default: as the host chooses. */
          metric: z.number().int().min(1).max(2_147_483_647).optional(),
        }),
      )
      .max(64)
      .default([]),
    /** Name servers for what goes by this interface. Default: those that the network announces. */
    dns: z.array(IpAddress).max(8).default([]),
    /** Default: the device's own. */
    mac: MacAddress.optional(),
    /** Bytes of the largest packet. Default: the device's own. */
    mtu: z.number().int().min(576).max(65_535).optional(),
    /** Seconds within which the agent must reach its server after a change, or the change is taken back. Default 30. */
    confirmWithinSeconds: z.number().int().min(5).max(120).default(30),
    /** Raise it to have the same settings tried once more after they were taken back. Default 1. */
    attempt: z.number().int().min(1).max(1_000_000).default(1),
  })
  .superRefine(({ ipv4, ipv6, routes, dns, mtu }, context) => {
    const refuse = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: "custom", path, message });
    for (const [family, of] of [
      ["ipv4", ipv4],
      ["ipv6", ipv6],
    ] as const) {
      if (of.method !== "static") continue;
      const { addresses, gateway } = of;
      if (new Set(addresses.map(canonical)).size < addresses.length) {
        refuse([family, "addresses"], "an address is there twice");
      }
      if (gateway === undefined || (isIpv6Text(gateway) && isLinkLocal(gateway))) continue;
      if (!addresses.some((address) => isOnLink(gateway, address))) {
        refuse([family, "gateway"], "the gateway is in none of the interface's own networks");
      }
    }
    for (const [at, { to, via }] of routes.entries()) {
      if (via !== undefined && isIpv6Text(to) !== isIpv6Text(via)) {
        refuse(["routes", at, "via"], "a route goes by a router of its own family");
      }
      const family = isIpv6Text(to) ? ipv6 : ipv4;
      if (family.method === "off") refuse(["routes", at, "to"], "this family of addresses is off");
    }
    for (const [at, server] of dns.entries()) {
      const { method } = isIpv6Text(server) ? ipv6 : ipv4;
      if (method === "off" || method === "link-local") {
        refuse(
          ["dns", at],
          "no name server of this family can be reached: the interface has no address of it to speak of",
        );
      }
    }
    if (mtu !== undefined && mtu < 1280 && ipv6.method !== "off") {
      refuse(["mtu"], 'IPv6 needs an MTU of 1280: raise it, or set ipv6 to { method: "off" }');
    }
    if (ipv4.method === "off" && ipv6.method === "off") {
      refuse(["ipv4"], "an interface without any addresses is of no use");
    }
  });

export type InterfaceSpec = Frozen<z.infer<typeof InterfaceSpec>>;

/** Made once for each spec, which never changes: each look compares by it. */
const profiles = new WeakMap<InterfaceSpec, InterfaceProfile>();

/** The same wishes in their canonical spelling. */
export function profileOf(wanted: InterfaceSpec): InterfaceProfile {
  const known = profiles.get(wanted);
  if (known !== undefined) return known;
  const { ipv4, ipv6, routes, dns, mac, mtu } = wanted;
  const profile: InterfaceProfile = {
    ipv4: ipv4.method === "static" ? spelt(ipv4) : ipv4,
    ipv6: ipv6.method === "static" ? spelt(ipv6) : ipv6,
    routes: routes.map(({ to, via, metric }) => ({
      to: canonical(to),
      via: via === undefined ? null : canonical(via),
      metric: metric ?? null,
    })),
    dns: dns.map(canonical),
    mac: mac === undefined ? null : canonicalMac(mac),
    mtu: mtu ?? null,
  };
  profiles.set(wanted, profile);
  return profile;
}

const spelt = ({
  addresses,
  gateway,
}: {
  readonly addresses: readonly string[];
  readonly gateway?: string | undefined;
}) => ({
  method: "static" as const,
  addresses: addresses.map(canonical),
  gateway: gateway === undefined ? null : canonical(gateway),
});
