import * as z from "zod";
import type { AnyCapability, PortOf, ReadPortOf } from "../capabilities/capability.ts";
import { InvalidSpec } from "./invalid-spec.ts";
import type { ApplyContext, Context, MaybePromise } from "./context.ts";
import { SPEC_LIMIT_BYTES, type Carried, type Frozen, forbiddenKey, freeze, specBytes } from "./spec.ts";
import type { Plan } from "./outcome.ts";
import type { Reach } from "./reach.ts";

export { InvalidSpec };

type Needs = readonly AnyCapability[];

/** The ports that a Score with these requirements is handed while it applies: exactly those. */
export type Ports<N extends Needs> = { readonly [C in N[number] as C["name"]]: PortOf<C> };
/** The same ports with their reading methods alone: what it is handed while it observes. */
export type ReadPorts<N extends Needs> = { readonly [C in N[number] as C["name"]]: ReadPortOf<C> };

/** The data of a kind: what travels, what is reported, what a plan consists of. */
export interface ScoreShape<Version extends number, N extends Needs, Out, In, Seen, Step> {
  /** Counts up when the meaning of the spec changes. Old versions stay decodable, or are refused by name. */
  readonly version: Version;
  readonly requires: N;
  /** Desired state; travels. Strict, without transforms: it is parsed again after the wire. */
  readonly spec: z.core.$ZodType<Out, In>;
  /** Typed status; travels as the `details` of the Score's status, so plain JSON. */
  readonly observed: z.core.$ZodType<Seen>;
  /** Typed plan step; travels in previews, so plain JSON. */
  readonly step: z.core.$ZodType<Step>;
}

export type Turns = "in-order" | "together" | "lane" | "free";

/**
 * `gather`: the step serves many Scores at once (to read all unit files again, say), so it waits until all others that
 * come to such a step have come there too, or a few seconds. `aside`: the step may take long, and others need not wait for
 * it. After either, what waited for its turn behind this Score begins.
 */
export type Pause = "gather" | "aside" | null;

/** What a step does to something that runs. */
export interface Disturbance {
  /** The full name of the unit that it runs as. */
  readonly unit: string;
  readonly does: "start" | "stop" | "restart";
}

