import type * as fc from "fast-check";
import type { PortTable } from "../scores/attenuate.ts";
import type { Assets, MaybePromise } from "../scores/context.ts";
import type { AnyScoreClass } from "../scores/score.ts";

/**
 * All that stands in a place, by name, as plain JSON. Where the kind makes claims, things have the names that it claims
 * them by. What nobody has to keep (times, counters) is left out: equal snapshots mean that nothing has changed.
 */
export type Snapshot<Thing = unknown> = Readonly<Record<string, Thing>>;

/**
 * What a snapshot means to a Score. `so`: it is as the spec wants. `not-so`: it is not, and can be made so.
 * `obstructed`: something is in the way that is not the Score's to remove.
 */
export type Verdict = "so" | "not-so" | "obstructed";

/** One place, real or in memory, that a Score is interpreted in. */
export interface Place<Change = unknown, Thing = unknown> {
  /** At least the ports that the kind requires, by capability name. */
  readonly ports: PortTable;
  /** Those that its specs refer to. Default: there are none. */
  readonly assets?: Assets;
  snapshot(): MaybePromise<Snapshot<Thing>>;
  /** Does what somebody else does to it, past the ports. */
  change(change: Change): MaybePromise<void>;
  /** Clears away what it takes up outside of memory. */
  close?(): MaybePromise<void>;
}

/**
 * What the contract suite has to know of a kind: what its specs look like, what it can find on a device, what others can
 * do to it meanwhile, and how to judge what came of it. The last three are a second, independent telling of what the
 * kind is for; they go by snapshots alone, and never call the kind's own code.
 *
 * Specs, devices and changes are plain data, so that a counterexample can be read and shrunk.
 */
export interface World<Spec = unknown, Device = unknown, Change = unknown, Thing = unknown> {
  readonly kind: AnyScoreClass;
  /** Specs that the kind accepts. */
  readonly specs: fc.Arbitrary<Spec>;
  /**
   * What a device may look like before the Score comes: with nothing there, with all or half of it there already, right
   * or wrong, with something foreign in the way, and always with things around that are none of the Score's business.
   */
  devices(spec: Spec): fc.Arbitrary<Device>;
  /** What others may do to the device meanwhile: to what the Score made, to what is around it, and in its way. */
  changes(spec: Spec): fc.Arbitrary<Change>;
  /** A new place that looks so. */
  open(device: Device): MaybePromise<Place<Change, Thing>>;
  /** The names in a snapshot of what the Score may make or change without claiming it. All else is foreign to it. */
  about(spec: Spec): readonly string[];
  judge(spec: Spec, now: Snapshot<Thing>): Verdict;
  /**
   * What is left of `now` once the Score is retired. `made`: the names of what the Score brought into being, by itself,
   * and its identity once it has been as declared; empty where it was never interpreted.
   */
  left(spec: Spec, now: Snapshot<Thing>, made: ReadonlySet<string>): Snapshot<Thing>;
}
