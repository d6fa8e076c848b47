import * as z from "zod";
import { differences } from "../../fleet/index.ts";
import { AgentId } from "../../wire/keys.ts";
import { type AddCommand, agentId, examples, generation } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { differenceReport } from "../history-report.ts";
import { tellUnreachable, withFleet } from "../server.ts";
import { printJson } from "../session.ts";
import { tellNoGeneration } from "../unknown-generation.ts";

const Args = z.tuple([AgentId, z.number(), z.number()]);

export const addDiff: AddCommand = (program, run) => {
  program
    .command("diff")
    .summary("what two manifests of an agent differ in")
    .description("Shows what generation B of an agent's manifest has that generation A has not, field by field.")
    .argument("<ID>", "the agent", agentId)
    .argument("<A>", "a generation, as harmony history shows them", generation)
    .argument("<B>", "another one", generation)
    .addHelpText("after", examples("harmony diff pi-7 11 12", "harmony diff pi-7 11 12 --json"))
    .action(
      run(async (session, args) => {
        const [agent, a, b] = Args.parse(args);
        return withFleet(session, async (fleet) => {
          const found = await fleet.manifests(agent, [a, b], { signal: session.io.signal });
          if ("_tag" in found) {
            tellUnreachable(session, found);
            return found.reason === "NoBucket" ? EXIT.finding : EXIT.unreachable;
          }
          const [before, after] = [found.get(a), found.get(b)];
          for (const [number, each] of [
            [a, before],
            [b, after],
          ] as const) {
            if (each === undefined || each._tag !== "Manifest") {
              return tellNoGeneration(session, fleet, agent, number, each?.kept ?? []);
            }
          }
          if (before?._tag !== "Manifest" || after?._tag !== "Manifest") return EXIT.finding;
          const all = differences(before, after);
          if (session.json) printJson(session, { agentId: agent, from: a, to: b, scores: all });
          else if (all.length > 0) session.io.out(differenceReport(all, session.paintOut));
          else session.say(`Generations ${a} and ${b} of ${agent} are the same.`);
          return EXIT.done;
        });
      }),
    );
};
