import {
  type Asked,
  type Fleet,
  gist,
  isEmptyPlan,
  isFlawed,
  type Plan,
  type PlanResult,
  textsAsked,
  tooLarge,
} from "../fleet/index.ts";
import type { AgentId } from "../wire/keys.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { planReport } from "./plan-report.ts";
import { tellUnreachable } from "./server.ts";
import { printJson, type Session } from "./session.ts";

/** Whatever the key holds. */
export const ANY: { readonly expect?: number } = {};

/**
 * Shows what a manifest would change on an agent and asks whether to ship it; then looks again, since both the device and the
 * key may have changed while somebody thought. Gives what the key has to be at, or what the command ends with, all told.
 */
export async function confirmed(
  session: Session,
  fleet: Fleet,
  agent: AgentId,
  asked: Asked,
  yes: boolean,
  ask: () => Promise<PlanResult>,
): Promise<{ readonly expect: number } | ExitCode> {
  const { io, say, complain, json, paintErr } = session;
  const call = { signal: io.signal };
  const desired = await fleet.desired(agent, call);
  if (desired._tag === "Unreachable") {
    tellUnreachable(session, desired);
    return EXIT.unreachable;
  }
  const plan = answered(session, await ask());
  if (typeof plan === "number") return plan;
  const since = await fleet.changesSince(agent, plan.generation, asked, call);
  const changes = since === null || "_tag" in since ? null : since;
  const isNothing = isEmptyPlan(plan) && changes?.size === 0;
  if (json && isNothing) printJson(session, plan);
  else io.err(planReport(plan, paintErr, changes, textsAsked(asked)));
  if (isNothing) return EXIT.done;
  if (isFlawed(plan)) say("Not all of it can be so.");
  if (!yes && io.ask !== null) {
    const answer = await io.ask(`Ship it to ${agent}? [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) {
      say("Nothing was shipped.");
      return EXIT.finding;
    }
  }
  const again = answered(session, await ask());
  if (typeof again === "number") return again;
  if (gist(again) !== gist(plan)) {
    complain(
      `${agent} has changed since the plan was made: it would do something else now`,
      "Look at the plan once more.",
    );
    return EXIT.finding;
  }
  return { expect: desired.revision };
}

function answered(session: Session, result: PlanResult): Plan | ExitCode {
  const { complain } = session;
  switch (result._tag) {
    case "Answered":
      if (result.reply._tag === "Plan") return result.reply;
      complain(`the agent would refuse this manifest: ${result.reply.reason}: ${result.reply.message}`);
      return EXIT.finding;
    case "NoAnswer":
      complain(
        result.message,
        "Without --plan it is shipped all the same, and carried through when the agent is back.",
      );
      return EXIT.unreachable;
    case "Unreadable":
      complain(result.message, "Is the agent of another version than this harmony?");
      return EXIT.finding;
    case "Lacking":
      for (const { sentence } of result.objections) complain(sentence);
      return EXIT.finding;
    case "SecretsRefused":
      complain(result.message, result.next);
      return EXIT.finding;
    case "TooLarge":
      complain(tooLarge(result));
      return EXIT.finding;
    case "Unreachable":
      tellUnreachable(session, result);
      return EXIT.unreachable;
  }
}
