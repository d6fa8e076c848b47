import type { FakeLive } from "../../../src/testing/fake-network-configurator.ts";
import type { InterfaceSite } from "../../../src/testing/network-interface-world.ts";

/** What the world of interfaces has on the systemd-networkd of this machine: specs, and what each of them is in a file there. */

const MAC = "02:00:5e:00:53:01";
const BARE: FakeLive = { up: true, mac: MAC, mtu: 1500, addresses: [], leased: false, routes: [], dns: [] };
const PLAIN = { ipv6: { method: "off" }, routes: [], dns: [], mac: null, mtu: null } as const;

const FIRST = { method: "static", addresses: ["198.18.0.2/24"], gateway: null } as const;
const SECOND = { method: "static", addresses: ["198.18.1.2/24", "198.18.1.3/24"], gateway: "198.18.1.1" } as const;
const THEIRS = { method: "static", addresses: ["203.0.113.9/24"], gateway: "203.0.113.1" } as const;
const AROUND = { method: "static", addresses: ["198.18.9.9/24"], gateway: null } as const;

/** A name server that somebody sets on the link itself. */
export const TOLD = "192.0.2.53";

/**
 * No spec of it wants DHCP, because nobody on the machine gives addresses; and nobody adds an address of his own, which
 * systemd-networkd may keep when the link changes hands.
 */
export const SITE: InterfaceSite = {
  written: [
    {
      spec: { name: "edge0", ipv4: { method: "static", addresses: ["198.18.0.2/24"] } },
      profile: { ...PLAIN, ipv4: FIRST, ipv6: { method: "auto" } },
      live: { ...BARE, addresses: ["198.18.0.2/24"] },
    },
    {
      spec: {
        name: "edge1",
        ipv4: { method: "static", addresses: ["198.18.1.2/24", "198.18.1.3/24"], gateway: "198.18.1.1" },
        ipv6: { method: "static", addresses: ["2001:DB8:0::2/64"] },
        routes: [
          { to: "192.0.2.0/24", via: "198.18.1.7", metric: 50 },
          { to: "2001:db8:1::/48", via: "2001:db8::1" },
        ],
        dns: ["198.18.1.1", "2001:DB8::0053"],
        mac: "02-00-5E-00-53-FF",
        mtu: 1400,
        confirmWithinSeconds: 60,
        attempt: 2,
      },
      profile: {
        ipv4: SECOND,
        ipv6: { method: "static", addresses: ["2001:db8::2/64"], gateway: null },
        routes: [
          { to: "192.0.2.0/24", via: "198.18.1.7", metric: 50 },
          { to: "2001:db8:1::/48", via: "2001:db8::1", metric: null },
        ],
        dns: ["198.18.1.1", "2001:db8::53"],
        mac: "02:00:5e:00:53:ff",
        mtu: 1400,
      },
      live: {
        up: true,
        mac: "02:00:5e:00:53:ff",
        mtu: 1400,
        addresses: ["198.18.1.2/24", "198.18.1.3/24", "2001:db8::2/64"],
        leased: false,
        routes: [
          { to: "0.0.0.0/0", via: "198.18.1.1", metric: null },
          { to: "192.0.2.0/24", via: "198.18.1.7", metric: 50 },
          { to: "2001:db8:1::/48", via: "2001:db8::1", metric: null },
        ],
        dns: ["198.18.1.1", "2001:db8::53"],
      },
    },
  ],
  bare: BARE,
  theirs: {
    profile: { ...PLAIN, ipv4: THEIRS },
    live: {
      ...BARE,
      addresses: ["203.0.113.9/24"],
      routes: [{ to: "0.0.0.0/0", via: "203.0.113.1", metric: null }],
    },
  },
  around: { wlan0: { theirs: { ...PLAIN, ipv4: AROUND } } },
  disturbed: [
    {},
    { addresses: [] },
    { up: false },
    { mtu: 1300 },
    { mac: "02:00:5e:00:53:ee" },
    { routes: [] },
    { dns: [TOLD] },
  ],
};

const MADE = "# Made by harmony-edge, and made anew when it is changed.";
const NO_DNS = "[DHCPv4]\nUseDNS=no\n[DHCPv6]\nUseDNS=no\n[IPv6AcceptRA]\nUseDNS=no";

/** Harmony's own files, without empty lines: what each profile is to systemd-networkd, in its own language. */
export const OWN_TEXTS: readonly (readonly [profile: InterfaceSite["theirs"]["profile"], text: string])[] = [
  [
    SITE.written[0].profile,
    `${MADE}\n[Match]\nName=edge0\n[Network]\nDHCP=no\nLinkLocalAddressing=ipv6\nIPv6AcceptRA=yes\nAddress=198.18.0.2/24`,
  ],
  ...SITE.written
    .slice(1)
    .map(
      ({ profile }) =>
        [
          profile,
          `${MADE}\n[Match]\nName=edge1\n[Link]\nMACAddress=02:00:5e:00:53:ff\nMTUBytes=1400\n` +
            "[Network]\nDHCP=no\nLinkLocalAddressing=ipv6\nIPv6AcceptRA=no\n" +
            "Address=198.18.1.2/24\nAddress=198.18.1.3/24\nAddress=2001:db8::2/64\n" +
            "Gateway=198.18.1.1\nDNS=198.18.1.1\nDNS=2001:db8::53\n" +
            "[Route]\nDestination=192.0.2.0/24\nGateway=198.18.1.7\nMetric=50\n" +
            `[Route]\nDestination=2001:db8:1::/48\nGateway=2001:db8::1\n${NO_DNS}`,
        ] as const,
    ),
  ...["edge0", "edge1"].map(
    (name) =>
      [
        SITE.theirs.profile,
        `${MADE}\n[Match]\nName=${name}\n[Network]\nDHCP=no\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n` +
          "Address=203.0.113.9/24\nGateway=203.0.113.1",
      ] as const,
  ),
];

/** The same of somebody else, who wants it without a cable too, so that it does not depend on the time when that is pulled. */
export const theirText = (name: string): string =>
  `[Match]\nName=${name}\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nConfigureWithoutCarrier=yes\n${
    name === "wlan0" ? "Address=198.18.9.9/24" : "Address=203.0.113.9/24\nGateway=203.0.113.1"
  }\n`;
