import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { networkManagerText, networkManagerUuid } from "../../../src/agent/adapters/network-manager-profile.ts";
import { networkdText } from "../../../src/agent/adapters/networkd-profile.ts";
import type { InterfaceProfile } from "../../../src/capabilities/network-configurator.ts";
import { canonical } from "../../../src/scores/ip-addresses.ts";

const name = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/);
const v4 = fc.ipV4();
const v6 = fc.ipV6().map(canonical);
const listOf = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { minLength: 1, maxLength: 3 });
const metric = fc.option(fc.integer({ min: 1, max: 9999 }), { nil: null });

const profiles: fc.Arbitrary<InterfaceProfile> = fc.record({
  ipv4: fc.oneof(
    fc.record({
      method: fc.constant("static" as const),
      addresses: listOf(fc.tuple(v4, fc.integer({ min: 1, max: 32 })).map((parts) => parts.join("/"))),
      gateway: fc.option(v4, { nil: null }),
    }),
    fc.constantFrom({ method: "dhcp" as const }, { method: "off" as const }),
  ),
  ipv6: fc.oneof(
    fc.record({
      method: fc.constant("static" as const),
      addresses: listOf(fc.tuple(v6, fc.integer({ min: 1, max: 128 })).map((parts) => parts.join("/"))),
      gateway: fc.option(v6, { nil: null }),
    }),
    fc.constantFrom({ method: "auto" as const }, { method: "link-local" as const }, { method: "off" as const }),
  ),
  routes: fc.array(
    fc.oneof(
      fc.record({ to: v4.map((to) => `${to}/32`), via: fc.option(v4, { nil: null }), metric }),
      fc.record({ to: v6.map((to) => `${to}/128`), via: fc.option(v6, { nil: null }), metric }),
    ),
    { maxLength: 4 },
  ),
  dns: fc.array(v4, { maxLength: 3 }),
  mac: fc.option(fc.constant("02:00:5e:00:53:01"), { nil: null }),
  mtu: fc.option(fc.integer({ min: 1280, max: 9000 }), { nil: null }),
});

/** Reads a file of sections as systemd and NetworkManager do: the values of each key of each section, in order. */
function sectionsOf(
  text: string,
): readonly (readonly [name: string, values: ReadonlyMap<string, readonly string[]>])[] {
  const sections: [string, Map<string, string[]>][] = [];
  for (const line of text.split("\n").filter((each) => each !== "" && !each.startsWith("#"))) {
    const header = /^\[([A-Za-z0-9]+)\]$/.exec(line)?.[1];
    const [, key = "", value = ""] = /^([A-Za-z0-9-]+)=(\S+)$/.exec(line) ?? [];
    if (header !== undefined) sections.push([header, new Map<string, string[]>()]);
    else {
      expect({ key, line }).not.toMatchObject({ key: "" });
      const values = sections.at(-1)?.[1];
      values?.set(key, [...(values.get(key) ?? []), value]);
    }
  }
  return sections;
}

const statics = ({ ipv4, ipv6 }: InterfaceProfile) =>
  [ipv4, ipv6].flatMap((of) => (of.method === "static" ? [of] : []));

describe("the file for systemd-networkd", () => {
  test("says all that the profile says, and can be read back", () => {
    fc.assert(
      fc.property(name, profiles, (of, profile) => {
        const sections = sectionsOf(networkdText(of, profile));
        const one = (section: string): ReadonlyMap<string, readonly string[]> =>
          sections.find(([each]) => each === section)?.[1] ?? new Map<string, readonly string[]>();
        expect(one("Match").get("Name")).toEqual([of]);
        expect(one("Link").get("MACAddress")?.[0] ?? null).toBe(profile.mac);
        expect(one("Link").get("MTUBytes")?.[0] ?? null).toBe(profile.mtu === null ? null : String(profile.mtu));
        expect(one("Network").get("Address") ?? []).toEqual(statics(profile).flatMap(({ addresses }) => addresses));
        expect(one("Network").get("Gateway") ?? []).toEqual(
          statics(profile).flatMap(({ gateway }) => (gateway === null ? [] : [gateway])),
        );
        expect(one("Network").get("DNS") ?? []).toEqual(profile.dns);
        expect(one("Network").get("DHCP")).toEqual([profile.ipv4.method === "dhcp" ? "ipv4" : "no"]);
        const routes = sections
          .filter(([each]) => each === "Route")
          .map(([, values]) => ({
            to: values.get("Destination")?.[0],
            via: values.get("Gateway")?.[0] ?? null,
            metric: values.has("Metric") ? Number(values.get("Metric")?.[0]) : null,
          }));
        expect(routes).toEqual(profile.routes);
      }),
    );
  });

  test("is so", () => {
    expect(networkdText("eth0", EXAMPLE)).toBe(`# Made by harmony-edge, and made anew when it is changed.
[Match]
Name=eth0

[Link]
MTUBytes=1400

[Network]
DHCP=no
LinkLocalAddressing=ipv6
IPv6AcceptRA=yes
Address=198.51.100.2/24
Gateway=198.51.100.1
DNS=198.51.100.1

[Route]
Destination=192.0.2.0/24
Gateway=198.51.100.7
Metric=50

[DHCPv4]
UseDNS=no

[DHCPv6]
UseDNS=no

[IPv6AcceptRA]
UseDNS=no
`);
  });
});

