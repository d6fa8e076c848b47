import { match } from "ts-pattern";
import type { InterfaceProfile } from "../../capabilities/network-configurator.ts";
import { staticAddresses } from "../../scores/interface-profile.ts";
import { isIpv6Text } from "../../scores/ip-addresses.ts";
import { type Section, unitText } from "../../scores/unit-text.ts";

/** The profile as systemd-networkd reads it. Pure. Values are addresses and numbers, in which nothing needs quoting. */
export const networkdText = (name: string, profile: InterfaceProfile): string =>
  `# Made by harmony-edge, and made anew when it is changed.\n${unitText([
    ["Match", [["Name", name]]],
    [
      "Link",
      [
        ...(profile.mac === null ? [] : [["MACAddress", profile.mac] as const]),
        ...(profile.mtu === null ? [] : [["MTUBytes", String(profile.mtu)] as const]),
      ],
    ],
    ["Network", network(profile)],
    ...profile.routes.map(({ to, via, metric }): Section => [
      "Route",
      [
        ["Destination", to],
        ...(via === null ? [] : [["Gateway", via] as const]),
        ...(metric === null ? [] : [["Metric", String(metric)] as const]),
      ],
    ]),
    // Name servers of one's own are in the place of those that the network announces.
    ...(profile.dns.length === 0
      ? []
      : ["DHCPv4", "DHCPv6", "IPv6AcceptRA"].map((section): Section => [section, [["UseDNS", "no"]]])),
  ])}`;

const network = (profile: InterfaceProfile): readonly (readonly [string, string])[] => {
  const { ipv4, ipv6, dns } = profile;
  const gateways = [ipv4, ipv6].flatMap((of) => (of.method === "static" && of.gateway !== null ? [of.gateway] : []));
  // Without this a family that is off would still come up by what the kernel and routers make of themselves.
  const local = ipv6.method === "off" ? "no" : "ipv6";
  return [
    ["DHCP", ipv4.method === "dhcp" ? "ipv4" : "no"],
    ["LinkLocalAddressing", local],
    [
      "IPv6AcceptRA",
      match(ipv6.method)
        .with("auto", () => "yes")
        .with("static", "link-local", "off", () => "no")
        .exhaustive(),
    ],
    ...staticAddresses(profile).map((address) => ["Address", address] as const),
    ...gateways.toSorted((a, b) => Number(isIpv6Text(a)) - Number(isIpv6Text(b))).map((by) => ["Gateway", by] as const),
    ...dns.map((server) => ["DNS", server] as const),
  ];
};
