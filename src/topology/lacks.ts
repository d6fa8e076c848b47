import type { AnyCapability } from "../capabilities/capability.ts";

/** One reason why a Score cannot run somewhere. */
export interface Lack {
  readonly kind: string;
  readonly capability: string;
  readonly topology: string;
}

/** The run-time twin of the compile-time gate: what the Score requires and the topology does not offer, in order. */
export const lacks = (
  score: { readonly kind: string; readonly requires: readonly AnyCapability[] },
  topology: { readonly name: string; readonly offers: readonly Pick<AnyCapability, "name">[] },
): readonly Lack[] => {
  const offered = new Set(topology.offers.map(({ name }) => name));
  return score.requires
    .filter(({ name }) => !offered.has(name))
    .map(({ name }) => ({ kind: score.kind, capability: name, topology: topology.name }));
};

/** The sentence that all three gates say. */
export const lackSentence = ({ kind, capability, topology }: Lack): string =>
  `${kind}Score requires ${capability}, which ${topology} lacks`;
