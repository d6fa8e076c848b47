import type { Found, Permission } from "../scores/interpret.ts";
import type { Obstruction } from "../scores/outcome.ts";
import type { Policies } from "../topology/policies.ts";
import type { ScoreStatus } from "../wire/status.ts";
import type { Owned } from "./journal.ts";

/** What is known of a Score before it is looked at. */
export interface Standing {
  readonly policies: Policies;
  readonly identity: string;
  readonly digest: string;
  /** What the ledger has of it. */
  readonly owned: Owned | undefined;
  /** Whether this content failed for good. */
  readonly isKnownBad: boolean;
  /** Whether it is to be started anew, which somebody ordered. */
  readonly notified: boolean;
}

/** Whether what a look found to do may be done. Pure. What is done first when a Score is begun is gone on with in each case. */
export function permits(of: Standing, { exists, why }: Pick<Found, "exists" | "why">): Permission {
  const { policies, digest, owned, isKnownBad, notified } = of;
  if (isKnownBad || policies.ownership === "observe") return "tell";
  if (policies.ownership === "createOnly" && exists) {
    // One that was cut short while it was made is made to its end; to start anew what it made is no change of that.
    if (owned?.making !== true && (owned === undefined || why === "change")) return "tell";
  }
  if (policies.ownership === "own" && exists && owned === undefined) return notItsOwn(of);
  // A new content is ordered, and so is a restart; only what was as declared before can drift.
  return policies.drift !== "repair" && owned?.reached === digest && !notified ? "tell" : "take";
}

const notItsOwn = ({ identity }: Standing): Obstruction => ({
  obstructed: `${identity} is there already, and this Score did not make it`,
  blame: "device",
  next: 'Look at what it is for. Move it away, or let the Score take it over, with the ownership "adopt".',
});

/** Whether what it made stays when it is dropped. */
export const isLeft = ({ removal, ownership }: Policies): boolean => removal === "orphan" || ownership === "observe";

/** What the agent has made and is not about to remove, by the ids of its Scores. */
export const stillWanted = (
  owned: Iterable<Owned>,
  statuses: Readonly<Record<string, ScoreStatus>>,
): readonly { readonly id: string; readonly kind: string }[] =>
  [...owned].flatMap(({ id, wire }) => (statuses[id]?.state === "Retiring" ? [] : [{ id, kind: wire.kind }]));