/** How a kind is interpreted. The engine alone decides what comes of it. */
export interface Interpretation<N extends Needs, Spec, Seen, Step> {
  /**
   * Pure. Names the one thing on the device that the Score is about, as `<concept>:<name>`, e.g. `path:/etc/motd`. Two
   * Scores of one manifest may not be about the same thing, and when a Score's identity changes the old thing is retired.
   */
  identity(spec: Spec): string;
  /** Looks, and changes nothing. Rejecting is for {@link PortError}s that come out of the ports. */
  observe(spec: Spec, ports: ReadPorts<N>, context: Context): MaybePromise<Seen>;
  /** Pure. The steps from `observed` to `spec`; none when it is so already. */
  plan(spec: Spec, observed: Seen): Plan<Step>;
  /**
   * Pure. The steps that remove what this Score made; none when nothing of it is left. `claims` holds what `claims` below
   * gave, and the Score's identity once it has been as declared: without that, what is seen may be somebody else's that
   * the Score never came to change.
   */
  retire(spec: Spec, observed: Seen, claims: ReadonlySet<string>): Plan<Step>;
  /** Takes one step. Must be safe to repeat: it may have been cut short, or its answer lost. */
  apply(step: Step, spec: Spec, ports: Ports<N>, context: ApplyContext): MaybePromise<void>;
  /**
   * Pure. What a step brings into being that could as well have been there before, in the kind's own words (a directory's
   * path, say). Written to the agent's ledger before the step is taken and handed to `retire`, so that what was there
   * before is never removed. Default: none.
   */
  claims?(step: Step): readonly string[];
  /**
   * Pure. Whether what another Score claimed, and has to leave when it is dropped, falls to this one: a directory that was
   * made for both of their files, say. Without an heir nobody would ever remove it. Default: never.
   */
  inherits?(spec: Spec, claim: string): boolean;
  /**
   * Pure. Whether all is done, and it has still to come up by itself (a service that does not answer yet): until then it
   * is not Ready. It is looked at again every few seconds, and when `watch` tells. Asked where there is nothing to do.
   * Default: never.
   */
  awaits?(spec: Spec, observed: Seen): boolean;
  /** Tells when a new look is worth while; returns the way to stop. Default: only the periodic pass finds drift. */
  watch?(spec: Spec, ports: ReadPorts<N>, changed: () => void): () => void;
  /**
   * Pure. As `plan`, and what runs is started anew as well, once: asked where a Score that this one restarts on has changed
   * something. A kind without it cannot be named on the left of `restartOn`.
   */
  restart?(spec: Spec, observed: Seen): Plan<Step>;
  /**
   * Pure. Which run of it is seen: another text after each start, whoever started it; null where it does not run. Without
   * it what an end of the agent cut short is started anew once more, as it may or may not have been. Default: null.
   */
  run?(spec: Spec, observed: Seen): string | null;
  /**
   * What may go on while a Score of this kind is worked on. `in-order` (default): nothing that comes later in the manifest
   * begins before this has ended, so that what is quick needs no `after`. `together`: the same, but Scores of this kind that
   * follow each other go on side by side. `lane`: all but Scores with the same first required capability. `free`: everything.
   */
  readonly turns?: Turns;
  /** Pure. What comes before a step; see {@link Pause}. Default: nothing, ever. */
  pauses?(step: Step): Pause;
  /**
   * Pure. What a step starts, stops or starts anew, so that a plan can say for how long it is down. Default: nothing, ever.
   */
  disturbs?(step: Step): Disturbance | null;
  /**
   * Pure. Whether what the Score is about is there at all, as it should be or not: whoever made it. Default: unless what is
   * seen says `state: "absent"`.
   */
  exists?(spec: Spec, observed: Seen): boolean;
  /**
   * Pure. The path of the one file whose whole text the spec itself says, so that a plan can show what stands there before. Null
   * where it says no text, as where it names a secret. Default: null.
   */
  shows?(spec: Spec): string | null;
  /**
   * Pure. All that a Score touches of the sorts that a device's policy can have rules for. A kind without it is taken to touch
   * anything: where a policy has such a rule it is refused, unless the policy names the kind under `unbounded`.
   */
  reach?(spec: Spec): readonly Reach[];
  /** Pure. The supervisor's units that it runs as, whose logs are its own. Default: it runs nothing. */
  units?(spec: Spec): readonly string[];
  /** Pure. Texts of the spec that are never to be shown. Default: none. */
  hides?(spec: Spec): readonly string[];
  /**
   * Pure. The names of the secrets that the spec refers to: those alone can be had, and the gate refuses the Score where
   * one of them is not there or cannot be opened. Default: none.
   */
  secrets?(spec: Spec): readonly string[];
  /** Milliseconds for one whole interpretation; a function where the spec says how long it may take. Default 30,000. */
  readonly deadlineMs?: number | ((spec: Spec) => number);
}

/** A Score's interpretation with its spec filled in: what the engine works on. */
export interface Bound<N extends Needs, Seen, Step> {
  readonly identity: string;
  observe(ports: ReadPorts<N>, context: Context): MaybePromise<Seen>;
  plan(observed: Seen): Plan<Step>;
  retire(observed: Seen, claims: ReadonlySet<string>): Plan<Step>;
  apply(step: Step, ports: Ports<N>, context: ApplyContext): MaybePromise<void>;
  claims(step: Step): readonly string[];
  inherits(claim: string): boolean;
  awaits(observed: Seen): boolean;
  watch(ports: ReadPorts<N>, changed: () => void): () => void;
  /** As `plan` where the kind has nothing to restart. */
  restart(observed: Seen): Plan<Step>;
  /** Whether the kind has something to restart. */
  readonly restarts: boolean;
  run(observed: Seen): string | null;
  readonly turns: Turns;
  pauses(step: Step): Pause;
  /** Whether any step of this kind can have others wait for it, or wait for others. */
  readonly everPauses: boolean;
  disturbs(step: Step): Disturbance | null;
  /** Null where it says the whole text of no file. */
  readonly shows: string | null;
  exists(observed: Seen): boolean;
  /** Null where the kind does not tell. */
  readonly reach: readonly Reach[] | null;
  /** Units of the supervisor; null where the kind runs nothing. */
  readonly units: readonly string[] | null;
  readonly hides: readonly string[];
  /** Names, each once. */
  readonly secrets: readonly string[];
  readonly deadlineMs: number;
}

