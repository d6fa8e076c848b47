import * as z from "zod";
import type { Fleet } from "../../fleet/index.ts";
import { AgentId } from "../../wire/keys.ts";
import { progressLine } from "../apply-progress.ts";
import { reportApply } from "../apply-report.ts";
import { type AddCommand, agentId, duration, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { messageOption } from "../message-option.ts";
import { tellUnreachable, withFleet } from "../server.ts";
import type { Session } from "../session.ts";
import { readSigners, signOption } from "../sign-option.ts";
import { tellUnknown } from "../unknown-agent.ts";

const Args = z.tuple([AgentId]);
const Options = z.object({
  yes: z.boolean().default(false),
  timeout: z.number(),
  wait: z.boolean(),
  message: z.string().optional(),
  sign: z.array(z.string()).default([]),
});

export const addRemove: AddCommand = (program, run) => {
  program
    .command("remove")
    .summary("has an agent remove everything that it made")
    .description(
      "Ships the empty set of Scores to an agent, which then removes everything that it made. The agent itself stays.",
    )
    .argument("<ID>", "the agent", agentId)
    .option("-y, --yes", "do not ask")
    .option("--timeout <TIME>", "how long to wait: 500ms, 60s, 5m", duration, 60_000)
    .option("--no-wait", "end once it is stored for the agent")
    .addOption(messageOption())
    .addOption(signOption())
    .addHelpText("after", examples("harmony remove pi-7", "harmony remove pi-7 --yes --json --message 'retired'"))
    .action(
      run(async (session, args, options) => {
        const [agent] = Args.parse(args);
        const { yes, timeout, wait, message, sign } = Options.parse(options);
        const { io } = session;
        if (!yes && io.ask === null) {
          session.complain(
            `this removes everything that agent ${agent} made`,
            "There is no terminal to ask at: say --yes.",
          );
          return EXIT.usage;
        }
        const signers = await readSigners(session, sign);
        if (signers === null) return EXIT.usage;
        return withFleet(session, async (fleet) => {
          const stop = await confirm(session, fleet, agent, yes);
          if (stop !== null) return stop;
          const progress = progressLine(session, agent);
          const removing = fleet.remove(agent, {
            signal: io.signal,
            timeoutMs: timeout,
            wait,
            message,
            signers,
            onProgress: progress.tell,
          });
          const result = await removing.finally(progress.end);
          return reportApply(session, result, agent);
        });
      }),
    );
};

/** Null: go on. */
async function confirm(session: Session, fleet: Fleet, agent: AgentId, yes: boolean): Promise<ExitCode | null> {
  const { io, say } = session;
  const view = await fleet.status(agent, { signal: io.signal });
  if (view._tag === "Unreachable") {
    tellUnreachable(session, view);
    return view.reason === "NoBucket" ? EXIT.finding : EXIT.unreachable;
  }
  if (view.status._tag === "None" && view.heartbeat === null) {
    const desired = await fleet.desired(agent, { signal: io.signal });
    // A misspelt id is not to make a key for an agent that does not exist.
    if (desired._tag === "None") return tellUnknown(session, fleet, agent);
  }
  if (yes || io.ask === null) return null;
  const ids = view.status._tag === "Known" ? Object.keys(view.status.status.scores) : [];
  if (ids.length > 0) {
    say(
      `${agent} has ${ids.length === 1 ? "one Score" : `${ids.length} Scores`}: ${ids.slice(0, 20).join(", ")}${ids.length > 20 ? ", ..." : ""}`,
    );
  }
  const answer = await io.ask(`Remove everything that ${agent} made? [y/N] `);
  if (/^y(es)?$/i.test(answer.trim())) return null;
  say("Nothing was removed.");
  return EXIT.finding;
}
