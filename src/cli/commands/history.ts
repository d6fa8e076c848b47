import { InvalidArgumentError } from "commander";
import * as z from "zod";
import { AgentId } from "../../wire/keys.ts";
import { type AddCommand, agentId, examples } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { historyReport } from "../history-report.ts";
import { tellUnreachable, withFleet } from "../server.ts";
import { printJson } from "../session.ts";
import { tellUnknown } from "../unknown-agent.ts";

const Args = z.tuple([AgentId]);
const Options = z.object({ limit: z.int() });

export const addHistory: AddCommand = (program, run) => {
  program
    .command("history")
    .summary("what an agent was to be: when, by whom, why, and what came of it")
    .description(
      "Shows the manifests that were shipped to an agent, the newest first. The last 1000 are kept. BY is who signed, as the agent " +
        "found it, and with a question mark a name that it has not verified. RESULT is what the agent has put on record.",
    )
    .argument("<ID>", "the agent", agentId)
    .option("-n, --limit <N>", "the newest N", limit, 20)
    .addHelpText(
      "after",
      examples(
        "harmony history pi-7",
        "harmony history pi-7 --limit 1000 --json | jq '.entries[] | select(.result._tag == \"Refused\")'",
      ),
    )
    .action(
      run(async (session, args, options) => {
        const [agent] = Args.parse(args);
        return withFleet(session, async (fleet) => {
          const found = await fleet.history(agent, { ...Options.parse(options), signal: session.io.signal });
          if (found._tag === "Unreachable") {
            tellUnreachable(session, found);
            return found.reason === "NoBucket" ? EXIT.finding : EXIT.unreachable;
          }
          const { entries, hasMore, resultsLost } = found;
          if (entries.length === 0) return tellUnknown(session, fleet, agent);
          if (resultsLost !== null) {
            session.say(`What came of them cannot be told: ${resultsLost.message}`);
          }
          if (session.json) printJson(session, { agentId: agent, entries, hasMore });
          else session.io.out(historyReport(found, session.paintOut));
          if (hasMore && !session.json) session.say("Older ones are kept: --limit shows more.");
          return EXIT.done;
        });
      }),
    );
};

function limit(text: string): number {
  const number = Number(text);
  if (/^\d{1,4}$/.test(text) && number > 0) return number;
  throw new InvalidArgumentError("It is a number from 1 to 9999.");
}
