import type { InboundRules, Opening } from "../../capabilities/packet-filter.ts";
import { canonicalNetwork } from "../../scores/addresses.ts";

/** The one table that is Harmony's. Nothing outside of it is ever read or written. */
export const TABLE = { family: "inet", name: "harmony" } as const;

/** A rule, a chain or a table, in the JSON of nft. */
type Json = Readonly<Record<string, unknown>>;

/** What the table holds, by chain: the chain's own properties, and its rules in order. Handles and counters are left out. */
export type Chains = ReadonlyMap<
  string,
  { readonly properties: Json; readonly rules: readonly (readonly unknown[])[] }
>;

const opensOf = (part: string): string => `open-${part}`;
const dropsOf = (part: string): string => `drop-${part}`;

/** The two chains of a part. */
export const chainsOf = (part: string): readonly string[] => [opensOf(part), dropsOf(part)];

/** The names of the parts that have a chain. */
export const partsIn = (chains: Chains): readonly string[] =>
  [...new Set([...chains.keys()].flatMap((name) => /^(?:open|drop)-(.+)$/.exec(name)?.[1] ?? []))].toSorted();

/**
 * The frame, which all parts share: two ways in, and on both of them all openings before all drops, since the first verdict
 * is the last one.
 */
export function frameOf(parts: readonly string[]): Chains {
  const hook = (name: string): Json => ({ type: "filter", hook: name, prio: 0, policy: "accept" });
  const viaDnat = match({ ct: { key: "status" } }, "dnat", "in");
  return new Map([
    ["opens", { properties: {}, rules: parts.map((part) => [jump(opensOf(part))]) }],
    ["drops", { properties: {}, rules: parts.map((part) => [jump(dropsOf(part))]) }],
    ["inbound", { properties: hook("input"), rules: [...ALWAYS, [jump("opens")], [jump("drops")]] }],
    // What is forwarded to a port that was asked for from outside, a container's mostly. Other routing is nobody's business here.
    [
      "forwarded",
      { properties: hook("forward"), rules: [ESTABLISHED, [viaDnat, jump("opens")], [viaDnat, jump("drops")]] },
    ],
  ]);
}

/** The chains of one part. */
export const partOf = (name: string, { interfaces, openings, drops }: InboundRules): Chains => {
  const on = interfaces === null ? [] : [match({ meta: { key: "iifname" } }, oneOf(interfaces))];
  return new Map([
    [opensOf(name), { properties: {}, rules: openings.map((opening) => [...on, ...expressionsOf(opening), ACCEPT]) }],
    [dropsOf(name), { properties: {}, rules: drops ? [[...on, { drop: null }]] : [] }],
  ]);
};

const ACCEPT = { accept: null };
const jump = (target: string): Json => ({ jump: { target } });
const match = (left: Json, right: unknown, op = "=="): Json => ({ match: { op, left, right } });
const payload = (protocol: string, field: string): Json => ({ payload: { protocol, field } });

const ESTABLISHED = [match({ ct: { key: "state" } }, ["established", "related"], "in"), ACCEPT];

/** Without these nothing works: answers, the device itself, and how IPv6 finds neighbours, routers and its own address. */
const ALWAYS = [
  ESTABLISHED,
  [match({ meta: { key: "iif" } }, "lo"), ACCEPT],
  [
    match(payload("icmpv6", "type"), {
      set: ["mld-listener-query", "nd-router-solicit", "nd-router-advert", "nd-neighbor-solicit", "nd-neighbor-advert"],
    }),
    ACCEPT,
  ],
  // A DHCPv6 server answers a question that went to a group, so that its answer belongs to no connection.
  [
    match(payload("ip6", "saddr"), { prefix: { addr: "fe80::", len: 10 } }),
    match(payload("udp", "dport"), 546),
    ACCEPT,
  ],
];

const PROTOCOL_NUMBER = { tcp: 6, udp: 17 } as const;

/** The port is the one that was asked for, before it was exchanged for a container's. */
function expressionsOf({ protocol, ports, from }: Opening): readonly Json[] {
  const ranges = ports.map(({ first, last }) => (first === last ? first : { range: [first, last] }));
  const asked = match({ ct: { key: "proto-dst", dir: "original" } }, oneOf(ranges));
  const l4 = match({ meta: { key: "l4proto" } }, PROTOCOL_NUMBER[protocol]);
  return from === null
    ? [l4, asked]
    : [match(payload(from.includes(":") ? "ip6" : "ip", "saddr"), source(from)), l4, asked];
}

function source(from: string): unknown {
  const [addr, len] = from.split("/");
  return len === undefined ? addr : { prefix: { addr, len: Number(len) } };
}

/** nft lists a set of one as that one. */
const oneOf = (values: readonly unknown[]): unknown => (values.length === 1 ? values[0] : { set: values });

/**
 * The same text for two chains that filter alike, whatever order the kernel keeps a set in, however it writes an address,
 * and whatever it has counted.
 */
export const canonicalText = ({
  properties,
  rules,
}: {
  readonly properties: Json;
  readonly rules: readonly unknown[];
}): string => JSON.stringify(canonical({ properties, rules }));

function canonical(value: unknown): unknown {
  if (typeof value === "string") return /^[\da-fA-F:.]*:[\da-fA-F:.]*$/.test(value) ? canonicalNetwork(value) : value;
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => {
    const inner = canonical(item);
    return [key, key === "set" && Array.isArray(inner) ? inner.toSorted(byText) : inner];
  });
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
