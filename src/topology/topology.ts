import type { AnyCapability } from "../capabilities/capability.ts";

/** Why a place lacks a capability that its kind of place can have, by the capability's name: `podman >= 4.4 not found`. */
export type Reasons = Readonly<Record<string, string>>;

/** A named set of capabilities that a place offers. It names them; adapters are bound to it by the agent. */
export interface Topology<
  Name extends string = string,
  Offers extends readonly AnyCapability[] = readonly AnyCapability[],
  Absent extends Reasons = Reasons,
> {
  readonly name: Name;
  readonly offers: Offers;
  /** What is not offered, where there is more to say than that. All gates say it. */
  readonly absent: Absent;
}

export const topology = <const Name extends string, const Offers extends readonly AnyCapability[]>(
  name: Name,
  offers: Offers,
): Topology<Name, Offers> => ({ name, offers, absent: {} });

/**
 * A place of this topology, and less: without what one device, or one kind of device, turned out not to have. The compiler
 * then refuses what cannot run there, in the words of the agent itself.
 *
 * ```ts
 * const Zero = without(PiTopology, { ContainerRuntime: "podman >= 4.4 not found" });
 * ```
 */
export const without = <
  const Name extends string,
  const Offers extends readonly AnyCapability[],
  const Absent extends Partial<Readonly<Record<Offers[number]["name"], string>>> & Reasons,
>(
  { name, offers }: Topology<Name, Offers>,
  absent: Absent,
): Topology<Name, readonly Kept<Offers[number], keyof Absent>[], Absent> => ({
  name,
  offers: offers.filter((each): each is Kept<Offers[number], keyof Absent> => !Object.hasOwn(absent, each.name)),
  absent,
});

type Kept<C extends AnyCapability, Without> = C extends { readonly name: Without } ? never : C;
