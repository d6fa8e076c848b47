import { match } from "ts-pattern";
import * as z from "zod";
import { type InboundRules, type Opening, PacketFilter, type PortRange } from "../capabilities/packet-filter.ts";
import { canonicalNetwork, isNetwork } from "./addresses.ts";
import { Score } from "./score.ts";
import type { Frozen } from "./spec.ts";

/** A port, 1 to 65535. */
const Port = z.int().min(1).max(65_535);

/** As Linux takes them: up to 15 bytes without a slash or white space; and no `*`, which would mean others too. */
const InterfaceName = z
  .string()
  .regex(/^(?!\.{1,2}$)[\w.:@-]{1,15}$/, 'an interface is 1 to 15 of letters, digits and . _ : @ -, such as "eth0"')
  .refine((name) => name !== "lo", "the loopback is always open");

/** The network part alone, because that is what a filter compares and tells: `10.0.0.0/8`, and not `10.1.2.3/8`. */
const Source = z
  .union([z.regexes.ipv4, z.regexes.cidrv4, z.regexes.ipv6, z.regexes.cidrv6].map((each) => z.string().regex(each)))
  .refine(isNetwork, {
    error: "a source is an address such as 192.0.2.7 or 2001:db8::7, or a network with no host bits such as 10.0.0.0/8",
  });

const spec = z.strictObject({
  /** The name of this part of the filter; its Scores' parts work together. */
  name: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "a name is 1 to 63 of a-z, 0-9 and -, not - at its ends"),
  /** The network interfaces that it is about, whether they are there or not. Default: all but the loopback, those of containers too. */
  interfaces: z.array(InterfaceName).min(1).max(64).optional(),
  /** What is let in. Default none. */
  ports: z
    .array(
      z.strictObject({
        /** One port, or all from `first` to `last`. */
        port: z.union([
          Port,
          z
            .strictObject({
              /** The lowest port of the range, 1 to 65535. */
              first: Port,
              /** The highest port, which belongs to it. */
              last: Port,
            })
            .refine(({ first, last }) => first <= last, "the first port comes first"),
        ]),
        /** Default `tcp`. */
        protocol: z.enum(["tcp", "udp"]).default("tcp"),
        /** The addresses and networks that may come in. Default: anyone. */
        from: z.array(Source).min(1).max(64).optional(),
      }),
    )
    .max(256)
    .default([]),
  /**
   * What becomes of the other traffic that comes in on these interfaces: `drop` closes all ports that no FirewallPorts Score
   * opens; `accept` leaves them as they are. Default `accept`.
   */
  otherwise: z.enum(["accept", "drop"]).default("accept"),
});

const observed = z.object({ state: z.enum(["absent", "in-force", "altered"]) });
const step = z.discriminatedUnion("do", [
  z.object({ do: z.literal("replace"), name: z.string() }),
  z.object({ do: z.literal("remove"), name: z.string() }),
]);

/**
 * Ports that are open to the outside, and whether all others are closed. It is about what comes in, to the device itself and
 * to ports that it forwards to containers; answers to what the device itself began always pass.
 *
 * Several of them work together: what one opens no other closes. Rules that others put into the kernel are not touched, and
 * what those drop stays dropped.
 */
export class FirewallPortsScore extends Score(
  "FirewallPorts",
  { version: 1, requires: [PacketFilter], spec, observed, step },
  {
    identity: ({ name }) => `firewall:${name}`,
    // Rules of the kernel's, under a name of Harmony's own.
    reach: () => [],
    observe: async (wanted, { PacketFilter: filter }, { signal }) => ({
      state: await filter.inspect(wanted.name, rulesOf(wanted), signal),
    }),
    plan: ({ name }, { state }) => (state === "in-force" ? [] : [{ do: "replace", name }]),
    retire: ({ name }, { state }) => (state === "absent" ? [] : [{ do: "remove", name }]),
    apply: (taken, wanted, { PacketFilter: filter }, { signal }) =>
      match(taken)
        .with({ do: "replace" }, ({ name }) => filter.replace(name, rulesOf(wanted), signal))
        .with({ do: "remove" }, ({ name }) => filter.remove(name, signal))
        .exhaustive(),
    watch: (_, { PacketFilter: filter }, changed) => filter.watch(changed),
  },
) {}

/**
 * The ports that the interface to the outside world shall have open, all others closed.
 *
 * ```ts
 * wanFirewallPorts({ name: "wan", interface: "eth0", ports: [22, 80, 443] })
 * ```
 */
export const wanFirewallPorts = (wan: {
  readonly name: string;
  readonly interface: string;
  /** Of TCP. */
  readonly ports: readonly number[];
}): FirewallPortsScore =>
  new FirewallPortsScore({
    name: wan.name,
    interfaces: [wan.interface],
    ports: wan.ports.map((port) => ({ port })),
    otherwise: "drop",
  });

type Spec = Frozen<z.infer<typeof spec>>;

/** A spec never changes, and it is looked at for years. */
const made = new WeakMap<Spec, InboundRules>();

function rulesOf(wanted: Spec): InboundRules {
  let rules = made.get(wanted);
  if (rules === undefined) {
    const [first, ...rest] = [...new Set(wanted.interfaces)].toSorted();
    rules = {
      interfaces: first === undefined ? null : [first, ...rest],
      openings: openingsOf(wanted.ports),
      drops: wanted.otherwise === "drop",
    };
    made.set(wanted, rules);
  }
  return rules;
}

/** One opening for each protocol and source, in an order that does not depend on how the spec was written. */
function openingsOf(ports: Spec["ports"]): readonly Opening[] {
  const bySource = new Map<
    string,
    { readonly protocol: "tcp" | "udp"; readonly from: string | null; readonly all: PortRange[] }
  >();
  for (const { port, protocol, from } of ports) {
    for (const source of from?.map(canonicalNetwork) ?? [null]) {
      const key = `${protocol} ${source ?? ""}`;
      const same = bySource.get(key) ?? { protocol, from: source, all: [] };
      same.all.push(typeof port === "number" ? { first: port, last: port } : port);
      bySource.set(key, same);
    }
  }
  return [...bySource]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { protocol, from, all }]) => ({ protocol, ports: joined(all), from }));
}

/** The same ports as ranges that neither overlap nor touch. */
function joined(ranges: readonly PortRange[]): Opening["ports"] {
  const [head, ...others] = ranges.toSorted((a, b) => a.first - b.first);
  // There is an opening only because somebody named a port.
  if (head === undefined) throw new Error("an opening without a port");
  const done: [PortRange, ...PortRange[]] = [head];
  for (const range of others) {
    const last = done.at(-1) ?? head;
    if (range.first > last.last + 1) done.push(range);
    else done[done.length - 1] = { first: last.first, last: Math.max(last.last, range.last) };
  }
  return done;
}
