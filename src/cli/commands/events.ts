import { InvalidArgumentError, Option } from "commander";
import * as z from "zod";
import { events, type EventFinding, systemClock, type ToldEvent } from "../../fleet/index.ts";
import { EVENT_TYPES } from "../../wire/events.ts";
import { AgentId } from "../../wire/keys.ts";
import { type AddCommand, agentId, examples, several } from "../command.ts";
import { eventLine, findingLine } from "../event-report.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { sinceWhen } from "../since-option.ts";
import { tellUnreachable, withStore } from "../server.ts";
import { printJson, type Session } from "../session.ts";

const Args = z.tuple([AgentId.optional()]);
const Options = z.object({
  follow: z.boolean().default(false),
  since: z.date().optional(),
  type: z.array(z.string()).default([]),
  limit: z.int().optional(),
});

const DEFAULT_LIMIT = 100;

export const addEvents: AddCommand = (program, run) => {
  program
    .command("events")
    .summary("what agents have accepted, refused and run, and who signed it")
    .description(
      "Shows what agents have put on record, oldest first, and looks whether each one's record is whole. The times " +
        "shown are the devices'; --since goes by when the server was told.",
    )
    .argument("[ID]", "the agent (default: all)", agentId)
    .option("-f, --follow", "go on and show what comes; with --json one document a line")
    .option("--since <TIME>", "from then on: 30m, 12h, 7d, or a date such as 2026-11-24T08:00Z", sinceWhen)
    .addOption(
      new Option("--type <TYPE>", "these alone; may be repeated").choices([...EVENT_TYPES]).argParser(typeNamed),
    )
    .option("--limit <N>", `the newest N of those there are (default: ${DEFAULT_LIMIT} without --since)`, count)
    .addHelpText(
      "after",
      examples(
        "harmony events",
        "harmony events pi-7 --follow",
        "harmony events --since 24h --type ManifestRefused",
        "harmony events pi-7 --json | jq '.events[].record.signedBy'",
      ),
    )
    .addHelpText("after", "Ends with 1 where a record is missing or was changed.")
    .action(
      run(async (session, args, options) => {
        const [agent] = Args.parse(args);
        const { follow, since, type, limit } = Options.parse(options);
        const newest = limit ?? (since === undefined ? DEFAULT_LIMIT : undefined);
        const isWanted = (each: string): boolean => type.length === 0 || type.includes(each);
        return show(session, { agentId: agent, since, limit: newest, isWanted, follow });
      }),
    );
};

type Asked = Omit<Parameters<typeof events>[1], "signal">;

async function show(session: Session, asked: Asked): Promise<ExitCode> {
  return withStore(session, async (stream) => {
    const { io, json, paintOut, complain } = session;
    const isFollowing = asked.follow === true;
    const shown: ToldEvent[] = [];
    const findings: EventFinding[] = [];
    let told = 0;
    for await (const each of events({ stream, clock: systemClock }, { ...asked, signal: io.signal })) {
      if (each._tag === "Unreachable") {
        tellUnreachable(session, each);
        if (!isFollowing || each.reason === "NoBucket" || each.reason === "Denied") return EXIT.unreachable;
        continue;
      }
      told += 1;
      if (each._tag === "Finding") {
        if (isFollowing && json) printJson({ ...session, jsonLines: true }, asJson(each));
        else if (!json) complain(findingLine(each));
        if (each.reason !== "Anew" || !isFollowing) findings.push(each);
      } else if (!json) io.out(eventLine(each, paintOut));
      else if (isFollowing) printJson({ ...session, jsonLines: true }, asJson(each));
      else shown.push(each);
      if (isFollowing) await io.outTaken?.();
    }
    if (json && !isFollowing) printJson(session, { events: shown.map(asJson), findings: findings.map(asJson) });
    else if (told === 0 && !isFollowing) {
      session.say(`No events${asked.agentId === undefined ? "" : ` of ${asked.agentId}`} are stored.`);
    }
    return findings.some(({ reason }) => reason !== "Anew") ? EXIT.finding : EXIT.done;
  });
}

const asJson = (each: ToldEvent | EventFinding): object => {
  if (each._tag === "Finding") {
    const { _tag, ...finding } = each;
    return finding;
  }
  const { position, storedAt, sha256, line } = each;
  return { position, storedAt: storedAt.toISOString(), sha256, record: JSON.parse(line) as unknown };
};

function typeNamed(text: string, before: unknown): readonly unknown[] {
  const known = EVENT_TYPES.find((type) => type.toLowerCase() === text.toLowerCase());
  if (known === undefined) throw new InvalidArgumentError(`Allowed choices are ${EVENT_TYPES.join(", ")}.`);
  return several(known, before);
}

function count(text: string): number {
  const number = Number(text);
  if (/^\d{1,6}$/.test(text) && number > 0) return number;
  throw new InvalidArgumentError("It is a number from 1 to 999999.");
}
