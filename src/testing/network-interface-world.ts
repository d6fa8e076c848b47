import * as fc from "fast-check";
import type { InterfaceProfile } from "../capabilities/network-configurator.ts";
import { NetworkInterfaceScore } from "../scores/network-interface.ts";
import {
  type FakeInterface,
  type FakeInterfaceFact,
  type FakeLive,
  FakeNetworkConfigurator,
} from "./fake-network-configurator.ts";
import { same } from "./same.ts";
import type { Snapshot, World } from "./world.ts";

type Spec = ConstructorParameters<typeof NetworkInterfaceScore>[0];
export type Interfaces = Readonly<Record<string, FakeInterface>>;
export interface InterfaceChange {
  readonly name: string;
  readonly to: FakeInterface;
}

/** A spec, and the profile and the interface that it stands for, written out by hand: the world never calls the kind. */
export interface WrittenInterface {
  readonly spec: Spec;
  readonly profile: InterfaceProfile;
  readonly live: FakeLive;
}

/** What the specs of the world of interfaces name, and a place of it has to have. */
export interface InterfaceSite {
  readonly written: readonly [WrittenInterface, ...WrittenInterface[]];
  /** An interface by no profile. */
  readonly bare: FakeLive;
  /** What somebody else gave the interface, and what it is by that. */
  readonly theirs: { readonly profile: InterfaceProfile; readonly live: FakeLive };
  /** What has nothing to do with any Score. */
  readonly around: Interfaces;
  /** What others may set on the interface itself, past all profiles. */
  readonly disturbed: readonly [Partial<FakeLive>, ...Partial<FakeLive>[]];
}
type InterfaceWorld = World<Spec, Interfaces, InterfaceChange, FakeInterfaceFact>;

const MAC = "02:00:5e:00:53:01";
const NOTHING: FakeLive = { up: true, mac: MAC, mtu: 1500, addresses: [], leased: false, routes: [], dns: [] };

const WRITTEN: InterfaceSite["written"] = [
  {
    spec: { name: "eth0", ipv4: { method: "dhcp" } },
    profile: {
      ipv4: { method: "dhcp" },
      ipv6: { method: "auto" },
      routes: [],
      dns: [],
      mac: null,
      mtu: null,
    },
    live: { ...NOTHING, leased: true },
  },
  {
    spec: {
      name: "eth1",
      ipv4: { method: "static", addresses: ["198.51.100.2/24", "198.51.100.3/24"], gateway: "198.51.100.1" },
      ipv6: { method: "static", addresses: ["2001:DB8:0::2/64"] },
      routes: [
        { to: "192.0.2.0/24", via: "198.51.100.7", metric: 50 },
        { to: "2001:db8:1::/48", via: "2001:db8::1" },
      ],
      dns: ["198.51.100.1", "2001:DB8::0053"],
      mac: "02-00-5E-00-53-FF",
      mtu: 1400,
      confirmWithinSeconds: 60,
      attempt: 2,
    },
    profile: {
      ipv4: { method: "static", addresses: ["198.51.100.2/24", "198.51.100.3/24"], gateway: "198.51.100.1" },
      ipv6: { method: "static", addresses: ["2001:db8::2/64"], gateway: null },
      routes: [
        { to: "192.0.2.0/24", via: "198.51.100.7", metric: 50 },
        { to: "2001:db8:1::/48", via: "2001:db8::1", metric: null },
      ],
      dns: ["198.51.100.1", "2001:db8::53"],
      mac: "02:00:5e:00:53:ff",
      mtu: 1400,
    },
    live: {
      up: true,
      mac: "02:00:5e:00:53:ff",
      mtu: 1400,
      addresses: ["198.51.100.2/24", "198.51.100.3/24", "2001:db8::2/64"],
      leased: false,
      routes: [
        { to: "0.0.0.0/0", via: "198.51.100.1", metric: null },
        { to: "192.0.2.0/24", via: "198.51.100.7", metric: 50 },
        { to: "2001:db8:1::/48", via: "2001:db8::1", metric: null },
      ],
      dns: ["198.51.100.1", "2001:db8::53"],
    },
  },
];

/** What somebody else gave the interface. */
const THEIRS: InterfaceProfile = {
  ipv4: { method: "static", addresses: ["203.0.113.9/24"], gateway: "203.0.113.1" },
  ipv6: { method: "off" },
  routes: [],
  dns: [],
  mac: null,
  mtu: null,
};
const THEIRS_LIVE: FakeLive = {
  ...NOTHING,
  addresses: ["203.0.113.9/24"],
  routes: [{ to: "0.0.0.0/0", via: "203.0.113.1", metric: null }],
};