describe("the keyfile for NetworkManager", () => {
  test("says all that the profile says, and can be read back", () => {
    fc.assert(
      fc.property(name, profiles, (of, profile) => {
        const sections = new Map(sectionsOf(networkManagerText(of, profile)));
        const values = (section: string, key: string): readonly string[] => sections.get(section)?.get(key) ?? [];
        const numbered = (section: string, key: string): readonly string[] =>
          [...(sections.get(section) ?? [])].flatMap(([each, [value = ""]]) =>
            new RegExp(`^${key}\\d+$`).test(each) ? [value] : [],
          );
        expect(values("connection", "interface-name")).toEqual([of]);
        expect(values("connection", "uuid")).toEqual([networkManagerUuid(of)]);
        expect(values("ethernet", "cloned-mac-address")[0] ?? null).toBe(profile.mac);
        expect(values("ethernet", "mtu")[0] ?? null).toBe(profile.mtu === null ? null : String(profile.mtu));
        const both = (key: string): readonly string[] => [...numbered("ipv4", key), ...numbered("ipv6", key)];
        expect(both("address")).toEqual(statics(profile).flatMap(({ addresses }) => addresses));
        expect([...values("ipv4", "gateway"), ...values("ipv6", "gateway")]).toEqual(
          statics(profile).flatMap(({ gateway }) => (gateway === null ? [] : [gateway])),
        );
        const routes = both("route").map((route) => {
          const [to = "", via = null, by = null] = route.split(",");
          const isOnLink = via === null || via === "0.0.0.0" || via === "::";
          return { to, via: isOnLink ? null : via, metric: by === null ? null : Number(by) };
        });
        const inOrder = [...profile.routes].toSorted((a, b) => Number(a.to.includes(":")) - Number(b.to.includes(":")));
        expect(routes).toEqual(inOrder.map((route) => ({ ...route, via: isNowhere(route.via) ? null : route.via })));
        expect(values("ipv4", "dns").flatMap((all) => all.split(";").filter(Boolean))).toEqual(
          profile.ipv4.method === "off" ? [] : profile.dns,
        );
      }),
    );
  });

  test("is so", () => {
    expect(networkManagerText("eth0", EXAMPLE)).toBe(`[connection]
id=harmony-eth0
uuid=${networkManagerUuid("eth0")}
type=ethernet
interface-name=eth0
autoconnect-priority=900

[ethernet]
mtu=1400

[ipv4]
method=manual
address1=198.51.100.2/24
gateway=198.51.100.1
route1=192.0.2.0/24,198.51.100.7,50
dns=198.51.100.1;

[ipv6]
method=auto
ignore-auto-dns=true
`);
  });

  test("has a name of its own for each interface, in the form of a UUID", () => {
    fc.assert(
      fc.property(name, name, (one, other) => {
        expect(networkManagerUuid(one)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(networkManagerUuid(one) === networkManagerUuid(other)).toBe(one === other);
      }),
    );
  });
});

const isNowhere = (via: string | null): boolean => via === "0.0.0.0" || via === "::";

const EXAMPLE: InterfaceProfile = {
  ipv4: { method: "static", addresses: ["198.51.100.2/24"], gateway: "198.51.100.1" },
  ipv6: { method: "auto" },
  routes: [{ to: "192.0.2.0/24", via: "198.51.100.7", metric: 50 }],
  dns: ["198.51.100.1"],
  mac: null,
  mtu: 1400,
};
