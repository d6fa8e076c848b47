import type { AnyScore } from "../scores/score.ts";
import type { Composition } from "./parts.ts";
import type { Reasons, Topology } from "./topology.ts";

/** The names of the capabilities that a Score requires. */
export type Requires<S extends AnyScore> = S["requires"][number]["name"];
/** The names of the capabilities that a topology offers. */
export type Offered<T extends Topology> = T["offers"][number]["name"];

/**
 * The compile-time gate: the Score's own type where the topology offers all that it requires, else a sentence that the
 * compiler prints as the type that the Score is not assignable to.
 *
 * It closes the ways around: `any` is assignable to everything but `never`; a topology typed plain `Topology` would
 * offer `string`, thus everything; a Score typed `AnyScore` would require `string`. A union of Scores is judged member
 * by member, and so is a union of topologies, because each of them may be the one; a composition requires what all of
 * its Scores do.
 */
export type Fits<S, T extends Topology> = 0 extends 1 & S
  ? never
  : string extends Offered<T>
    ? "the topology's type was widened: pass the topology constant itself, e.g. PiTopology"
    : S extends Composition<infer Part>
      ? [Objection<Part, T>] extends [never]
        ? S
        : Objection<Part, T>
      : S extends AnyScore
        ? [Objection<S, T>] extends [never]
          ? S
          : Objection<S, T>
        : "this is no Score: make it with a Score class, e.g. new FileScore({ ... })";

/** What speaks against a Score; never where nothing does. */
type Objection<S extends AnyScore, T extends Topology> = S extends AnyScore
  ? string extends Requires<S>
    ? "the score's type was widened: pass the score class's own instance, not AnyScore"
    : LackSentence<S, T>
  : never;

/** The Scores of a part: itself, or those of a composition. */
export type ScoresOf<P> = P extends Composition<infer Part> ? Part : P extends AnyScore ? P : never;

/** `lackSentence` for each capability that each of the topologies lacks; never where none does. */
type LackSentence<S extends AnyScore, T extends Topology> = T extends Topology
  ? SentenceFor<S["kind"], Exclude<Requires<S>, Offered<T>>, T>
  : never;

/** Capability by capability, since each has its own reason. */
type SentenceFor<Kind extends string, C extends string, T extends Topology> = C extends string
  ? `${Kind}Score requires ${C}, which ${T["name"]} lacks${ReasonFor<C, T["absent"]>}`
  : never;
type ReasonFor<C extends string, Absent extends Reasons> = C extends keyof Absent
  ? string extends Absent[C]
    ? ""
    : `: ${Absent[C]}`
  : "";

/** {@link Fits} for each Score of a record. */
export type FitsAll<S, T extends Topology> = { readonly [Id in keyof S]: Fits<S[Id], T> };