const IN_MEMORY: InterfaceSite = {
  written: WRITTEN,
  bare: NOTHING,
  theirs: { profile: THEIRS, live: THEIRS_LIVE },
  around: { wlan0: { theirs: THEIRS } },
  disturbed: [
    {},
    { addresses: [], leased: false },
    { up: false },
    { mtu: 1300 },
    { mac: "02:00:5e:00:53:ee" },
    { routes: [] },
    { dns: ["192.0.2.53"] },
    { addresses: ["198.51.100.2/24", "198.51.100.3/24", "2001:db8::2/64", "192.0.2.200/32"] },
  ],
};

/** Specs of a network interface that fit a site, and the network that they come to there. */
export function networkInterfaceWorldAt(site: InterfaceSite, open: InterfaceWorld["open"]): InterfaceWorld {
  const { written, bare, theirs, around } = site;
  const disturbed = fc.constantFrom(...site.disturbed);
  const of = (name: string): WrittenInterface => {
    const one = written.find(({ spec }) => spec.name === name);
    if (one === undefined) throw new Error("a spec of another world");
    return one;
  };
  return {
    kind: NetworkInterfaceScore,
    specs: fc.constantFrom(...written.map(({ spec }) => spec)),
    devices(spec) {
      const { profile } = of(spec.name);
      const standing = fc.record<FakeInterface>({
        theirs: fc.constantFrom(null, theirs.profile),
        own: fc.constantFrom<InterfaceProfile | "edited" | null>(null, profile, profile, "edited", theirs.profile),
        live: disturbed,
        carrier: fc.constantFrom(true, true, true, false),
      });
      return fc
        .oneof(
          { weight: 6, arbitrary: standing },
          { weight: 2, arbitrary: fc.constant<FakeInterface>({ own: profile, theirs: theirs.profile }) },
          {
            weight: 2,
            arbitrary: fc.constantFrom<FakeInterface>(
              { there: false },
              { managed: false, theirs: theirs.profile },
              { managed: false, own: profile },
              { there: false, own: profile },
            ),
          },
        )
        .map((there) => ({ ...around, [spec.name]: there }));
    },
    changes(spec) {
      const { profile } = of(spec.name);
      const change = (to: fc.Arbitrary<FakeInterface>): fc.Arbitrary<InterfaceChange> =>
        to.map((each) => ({ name: spec.name, to: each }));
      return fc.oneof(
        change(disturbed.map((live) => ({ live }))),
        change(fc.record({ own: fc.constantFrom<InterfaceProfile | "edited" | null>(null, profile, "edited") })),
        change(fc.constantFrom<FakeInterface>({ carrier: false }, { managed: false }, { there: false })),
        ...Object.keys(around).map((name) => fc.constant<InterfaceChange>({ name, to: { live: { addresses: [] } } })),
      );
    },
    open,
    about: ({ name }) => [`own:${name}`, `live:${name}`],
    judge({ name }, now) {
      const { profile, live } = of(name);
      const there = liveIn(now, name);
      if (there === null || now[`unmanaged:${name}`] === true) return "obstructed";
      const has = <T>(all: readonly T[], wanted: readonly T[]): boolean =>
        wanted.every((one) => all.some((each) => same(each, one)));
      const isSo =
        same(now[`own:${name}`], profile) &&
        there.up &&
        (profile.mac === null || there.mac === live.mac) &&
        (profile.mtu === null || there.mtu === live.mtu) &&
        has(there.addresses, live.addresses) &&
        (there.leased || !live.leased) &&
        has(there.routes, live.routes) &&
        (profile.dns.length === 0 || same(there.dns, live.dns));
      if (isSo) return "so";
      return there.up && now[`unplugged:${name}`] === true ? "obstructed" : "not-so";
    },
    left({ name }, now) {
      if (now[`own:${name}`] === undefined) return now;
      const { [`own:${name}`]: _gone, ...rest } = now;
      if (liveIn(now, name) === null || now[`unmanaged:${name}`] === true) return rest;
      return { ...rest, [`live:${name}`]: now[`theirs:${name}`] === undefined ? bare : theirs.live };
    },
  };
}

/** Specs of a network interface, and the network in memory. */
export const networkInterfaceWorld: InterfaceWorld = networkInterfaceWorldAt(IN_MEMORY, (interfaces) => {
  const network = new FakeNetworkConfigurator();
  for (const [name, each] of Object.entries(interfaces)) network.put(name, each);
  return {
    ports: { NetworkConfigurator: network },
    snapshot: () => network.tree(),
    change: ({ name, to }) => network.put(name, to),
  };
});

const liveIn = (now: Snapshot<FakeInterfaceFact>, name: string): FakeLive | null => {
  const live = now[`live:${name}`];
  return live !== undefined && typeof live === "object" && "leased" in live ? live : null;
};
