import type { AnyCapability } from "../capabilities/capability.ts";
import type { Offered } from "./fits.ts";
import type { Reasons, Topology } from "./topology.ts";

/**
 * Two places of which one is active: `FailoverTopology<typeof PiTopology>`. It offers what both offer, since either may be
 * the one. Of a union of topologies each is judged, as everywhere.
 */
export type FailoverTopology<A extends Topology, B extends Topology = A> = A extends Topology
  ? B extends Topology
    ? Topology<NameOf<A["name"], B["name"]>, readonly Common<A, B>[], AbsentOf<A, B>>
    : never
  : never;

type NameOf<A extends string, B extends string> = [A, B] extends [B, A]
  ? `FailoverTopology<${A}>`
  : `FailoverTopology<${A}, ${B}>`;

/** A topology whose type was widened makes this one as wide, so that the gate refuses it too. */
type Common<A extends Topology, B extends Topology> = string extends Offered<A> | Offered<B>
  ? AnyCapability
  : Extract<A["offers"][number], { readonly name: Offered<B> }>;

type Missing<A extends Topology, B extends Topology> = Exclude<
  Offered<A> | Offered<B> | Explained<A> | Explained<B>,
  Offered<A> & Offered<B>
>;
/** What it says a reason for. A topology that nothing was taken from says so of no name, and its type of any. */
type Explained<T extends Topology> = string extends keyof T["absent"] ? never : keyof T["absent"] & string;
type AbsentOf<A extends Topology, B extends Topology> = {
  readonly [C in Missing<A, B>]: C extends Offered<A> ? WhoLacks<C, B> : WhoLacks<C, A>;
};
type WhoLacks<
  C extends string,
  T extends Topology,
> = `${T["name"]} lacks it${C extends Explained<T> ? (string extends T["absent"][C] ? "" : `: ${T["absent"][C]}`) : ""}`;

/**
 * A pair of places with one lease: what it runs, runs on one of them at a time, and moves when that one is lost.
 *
 * ```ts
 * export default manifest(failover(PiTopology, PiTopology), { web: new SystemdServiceScore({ ... }) });
 * ```
 *
 * Ship it to the pair's id: `harmony apply web.ts --agent PAIR`.
 */
export function failover<const A extends Topology, const B extends Topology>(a: A, b: B): FailoverTopology<A, B>;
export function failover(a: Topology, b: Topology): Topology {
  const has = ({ offers }: Topology, name: string): boolean => offers.some((each) => each.name === name);
  const names = [...a.offers, ...b.offers].map(({ name }) => name);
  const missing = [...names, ...Object.keys(a.absent), ...Object.keys(b.absent)].filter(
    (name) => !has(a, name) || !has(b, name),
  );
  return {
    name: failoverName([a.name, b.name]),
    offers: a.offers.filter(({ name }) => has(b, name)),
    absent: Object.fromEntries(missing.map((name) => [name, whoLacks(name, has(a, name) ? b : a)])),
  };
}

/** `FailoverTopology<PiTopology>`: each name once. */
export const failoverName = (names: readonly string[]): string => `FailoverTopology<${[...new Set(names)].join(", ")}>`;

/** Why a pair lacks what this member of it lacks. */
export const whoLacks = (
  capability: string,
  { name, absent }: { readonly name: string; readonly absent: Reasons },
): string => `${name} lacks it${Object.hasOwn(absent, capability) ? `: ${absent[capability] ?? ""}` : ""}`;
