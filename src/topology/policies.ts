import * as z from "zod";

/** How often one Score may be looked at, in seconds. */
const LookEvery = z.number().min(1).max(604_800);

/**
 * How one Score is dealt with, where it is not as every other: nothing of it is about what the device should be. What is
 * left out is as by default. Travels beside the spec, and is no part of its digest.
 */
export const Policy = z.strictObject({
  /**
   * What becomes of drift, which is a difference that nobody ordered. `repair` (default): it is undone. `report`: it is told as
   * `Drifted`, with the steps that would undo it. `ignore`: nobody looks for it.
   */
  drift: z.enum(["repair", "report", "ignore"]).exactOptional(),
  /** Seconds between two looks that no event asked for, 1 to 604800. Default: the agent's `--drift-interval`. */
  lookEverySeconds: LookEvery.exactOptional(),
  /**
   * `adopt` (default): what stands there is taken over and changed. `own`: what stands there already is changed only if the
   * Score made it, or took it over before; else it is `Obstructed`. `createOnly`: made where it is missing, and not changed
   * after that; a difference is told as `Drifted`. `observe`: never written; a difference is told as `Drifted`.
   */
  ownership: z.enum(["adopt", "own", "createOnly", "observe"]).exactOptional(),
  /** When the Score is dropped: `retire` (default) removes what is its own, `orphan` leaves it, as nobody's any more. */
  removal: z.enum(["retire", "orphan"]).exactOptional(),
});
export type Policy = z.infer<typeof Policy>;

/** The same with nothing left out. */
export interface Policies {
  readonly drift: NonNullable<Policy["drift"]>;
  /** Null: as the agent does it. */
  readonly lookEverySeconds: number | null;
  readonly ownership: NonNullable<Policy["ownership"]>;
  readonly removal: NonNullable<Policy["removal"]>;
}

export const DEFAULT_POLICIES: Policies = {
  drift: "repair",
  lookEverySeconds: null,
  ownership: "adopt",
  removal: "retire",
};

export const policiesOf = (policy: Policy | undefined): Policies =>
  policy === undefined ? DEFAULT_POLICIES : { ...DEFAULT_POLICIES, ...policy };

/** What differs from the default, in one order, so that the same policies are the same bytes; null where nothing does. */
export function policyOf({ drift, lookEverySeconds, ownership, removal }: Policies): Policy | null {
  const policy: Policy = {
    ...(drift === DEFAULT_POLICIES.drift ? {} : { drift }),
    ...(lookEverySeconds === null ? {} : { lookEverySeconds }),
    ...(ownership === DEFAULT_POLICIES.ownership ? {} : { ownership }),
    ...(removal === DEFAULT_POLICIES.removal ? {} : { removal }),
  };
  return Object.keys(policy).length === 0 ? null : policy;
}

/** Whether what is done for a Score can depend on what was done for it before. */
export const isGuarded = ({ drift, ownership }: Policies): boolean => drift !== "repair" || ownership !== "adopt";

/** What contradicts itself in a policy, as a sentence; null where nothing does. */
export function contradiction({ drift, lookEverySeconds, ownership, removal }: Policy): string | null {
  if (drift === "ignore" && lookEverySeconds !== undefined) {
    return "nobody looks for its drift, and lookEverySeconds says how often: take one of them out";
  }
  if (drift === "ignore" && ownership === "observe") {
    return "it is only observed, and nobody looks for its drift: take one of them out";
  }
  if (removal === "orphan" && ownership === "observe") {
    return "what is only observed is left as it is anyway: take removal out";
  }
  return null;
}
