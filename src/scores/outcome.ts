import type { Blame, PortProblem } from "../capabilities/port-error.ts";

/** What stands in the way and is not the Score's to remove: `plan` and `retire` return it in place of steps. */
export interface Obstruction {
  /** One sentence: what stands where. */
  readonly obstructed: string;
  readonly blame: Blame;
  /** One sentence: what to do about it. */
  readonly next: string;
  /**
   * `RolledBack`: this very content was tried before and taken back, so it is not tried again. `Unhealthy`: all is as
   * declared, and what runs does not answer as it should. Default: an obstacle.
   */
  readonly reason?: "RolledBack" | "Unhealthy";
}

/** The steps that lead from what is to what should be. None: nothing to do. */
export type Plan<Step> = readonly Step[] | Obstruction;

/** Where in an interpretation something happened. */
export type Phase = "observe" | "plan" | "apply" | "retire";

/** Why an interpretation ended in FAILURE. */
export type Failure<Step = unknown> =
  /** A port refused or broke; `step` is null outside of `apply`. */
  | { readonly _tag: "PortFailed"; readonly during: Phase; readonly step: Step | null; readonly problem: PortProblem }
  | { readonly _tag: "Obstructed"; readonly during: Phase; readonly obstruction: Obstruction }
  /** All steps ran, and a second look still finds these to do. */
  | { readonly _tag: "DidNotConverge"; readonly remaining: readonly Step[] }
  /** The kind's deadline passed. */
  | { readonly _tag: "TimedOut"; readonly during: Phase; readonly step: Step | null; readonly afterMs: number }
  /** A newer generation, or the agent's stop, ended it between two steps. Not the Score's fault; it is taken up again. */
  | { readonly _tag: "Interrupted"; readonly remaining: readonly Step[] }
  /** The kind or an adapter threw what it may not throw. */
  | { readonly _tag: "Bug"; readonly during: Phase; readonly step: Step | null; readonly message: string };

/**
 * What one interpretation came to. Only the engine makes it.
 * `SUCCESS`: `did` was done and then seen to be so. `NOOP`: it was so already. `FAILURE`: see `failure`; `did` tells
 * what was done before, and `observed` the last thing seen, null where nothing could be seen.
 */
export type Outcome<Seen = unknown, Step = unknown> =
  | { readonly outcome: "NOOP"; readonly observed: Seen }
  | { readonly outcome: "SUCCESS"; readonly observed: Seen; readonly did: readonly [Step, ...Step[]] }
  | {
      readonly outcome: "FAILURE";
      readonly observed: Seen | null;
      readonly did: readonly Step[];
      readonly failure: Failure<Step>;
    };

/** There was something to do, and it was not to be done: nothing was. */
export interface OnlyTold<Seen = unknown, Step = unknown> {
  readonly outcome: "TOLD";
  readonly observed: Seen;
  /** What would have been done. */
  readonly would: readonly Step[];
}

/** What a look without touching came to: the steps that an interpretation would take now. */
export type Preview<Seen = unknown, Step = unknown> =
  | { readonly _tag: "Planned"; readonly observed: Seen; readonly steps: readonly Step[] }
  | { readonly _tag: "Impossible"; readonly observed: Seen | null; readonly failure: Failure<Step> };
