import { type DevicePlan, type DeviceToPlan, type Fleet, groupPlans, summed } from "../fleet/index.ts";
import type { AgentId } from "../wire/keys.ts";
import { countingLine } from "./counting-line.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { tellUnreachable } from "./server.ts";
import type { Session } from "./session.ts";

/** Asks them all, and tells how far that is where it takes long. A number: the server is gone, which has been told. */
export async function askAll(
  session: Session,
  fleet: Fleet,
  devices: readonly DeviceToPlan[],
  how: Omit<NonNullable<Parameters<Fleet["planMany"]>[1]>, "signal" | "onPlan">,
): Promise<readonly DevicePlan[] | ExitCode> {
  let answered = 0;
  const progress = countingLine(session, () => `${answered} of ${devices.length} devices have been asked`);
  const onPlan = (): void => {
    answered += 1;
  };
  const plans = await fleet.planMany(devices, { ...how, signal: session.io.signal, onPlan }).finally(progress.end);
  if (!("_tag" in plans)) return plans;
  tellUnreachable(session, plans);
  return EXIT.unreachable;
}

/** All of it, for `--json`. */
export const plansDocument = (plans: readonly DevicePlan[], leftOut: readonly AgentId[]) => ({
  _tag: "Plans",
  plans: plans.map((each) => {
    if (each._tag !== "Planned") return each;
    const { texts: _, ...rest } = each;
    return rest;
  }),
  groups: groupPlans(plans).map((group) => group.map(({ agentId }) => agentId)),
  leftOut,
  summary: summed(plans),
});
