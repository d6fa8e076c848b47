import type { AnyCapability } from "../capabilities/capability.ts";

/** A named set of capabilities that a place offers. It names them; adapters are bound to it by the agent. */
export interface Topology<
  Name extends string = string,
  Offers extends readonly AnyCapability[] = readonly AnyCapability[],
> {
  readonly name: Name;
  readonly offers: Offers;
}

export const topology = <const Name extends string, const Offers extends readonly AnyCapability[]>(
  name: Name,
  offers: Offers,
): Topology<Name, Offers> => ({ name, offers });