/** Registered, so that a Score is known as one across two copies of this package. */
const made: unique symbol = Symbol.for("harmony-edge.score");

/** A Score: made by a class that `Score()` returned, and by nothing else. */
export interface ScoreInstance<Kind extends string, N extends Needs, Spec, Seen, Step> {
  readonly [made]: true;
  readonly kind: Kind;
  readonly version: number;
  readonly requires: N;
  readonly spec: Spec;
  bind(): Bound<N, Seen, Step>;
}
export type AnyScore = ScoreInstance<string, Needs, unknown, unknown, unknown>;

/** Whether a value was made by a class that `Score()` returned. */
export const isScore = (value: unknown): value is AnyScore =>
  typeof value === "object" && value !== null && made in value;

/** The static side of a kind. */
export interface ScoreClass<Kind extends string, Version extends number, N extends Needs, Out, In, Seen, Step> {
  readonly kind: Kind;
  readonly version: Version;
  readonly requires: N;
  /** Whether it runs something that logs. */
  readonly runs: boolean;
  readonly schema: {
    readonly spec: z.core.$ZodType<Out, In>;
    readonly observed: z.core.$ZodType<Seen>;
    readonly step: z.core.$ZodType<Step>;
  };
  /** @throws {InvalidSpec} that names every field that is wrong. */
  new (spec: In): ScoreInstance<Kind, N, Frozen<Out>, Seen, Step>;
  /** As `new`, for what comes from outside. */
  parse(spec: unknown): ScoreInstance<Kind, N, Frozen<Out>, Seen, Step>;
}
export interface AnyScoreClass {
  readonly kind: string;
  readonly version: number;
  readonly requires: Needs;
  /** Default: it does not. */
  readonly runs?: boolean;
  readonly schema: {
    readonly spec: z.core.$ZodType;
    readonly observed: z.core.$ZodType;
    readonly step: z.core.$ZodType;
  };
  parse(spec: unknown): AnyScore;
}

/** Compile-time conditions on a spec's schema; the parameter's type is the error message. */
type SpecRule<Out, In> = [Out] extends [In]
  ? [Out] extends [Carried<Out>]
    ? unknown
    : { readonly spec: "a spec holds only values that travel: no functions, symbols or class instances" }
  : { readonly spec: "a spec must accept its own output (no .transform()): it is parsed again after the wire" };

/**
 * Makes the base class of a kind.
 *
 * ```ts
 * export class FileScore extends Score("File", { version: 1, requires: [FileSystemHost], spec, observed, step }, {
 *   identity: (spec) => `path:${spec.path}`,
 *   observe: (spec, { FileSystemHost: fs }) => ...,
 *   plan: (spec, observed) => [...],
 *   retire: (spec, observed) => [...],
 *   apply: (step, spec, { FileSystemHost: fs }) => ...,
 * }) {}
 * ```
 *
 * `kind` is the literal that travels, so that renaming or minifying the class changes nothing.
 */
export function Score<
  const Kind extends string,
  const Version extends number,
  const N extends Needs,
  Out,
  In,
  const Seen,
  const Step,
