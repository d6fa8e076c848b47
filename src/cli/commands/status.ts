import * as z from "zod";
import type { AgentView, Fleet, Selector } from "../../fleet/index.ts";
import { AgentId } from "../../wire/keys.ts";
import { agentReport, agentsTable, asJson } from "../agent-report.ts";
import { type AddCommand, agentId, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { selectedOrTell, selector as selectorOf, SELECTOR_HELP } from "../selector-option.ts";
import { tellUnreachable, withFleet } from "../server.ts";
import { printJson, type Session } from "../session.ts";
import { tellUnknown } from "../unknown-agent.ts";

const Args = z.tuple([AgentId.optional()]);
const Options = z.object({ watch: z.boolean().default(false), selector: z.custom<Selector>().optional() });

export const addStatus: AddCommand = (program, run) => {
  program
    .command("status")
    .summary("what an agent, or each of them, last told")
    .description(
      "Shows the status that an agent last told, or one line for each agent, and whether its heartbeats still come.",
    )
    .argument("[ID]", "the agent (default: all)", agentId)
    .option("--selector <SELECTOR>", SELECTOR_HELP, selectorOf)
    .option("-w, --watch", "go on and show each change; with --json one document a line")
    .addHelpText(
      "after",
      examples(
        "harmony status",
        "harmony status pi-7",
        "harmony status pi-7 --json | jq .scores",
        "harmony status --selector site=paris",
        "harmony status --watch --json",
      ),
    )
    .action(
      run(async (session, args, options) => {
        const [agent] = Args.parse(args);
        const { watch, selector } = Options.parse(options);
        if (agent !== undefined && selector !== undefined) {
          session.complain("it is about one agent or about those of a selector", "Leave out ID or --selector.");
          return EXIT.usage;
        }
        return withFleet(session, async (fleet) => {
          const chosen = selector === undefined ? null : await selectedOrTell(session, fleet, selector);
          if (typeof chosen === "number") return chosen;
          if (watch) return follow({ ...session, jsonLines: true }, fleet, agent ?? "all", chosen);
          return agent === undefined ? showAll(session, fleet, chosen) : showOne(session, fleet, agent);
        });
      }),
    );
};

async function showOne(session: Session, fleet: Fleet, agent: AgentId): Promise<ExitCode> {
  const { io, json } = session;
  const view = await fleet.status(agent, { signal: io.signal });
  if (view._tag === "Unreachable") return unreachable(session, fleet, view, agent);
  if (view.status._tag === "Known") {
    if (json) {
      printJson(session, view.status.stored);
    } else {
      const desired = await fleet.desired(agent, { signal: io.signal });
      io.out(agentReport(view, desired._tag === "Desired" ? desired.generation : null, session.paintOut, new Date()));
    }
    return EXIT.done;
  }
  if (view.status._tag === "Unreadable") {
    session.complain(
      `the status of ${agent} cannot be read: ${view.status.message}`,
      "Is the agent of a newer version than this harmony?",
    );
    return EXIT.finding;
  }
  const desired = await fleet.desired(agent, { signal: io.signal });
  if (desired._tag === "None" && view.heartbeat === null) return tellUnknown(session, fleet, agent);
  const waiting =
    desired._tag === "Desired" ? `generation ${desired.generation} is stored for it` : "no manifest is stored for it";
  const seen =
    view.liveness.freshness === "never" ? "it was never seen" : `its heartbeats are ${view.liveness.freshness}`;
  session.complain(`agent ${agent} has told no status yet`, `What is known: ${waiting}, and ${seen}.`);
  return EXIT.finding;
}

/** `chosen`: these alone; null: all. */
async function showAll(session: Session, fleet: Fleet, chosen: readonly AgentId[] | null): Promise<ExitCode> {
  const all = await fleet.statusOfAll({ signal: session.io.signal });
  if ("_tag" in all) {
    tellUnreachable(session, all);
    return EXIT.unreachable;
  }
  const views = chosen === null ? all : all.filter(({ agentId: id }) => chosen.includes(id));
  if (session.json) printJson(session, { agents: views.map(asJson) });
  else if (views.length === 0) session.say("No agent is known to this server yet.");
  else session.io.out(agentsTable(views, session.paintOut));
  return EXIT.done;
}

/** Until it is told to end. */
async function follow(
  session: Session,
  fleet: Fleet,
  whom: AgentId | "all",
  chosen: readonly AgentId[] | null,
): Promise<ExitCode> {
  const { io, json } = session;
  for await (const event of fleet.watch(whom, { signal: io.signal })) {
    if (event._tag === "Unreachable") {
      if (event.reason === "NoBucket" || event.reason === "Denied") return unreachable(session, fleet, event, whom);
      tellUnreachable(session, event);
    } else if (chosen !== null && !chosen.includes(event.agentId)) {
      continue;
    } else if (json) {
      const document = whom === "all" ? asJson(event) : event.status._tag === "Known" ? event.status.stored : null;
      if (document !== null) printJson(session, document);
      else if (event.status._tag === "Unreadable") {
        session.complain(`the status of ${event.agentId} cannot be read: ${event.status.message}`);
      }
    } else if (whom === "all") {
      io.out(agentsTable([event], session.paintOut));
    } else {
      io.out(shown(event, session));
    }
    // A reader that is slow gets what is newest then, and not all that was meanwhile.
    await io.outTaken?.();
  }
  return EXIT.done;
}

const shown = (view: AgentView, { paintOut }: Session): string =>
  view.status._tag === "Known" ? `${agentReport(view, null, paintOut, new Date())}\n` : agentsTable([view], paintOut);

async function unreachable(
  session: Session,
  fleet: Fleet,
  why: Parameters<typeof tellUnreachable>[1],
  agent: AgentId | "all",
): Promise<ExitCode> {
  // A server whose buckets were never made is there, and knows nobody.
  if (why.reason === "NoBucket" && agent !== "all") return tellUnknown(session, fleet, agent);
  tellUnreachable(session, why);
  return EXIT.unreachable;
}
