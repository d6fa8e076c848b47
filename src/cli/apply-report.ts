import { match } from "ts-pattern";
import type { ApplyResult } from "../fleet/index.ts";
import type { ToldStatus } from "../wire/told-status.ts";
import { summary } from "./apply-progress.ts";
import { spoken } from "./duration.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { failureReport, rolledBackReport, scoreTable } from "./score-report.ts";
import { tellUnreachable } from "./server.ts";
import { printJson, type Session } from "./session.ts";

/** Tells what became of a manifest, and says what the command ends with. */
export function reportApply(session: Session, result: ApplyResult, agentId: string): ExitCode {
  const { say, complain, json, paintErr } = session;
  const show = (status: ToldStatus | null): void => {
    if (status === null) return;
    if (json) printJson(session, status);
    else if (Object.keys(status.scores).length > 0) session.io.err(scoreTable(status, paintErr));
    if (!json) session.io.err(`${rolledBackReport(status, paintErr)}${failureReport(status, paintErr, new Date())}`);
  };
  return match(result)
    .returnType<ExitCode>()
    .with({ _tag: "Converged" }, ({ generation, status }) => {
      show(status);
      const all = Object.values(status.scores);
      const drifted = all.filter(({ state }) => state === "Drifted").length;
      const ready = all.length - drifted;
      const what =
        all.length === 0
          ? "nothing of Harmony's is left there"
          : drifted === 0
            ? `${ready === 1 ? "its Score is" : `all ${ready} Scores are`} Ready`
            : `${ready} Ready, ${drifted} Drifted, which is only to be told`;
      if (!json) say(paintErr.green(`${agentId} has converged on generation ${generation}: ${what}`));
      return EXIT.done;
    })
    .with({ _tag: "NotConverged" }, ({ generation, status, troubled }) => {
      show(status);
      complain(
        `${agentId} has not converged on generation ${generation}: ${troubled.join(", ")} ${troubled.length === 1 ? "is" : "are"} not as declared`,
      );
      return EXIT.finding;
    })
    .with({ _tag: "RolledBack" }, ({ generation, status }) => {
      show(status);
      const told = status.conditions.find(({ type }) => type === "RolledBack");
      complain(`${agentId} has taken generation ${generation} back: ${told?.message ?? "it failed"}`);
      return EXIT.finding;
    })
    .with({ _tag: "Shipped" }, ({ generation, revision }) => {
      if (json) printJson(session, { agentId, generation, revision });
      else say(`generation ${generation} is stored for ${agentId}; harmony status ${agentId} tells what becomes of it`);
      return EXIT.done;
    })
    .with({ _tag: "RefusedByAgent" }, ({ generation, reason, message, status }) => {
      show(status);
      complain(`${agentId} refused generation ${generation}: ${reason}: ${message}`);
      return EXIT.finding;
    })
    .with({ _tag: "Superseded" }, ({ generation, by, status }) => {
      show(status);
      const who = by === null ? "the key was overwritten or deleted" : `somebody shipped generation ${by}`;
      complain(`generation ${generation} was superseded: ${who} before ${agentId} had carried it through`);
      return EXIT.finding;
    })
    .with({ _tag: "TimedOut" }, ({ generation, missing, liveness, status }) => {
      if (json && status === null) {
        printJson(session, { agentId, generation, freshness: liveness.freshness, problem: "no status yet" });
      }
      show(status);
      const seen = match(liveness)
        .with({ freshness: "fresh" }, () => "the agent is alive and goes on with it")
        .with(
          { freshness: "stale" },
          ({ silentMs }) => `the agent is silent${silentMs === null ? "" : ` since ${spoken(silentMs)}`}`,
        )
        .with(
          { freshness: "never" },
          () => "this agent was never seen: is it running, with this id and on this server?",
        )
        .exhaustive();
      complain(
        `timed out waiting for ${agentId}: ${summary(missing, 10)}`,
        `Generation ${generation} is stored and waits for it; ${seen}.`,
      );
      return EXIT.timedOut;
    })
    .with({ _tag: "LostSight" }, ({ generation, unreachable, status }) => {
      show(status);
      tellUnreachable(session, unreachable);
      say(`  Generation ${generation} had been stored before that.`);
      return EXIT.unreachable;
    })
    .with({ _tag: "Cancelled" }, ({ shipped }) => {
      complain(
        shipped === null
          ? "stopped before anything was shipped"
          : `stopped waiting; generation ${shipped.generation} is stored, and ${agentId} goes on with it`,
      );
      return EXIT.timedOut;
    })
    .with({ _tag: "Lacking" }, ({ objections }) => {
      for (const { scoreId, sentence } of objections) complain(scoreId === null ? sentence : `${scoreId}: ${sentence}`);
      say(`  Nothing was shipped to ${agentId}.`);
      return EXIT.finding;
    })
    .with({ _tag: "SecretsRefused" }, ({ message, next }) => {
      complain(message, next);
      say(`  Nothing was shipped to ${agentId}.`);
      return EXIT.finding;
    })
    .with({ _tag: "Unfit" }, ({ reason, message }) => {
      complain(`${reason}: ${message}`);
      say("  Nothing was shipped.");
      return EXIT.finding;
    })
    .with({ _tag: "TooLarge" }, ({ bytes, limit }) => {
      complain(
        `the manifest is ${bytes} bytes, the most that an agent reads is ${limit}`,
        'Take some Scores out, or ship large content as assets: content: asset("./FILE").',
      );
      return EXIT.finding;
    })
    .with({ _tag: "Contended" }, ({ attempts }) => {
      complain(
        `somebody else wrote to ${agentId} each of the ${attempts} times that this was tried`,
        "See what else ships manifests to this agent.",
      );
      return EXIT.finding;
    })
    .with({ _tag: "NotReached" }, ({ unreachable, stored }) => {
      tellUnreachable(session, unreachable);
      say(
        stored === null
          ? "  Whether the manifest was stored is not known; applying it again is safe."
          : "  Nothing was shipped.",
      );
      return EXIT.unreachable;
    })
    .exhaustive();
}
