import { createHash } from "node:crypto";
import { match } from "ts-pattern";
import type { InterfaceProfile, InterfaceRoute } from "../../capabilities/network-configurator.ts";
import { isIpv6Text } from "../../scores/ip-addresses.ts";

/** The name by which NetworkManager knows the profile: always the same for one interface, on every host. */
export function networkManagerUuid(name: string): string {
  const hex = createHash("sha256").update(`harmony-edge:interface:${name}`).digest("hex");
  // Marked as one that is made from a name (version 8, "custom").
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The profile as a keyfile of NetworkManager. Pure. Values are addresses and numbers, in which nothing needs quoting. */
export const networkManagerText = (name: string, profile: InterfaceProfile): string =>
  [
    [
      "[connection]",
      `id=harmony-${name}`,
      `uuid=${networkManagerUuid(name)}`,
      "type=ethernet",
      `interface-name=${name}`,
    ],
    // Before all others, when NetworkManager chooses at boot; others have 0 unless somebody said more.
    ["autoconnect-priority=900"],
    ethernet(profile),
    ["", "[ipv4]", ...family(profile, "ipv4")],
    ["", "[ipv6]", ...family(profile, "ipv6")],
    [""],
  ]
    .flat()
    .join("\n");

const ethernet = ({ mac, mtu }: InterfaceProfile): readonly string[] => [
  "",
  "[ethernet]",
  ...(mac === null ? [] : [`cloned-mac-address=${mac}`]),
  ...(mtu === null ? [] : [`mtu=${mtu}`]),
];

function family(profile: InterfaceProfile, which: "ipv4" | "ipv6"): readonly string[] {
  const of = profile[which];
  const isOurs = (address: string): boolean => isIpv6Text(address) === (which === "ipv6");
  const addresses = of.method === "static" ? of.addresses : [];
  const gateway = of.method === "static" && of.gateway !== null ? [`gateway=${of.gateway}`] : [];
  const dns = profile.dns.filter(isOurs);
  const method = match(of.method)
    .with("static", () => "manual")
    .with("dhcp", "auto", () => "auto")
    .with("link-local", () => "link-local")
    .with("off", () => "disabled")
    .exhaustive();
  return [
    `method=${method}`,
    ...addresses.map((address, at) => `address${at + 1}=${address}`),
    ...gateway,
    ...profile.routes.filter(({ to }) => isOurs(to)).map((each, at) => `route${at + 1}=${routeText(each)}`),
    // An interface that is off, or knows only its own link, has no name servers of that family.
    ...(dns.length === 0 || method === "disabled" ? [] : [`dns=${dns.map((server) => `${server};`).join("")}`]),
    // Name servers of one's own are in the place of those that the network announces, also of the other family.
    ...(profile.dns.length === 0 || method !== "auto" ? [] : ["ignore-auto-dns=true"]),
  ];
}

const routeText = ({ to, via, metric }: InterfaceRoute): string => {
  const by = via ?? (metric === null ? null : isIpv6Text(to) ? "::" : "0.0.0.0");
  return [to, ...(by === null ? [] : [by]), ...(metric === null ? [] : [String(metric)])].join(",");
};
