import { type DevicePlan, type DeviceToPlan, type Fleet, gist, groupPlans, isNothing, summed } from "../fleet/index.ts";
import { askAll, plansDocument } from "./asking-all.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { plansReport } from "./plans-report.ts";
import { printJson, type Session } from "./session.ts";
import type { Signer } from "./sign-option.ts";

const NAMED = 5;

/**
 * Shows what a roll-out would change on its devices and asks whether to begin it; then looks again, at all that answered. Gives
 * null where it is to begin, else what the command ends with, all told.
 */
export async function confirmedForMany(
  session: Session,
  fleet: Fleet,
  devices: readonly DeviceToPlan[],
  { yes, signers }: { readonly yes: boolean; readonly signers: readonly Signer[] },
): Promise<ExitCode | null> {
  const { io, say, complain, json, paintErr } = session;
  const plans = await askAll(session, fleet, devices, { signers });
  if (typeof plans === "number") return plans;
  const isDone = plans.every(isNothing);
  if (json && isDone) printJson(session, plansDocument(plans, []));
  else io.err(plansReport(groupPlans(plans), paintErr));
  if (isDone) return EXIT.done;
  const { flawed, unanswered } = summed(plans);
  if (flawed > 0) say(`On ${flawed} of ${plans.length} devices not all of it can be so.`);
  if (unanswered > 0) say(`What would change on ${unanswered} of ${plans.length} devices is not known by a look.`);
  if (!yes && io.ask !== null) {
    const answer = await io.ask(`Begin the roll-out to ${plans.length} devices? [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) {
      say("Nothing was shipped.");
      return EXIT.finding;
    }
  }
  const before = new Map(plans.flatMap((each) => (each._tag === "Planned" ? [[each.agentId, gist(each.plan)]] : [])));
  const asked = devices.filter(({ agentId }) => before.has(agentId));
  const again = await askAll(session, fleet, asked, { signers });
  if (typeof again === "number") return again;
  const moved = again.filter((each) => gistOf(each) !== before.get(each.agentId)).map(({ agentId }) => agentId);
  if (moved.length === 0) return null;
  const names = `${moved.slice(0, NAMED).join(", ")}${moved.length > NAMED ? ` and ${moved.length - NAMED} more` : ""}`;
  complain(
    `${names} ${moved.length === 1 ? "has" : "have"} changed since the plan was made: nothing was shipped`,
    "Look at the plan once more.",
  );
  return EXIT.finding;
}

const gistOf = (each: DevicePlan): string | null => (each._tag === "Planned" ? gist(each.plan) : null);
