import { randomBytes } from "node:crypto";
import { InvalidArgumentError } from "commander";
import { match } from "ts-pattern";
import * as z from "zod";
import type { Fleet, LogNews } from "../../fleet/index.ts";
import { AgentId } from "../../wire/keys.ts";
import { type LogItem, MOST_LINES } from "../../wire/logs.ts";
import { type AddCommand, agentId, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { logText } from "../log-report.ts";
import { nearest } from "../nearest.ts";
import { tellUnreachable, withFleet } from "../server.ts";
import { printJson, type Session } from "../session.ts";
import { sinceWhen } from "../since-option.ts";
import { tellUnknown } from "../unknown-agent.ts";

const Args = z.tuple([AgentId, z.string().optional()]);
const Options = z.object({
  follow: z.boolean().default(false),
  tail: z.int().optional(),
  since: z.date().optional(),
});

/** Who follows wants what comes, and a little before it. */
const FOLLOWED_LINES = 10;
const SHOWN_LINES = 100;

export const addLogs: AddCommand = (program, run) => {
  program
    .command("logs")
    .summary("what a Score's program has logged, or the agent itself")
    .description(
      "Asks the agent, which reads the device's journal: what the units of a SystemdService, SystemdTimer, SystemdUnit or " +
        "Container have logged. Without SCORE, the agent's own log. Secrets are taken out on the device.",
    )
    .argument("<ID>", "the agent", agentId)
    .argument("[SCORE]", "the id of a Score (default: the agent's own log)")
    .option("-f, --follow", "go on and show what comes, over outages too; with --json one document a line")
    .option(
      "-n, --tail <N>",
      `the newest N lines, at most ${MOST_LINES} (default: ${SHOWN_LINES}; with --follow ${FOLLOWED_LINES}; with --since all)`,
      lines,
    )
    .option("--since <TIME>", "none that are older: 30m, 12h, 7d, or a date such as 2026-11-24T08:00Z", sinceWhen)
    .addHelpText(
      "after",
      examples(
        "harmony logs pi-7",
        "harmony logs pi-7 web --follow",
        "harmony logs pi-7 web --since 1h",
        "harmony logs pi-7 web -n 500 --json | jq -r '.items[].text'",
      ),
    )
    .addHelpText("after", "Ends with 0 when it is interrupted, and with 1 where the Score runs nothing.")
    .action(
      run(async (session, args, options) => {
        const [agent, scoreId] = Args.parse(args);
        const { follow, since, tail } = Options.parse(options);
        const newest = tail ?? (since === undefined ? (follow ? FOLLOWED_LINES : SHOWN_LINES) : undefined);
        return withFleet(session, async (fleet) => {
          const reader = randomBytes(12).toString("hex");
          const { signal } = session.io;
          const asked = { scoreId, tail: newest, since, follow, signal, reader };
          return show(session, fleet, { agent, follow }, fleet.logs(agent, asked));
        });
      }),
    );
};

interface Shown {
  readonly agent: AgentId;
  readonly follow: boolean;
}

async function show(
  session: Session,
  fleet: Fleet,
  { agent, follow }: Shown,
  news: AsyncIterable<LogNews>,
): Promise<ExitCode> {
  const { io, json, paintOut } = session;
  const items: LogItem[] = [];
  let about: object = {};
  let lineCount = 0;
  let code: ExitCode = EXIT.done;
  for await (const each of news) {
    if (each._tag !== "Lines") {
      code = await tell(session, fleet, agent, each);
      continue;
    }
    if (code !== EXIT.done) session.say("The agent answers again: it goes on where it was.");
    code = EXIT.done;
    const { agentId: told, source, units } = each;
    about = { agentId: told, source, units };
    lineCount += each.items.length;
    for (const item of each.items) {
      if (!json) io.out(logText(item, paintOut));
      else if (follow) printJson({ ...session, jsonLines: true }, item);
      else items.push(item);
    }
    await io.outTaken?.();
  }
  if (io.signal.aborted && code !== EXIT.usage) code = EXIT.done;
  if (code !== EXIT.done) return code;
  if (json && !follow) printJson(session, { ...about, items });
  else if (lineCount === 0 && !follow) session.say("Nothing was logged.");
  return code;
}

async function tell(
  session: Session,
  fleet: Fleet,
  agent: AgentId,
  news: Exclude<LogNews, { _tag: "Lines" }>,
): Promise<ExitCode> {
  return match(news)
    .returnType<ExitCode | Promise<ExitCode>>()
    .with({ _tag: "Refused" }, ({ reason, message, next, scores = [] }) => {
      const asked = /"(.*)"/.exec(message)?.[1] ?? "";
      const near = reason === "NoSuchScore" ? nearest(asked, scores) : null;
      session.complain(
        message,
        near === null ? (scores.length > 0 ? `It has ${scores.join(", ")}.` : next) : `Did you mean "${near}"?`,
      );
      return EXIT.finding;
    })
    .with({ _tag: "NoAnswer" }, async ({ message, next }) => {
      const view = await fleet.status(agent, { signal: session.io.signal });
      const isUnknown = view._tag === "View" && view.status._tag === "None" && view.heartbeat === null;
      if (isUnknown) return tellUnknown(session, fleet, agent);
      session.complain(message, next);
      return EXIT.unreachable;
    })
    .with({ _tag: "Unreadable" }, ({ message }) => {
      session.complain(message, "Is the agent of another version than this harmony?");
      return EXIT.finding;
    })
    .with({ _tag: "Unreachable" }, (unreachable) => {
      tellUnreachable(session, unreachable);
      return EXIT.unreachable;
    })
    .exhaustive();
}

function lines(text: string): number {
  const number = Number(text);
  if (/^\d{1,5}$/.test(text) && number <= MOST_LINES) return number;
  throw new InvalidArgumentError(`It is a number from 0 to ${MOST_LINES}.`);
}
