import * as fc from "fast-check";
import type { InboundRules } from "../capabilities/packet-filter.ts";
import { FirewallPortsScore } from "../scores/firewall-ports.ts";
import { type FakeFilterTables, FakePacketFilter } from "./fake-packet-filter.ts";
import type { Snapshot, World } from "./world.ts";

type Spec = ConstructorParameters<typeof FirewallPortsScore>[0];

/** A spec, and the rules that it means, told by hand. */
export interface WrittenRules {
  readonly spec: Spec;
  readonly rules: InboundRules;
}

export const WRITTEN_RULES: readonly [WrittenRules, ...WrittenRules[]] = [
  {
    spec: { name: "web", interfaces: ["eth1", "eth0"], ports: [{ port: 443 }, { port: 80 }], otherwise: "drop" },
    rules: {
      interfaces: ["eth0", "eth1"],
      openings: [
        {
          protocol: "tcp",
          ports: [
            { first: 80, last: 80 },
            { first: 443, last: 443 },
          ],
          from: null,
        },
      ],
      drops: true,
    },
  },
  {
    spec: {
      name: "admin",
      ports: [
        { port: 22, from: ["10.0.0.0/8", "2001:DB8::/32"] },
        { port: { first: 5000, last: 5010 }, protocol: "udp" },
        { port: { first: 5005, last: 5020 }, protocol: "udp" },
        { port: 5021, protocol: "udp" },
      ],
    },
    rules: {
      interfaces: null,
      openings: [
        { protocol: "tcp", ports: [{ first: 22, last: 22 }], from: "10.0.0.0/8" },
        { protocol: "tcp", ports: [{ first: 22, last: 22 }], from: "2001:db8:0:0:0:0:0:0/32" },
        { protocol: "udp", ports: [{ first: 5000, last: 5021 }], from: null },
      ],
      drops: false,
    },
  },
  {
    spec: { name: "closed", interfaces: ["wwan0"], otherwise: "drop" },
    rules: { interfaces: ["wwan0"], openings: [], drops: true },
  },
];

const rulesOf = (spec: Spec): string => {
  const written = WRITTEN_RULES.find((each) => JSON.stringify(each.spec) === JSON.stringify(spec));
  if (written === undefined) throw new Error("a spec of another world");
  return JSON.stringify(written.rules);
};

export const FOREIGN = { "inet netavark": "chain INPUT", "ip mine": "chain x" };
/** A part of another Score. */
const THEIRS = "theirs";
/** What no spec means: somebody has been at it. */
const EDITED = "edited";

/** What somebody else does: to a part, to what all parts share (null: deletes the whole table), or to a table of his own. */
export type FilterChange =
  | { readonly part: string; readonly to: string | null }
  | { readonly frame: "altered" | null }
  | { readonly foreign: string };

/** Specs of open ports, and a packet filter in memory. */
export const firewallPortsWorld: World<Spec, FakeFilterTables, FilterChange, string> = {
  kind: FirewallPortsScore,
  specs: fc.constantFrom(...WRITTEN_RULES.map(({ spec }) => spec)),
  devices: (spec) =>
    fc
      .record({
        own: fc.option(fc.constantFrom(rulesOf(spec), EDITED), { nil: null }),
        theirs: fc.boolean(),
        frame: fc.constantFrom(undefined, undefined, "altered" as const),
      })
      .map(({ own, theirs, frame }) => ({
        parts: { ...(own === null ? {} : { [spec.name]: own }), ...(theirs ? { [THEIRS]: EDITED } : {}) },
        frame,
        foreign: FOREIGN,
      })),
  changes: (spec) =>
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(null, EDITED).map((to) => ({ part: spec.name, to })) },
      fc.constantFrom<FilterChange>(
        { part: THEIRS, to: EDITED },
        { part: THEIRS, to: null },
        { frame: "altered" },
        { frame: null },
        { foreign: "ip new" },
      ),
    ),
  open(tables) {
    const filter = new FakePacketFilter(tables);
    return {
      ports: { PacketFilter: filter },
      snapshot: () => filter.facts(),
      change(change) {
        if ("part" in change) filter.put(change.part, change.to);
        else if ("frame" in change) filter.putFrame(change.frame);
        else filter.putForeign(change.foreign, "chain z");
      },
    };
  },
  about: ({ name }) => [`part:${name}`, "frame"],
  judge: (spec, now) => (now[`part:${spec.name}`] === rulesOf(spec) && now["frame"] === "sound" ? "so" : "not-so"),
  left({ name }, now) {
    const others = Object.keys(now).filter((each) => each.startsWith("part:") && each !== `part:${name}`);
    const isThere = now[`part:${name}`] !== undefined;
    if (!isThere && others.length > 0) return now;
    const frame: Snapshot<string> = others.length > 0 ? { frame: "sound" } : {};
    return { ...without(now, ["frame", `part:${name}`]), ...frame };
  },
};

const without = (now: Snapshot<string>, names: readonly string[]): Snapshot<string> =>
  Object.fromEntries(Object.entries(now).filter(([name]) => !names.includes(name)));
