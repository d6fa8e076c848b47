import { type DevicePlan, doings, isEmptyPlan, isFlawed } from "./plan-many.ts";

/** Devices whose plans say the same. All of them have the tag of the first. */
export type PlanGroup = readonly [DevicePlan, ...DevicePlan[]];

/**
 * Plans that say the same, together: what is done, what is declared otherwise, and what stood there before. From which generation,
 * and how long a unit took the last time, may differ. Of those that answered first, and the largest groups first.
 */
export function groupPlans(plans: readonly DevicePlan[]): readonly PlanGroup[] {
  const groups = new Map<string, [DevicePlan, ...DevicePlan[]]>();
  for (const each of plans) {
    const key = keyOf(each);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  const rank = { Planned: 0, LastKnown: 1, NotPlanned: 2 };
  // A sort keeps the order of what is alike: that in which the devices were given.
  return [...groups.values()].toSorted(
    ([a, ...as], [b, ...bs]) => rank[a._tag] - rank[b._tag] || bs.length - as.length,
  );
}

function keyOf(each: DevicePlan): string {
  switch (each._tag) {
    case "Planned": {
      const { scores } = each.plan;
      const told = Object.values(scores).map((score) => [
        score.kind,
        "error" in score ? [score.error.message, score.error.next] : null,
        "standing" in score ? score.standing : null,
        "downtime" in score ? score.downtime.map(({ unit, does }) => [unit, does]) : null,
      ]);
      return JSON.stringify(["Planned", doings(scores), told, each.changes, [...each.texts]]);
    }
    case "LastKnown":
      return JSON.stringify(["LastKnown", each.known.scores]);
    case "NotPlanned":
      // Most of these name the device.
      return JSON.stringify(["NotPlanned", each.reason, each.message.replaceAll(each.agentId, "")]);
  }
}

/** How many devices came to what. */
export interface PlanSummary {
  readonly devices: number;
  /** Something would be done there; `flawed` ones are not among these. */
  readonly change: number;
  readonly nothingToDo: number;
  /** A Score would fail or be refused there, or the whole manifest. */
  readonly flawed: number;
  /** Planned by what they told last, or not at all, since they could not be asked. */
  readonly unanswered: number;
}

export function summed(plans: readonly DevicePlan[]): PlanSummary {
  const count = (is: (each: DevicePlan) => boolean): number => plans.filter(is).length;
  return {
    devices: plans.length,
    change: count((each) => each._tag === "Planned" && !isFlawed(each.plan) && !isNothing(each)),
    nothingToDo: count(isNothing),
    flawed: count(isFinding),
    unanswered: count(isUnanswered),
  };
}

/** Whether there is nothing to do on a device, and nothing is declared otherwise than it was. */
export const isNothing = (each: DevicePlan): boolean =>
  each._tag === "Planned" && isEmptyPlan(each.plan) && each.changes?.length === 0;

export const isUnanswered = (each: DevicePlan): boolean =>
  each._tag === "LastKnown" || (each._tag === "NotPlanned" && each.reason === "NotReached");

export const isFinding = (each: DevicePlan): boolean =>
  (each._tag === "Planned" && isFlawed(each.plan)) || (each._tag === "NotPlanned" && each.reason !== "NotReached");
