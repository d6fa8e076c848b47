import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import * as z from "zod";
import type { FleetSnapshot } from "../../check/snapshot.ts";
import { type AddCommand, examples } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { documentsOf, EVERY } from "../fleet-documents.ts";
import { displayPath } from "../problem.ts";
import { GivenSelector, selectorOption } from "../selector-option.ts";
import { printJson } from "../session.ts";
import { table } from "../table.ts";

const Options = z.object({ save: z.string().optional(), selector: GivenSelector.optional() });

export const addFleetCapabilities: AddCommand = (program, run) => {
  program
    .command("capabilities")
    .summary("what the agents of a fleet offer, as they have published it")
    .description(
      "Reads what every agent has published of itself: its capabilities, kinds, labels and policies. With --save it is kept in " +
        "a file, for harmony check --capabilities where no server is in reach. It holds no secret.",
    )
    .option("--save <FILE>", "where to keep it, for harmony check --capabilities FILE")
    .addOption(selectorOption("the agents with these labels alone, such as site=paris,role!=kiosk"))
    .addHelpText(
      "after",
      examples(
        "harmony fleet capabilities",
        "harmony fleet capabilities --save fleet.json",
        "harmony fleet capabilities --selector site=paris --json",
      ),
    )
    .action(
      run(async (session, _args, given) => {
        const { save, selector = EVERY } = Options.parse(given);
        const { io, say, complain, paintOut } = session;
        const read = await documentsOf(session, selector);
        if (typeof read === "number") return read;
        for (const { agentId, message } of read.unreadable) {
          complain(
            `what agent ${agentId} has published cannot be read: ${message}`,
            "Is it of a newer version than this harmony?",
          );
        }
        const agents = read.agents.map(({ document }) => document);
        const snapshot: FleetSnapshot = { savedAt: new Date().toISOString(), agents };
        if (save !== undefined) {
          const path = resolve(io.cwd, save);
          try {
            await mkdir(dirname(path), { recursive: true });
            // To be committed and read by others: it is no secret.
            await writeFile(path, `${JSON.stringify(snapshot, null, 2)}\n`);
          } catch (error) {
            complain(`${save} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
            return EXIT.usage;
          }
          say(`${agents.length} agents in ${displayPath(path, io.cwd)}.`);
        }
        if (session.json) printJson(session, snapshot);
        else if (save === undefined && agents.length === 0) say("No agent has published anything yet.");
        else if (save === undefined) {
          const rows = agents.map(({ agentId, agentVersion, topology, capabilities }) => [
            agentId,
            agentVersion,
            topology,
            Object.keys(capabilities).join(", "),
          ]);
          io.out(table(["agent", "version", "topology", "offers"], rows, paintOut.dim));
        }
        return read.unreadable.length === 0 ? EXIT.done : EXIT.finding;
      }),
    );
};