>(
  kind: Kind,
  shape: ScoreShape<Version, N, Out, In, Seen, Step> & SpecRule<Out, In>,
  how: Interpretation<NoInfer<N>, Frozen<NoInfer<Out>>, NoInfer<Seen>, NoInfer<Step>>,
): ScoreClass<Kind, Version, N, Out, In, Seen, Step> {
  type Spec = Frozen<Out>;
  return class {
    readonly [made] = true;
    static readonly kind = kind;
    static readonly version = shape.version;
    static readonly requires = shape.requires;
    static readonly runs = how.units !== undefined;
    static readonly schema = { spec: shape.spec, observed: shape.observed, step: shape.step };
    readonly spec: Spec;
    /** Made once, since the spec never changes and each look at the device asks for it. */
    #bound: Bound<N, Seen, Step> | undefined;

    constructor(input: unknown) {
      const parsed = z.safeParse(shape.spec, input);
      if (!parsed.success) throw new InvalidSpec(`${kind}@${shape.version}: ${z.prettifyError(parsed.error)}`);
      const forbidden = forbiddenKey(parsed.data);
      if (forbidden !== null) {
        throw new InvalidSpec(`${kind}@${shape.version}: no key may be "${forbidden}": call it something else`);
      }
      const bytes = specBytes(parsed.data);
      if (bytes > SPEC_LIMIT_BYTES) {
        throw new InvalidSpec(
          `${kind}@${shape.version}: the spec is ${bytes} bytes, the limit is ${SPEC_LIMIT_BYTES} (64 KiB). ` +
            "Desired state is read by every agent at every change, so it stays small: split it into several Scores, " +
            'or ship the bytes as an asset: { content: asset("./FILE") }.',
        );
      }
      this.spec = freeze(parsed.data);
    }

    static parse(input: unknown): ScoreInstance<Kind, N, Spec, Seen, Step> {
      return new this(input);
    }

    get kind(): Kind {
      return kind;
    }
    get version(): number {
      return shape.version;
    }
    get requires(): N {
      return shape.requires;
    }

    bind(): Bound<N, Seen, Step> {
      return (this.#bound ??= new Binding(how, this.spec));
    }
  };
}

/** A class and not an object of functions, because an agent holds one for each Score for years, and calls it at each look. */
class Binding<N extends Needs, Spec, Seen, Step> implements Bound<N, Seen, Step> {
  readonly identity: string;
  readonly #how: Interpretation<N, Spec, Seen, Step>;
  readonly #spec: Spec;

  constructor(how: Interpretation<N, Spec, Seen, Step>, spec: Spec) {
    this.identity = how.identity(spec);
    this.#how = how;
    this.#spec = spec;
  }

  get deadlineMs(): number {
    const { deadlineMs = 30_000 } = this.#how;
    return typeof deadlineMs === "number" ? deadlineMs : deadlineMs(this.#spec);
  }
  observe(ports: ReadPorts<N>, context: Context): MaybePromise<Seen> {
    return this.#how.observe(this.#spec, ports, context);
  }
  plan(observed: Seen): Plan<Step> {
    return this.#how.plan(this.#spec, observed);
  }
  retire(observed: Seen, claims: ReadonlySet<string>): Plan<Step> {
    return this.#how.retire(this.#spec, observed, claims);
  }
  apply(step: Step, ports: Ports<N>, context: ApplyContext): MaybePromise<void> {
    return this.#how.apply(step, this.#spec, ports, context);
  }
  claims(step: Step): readonly string[] {
    return this.#how.claims?.(step) ?? [];
  }
  inherits(claim: string): boolean {
    return this.#how.inherits?.(this.#spec, claim) ?? false;
  }
  awaits(observed: Seen): boolean {
    return this.#how.awaits?.(this.#spec, observed) ?? false;
  }
  watch(ports: ReadPorts<N>, changed: () => void): () => void {
    return this.#how.watch?.(this.#spec, ports, changed) ?? (() => {});
  }
  restart(observed: Seen): Plan<Step> {
    return this.#how.restart === undefined ? this.plan(observed) : this.#how.restart(this.#spec, observed);
  }
  run(observed: Seen): string | null {
    return this.#how.run?.(this.#spec, observed) ?? null;
  }
  get restarts(): boolean {
    return this.#how.restart !== undefined;
  }
  get turns(): Turns {
    return this.#how.turns ?? "in-order";
  }
  pauses(step: Step): Pause {
    return this.#how.pauses?.(step) ?? null;
  }
  disturbs(step: Step): Disturbance | null {
    return this.#how.disturbs?.(step) ?? null;
  }
  get shows(): string | null {
    return this.#how.shows?.(this.#spec) ?? null;
  }
  get everPauses(): boolean {
    return this.#how.pauses !== undefined;
  }
  get units(): readonly string[] | null {
    return this.#how.units?.(this.#spec) ?? null;
  }
  get hides(): readonly string[] {
    return this.#how.hides?.(this.#spec) ?? [];
  }
  get reach(): readonly Reach[] | null {
    return this.#how.reach?.(this.#spec) ?? null;
  }
  get secrets(): readonly string[] {
    return this.#how.secrets === undefined ? NONE : [...new Set(this.#how.secrets(this.#spec))];
  }
  exists(observed: Seen): boolean {
    return this.#how.exists === undefined ? !isAbsent(observed) : this.#how.exists(this.#spec, observed);
  }
}

const NONE: readonly string[] = [];

const isAbsent = (observed: unknown): boolean =>
  typeof observed === "object" && observed !== null && "state" in observed && observed.state === "absent";
