import type { AnyCapability } from "../capabilities/capability.ts";
import type { Reasons } from "./topology.ts";

/** One reason why a Score cannot run somewhere. */
export interface Lack {
  readonly kind: string;
  readonly capability: string;
  readonly topology: string;
  /** What the place says of it, if anything: `podman >= 4.4 not found`. */
  readonly reason: string | null;
}

/** What a Score is held against: a topology, or what an agent says of itself. */
export interface Place {
  readonly name: string;
  readonly offers: readonly Pick<AnyCapability, "name">[];
  readonly absent?: Reasons;
}

/** The run-time twin of the compile-time gate: what the Score requires and the topology does not offer, in order. */
export const lacks = (
  score: { readonly kind: string; readonly requires: readonly AnyCapability[] },
  { name: topology, offers, absent = {} }: Place,
): readonly Lack[] =>
  score.requires
    .filter(({ name }) => !offers.some((each) => each.name === name))
    .map(({ name }) => ({
      kind: score.kind,
      capability: name,
      topology,
      reason: (Object.hasOwn(absent, name) ? absent[name] : undefined) ?? null,
    }));

/** The sentence that all three gates say. */
export const lackSentence = ({ kind, capability, topology, reason }: Lack): string =>
  `${kind}Score requires ${capability}, which ${topology} lacks${reason === null ? "" : `: ${reason}`}`;
