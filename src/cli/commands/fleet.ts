import type { Command } from "commander";
import { type AddCommand, examples, type Run } from "../command.ts";
import { addFleetCapabilities } from "./fleet-capabilities.ts";
import { addFleetInit } from "./fleet-init.ts";
import { addFleetList } from "./fleet-list.ts";
import { addFleetAccept, addFleetRevoke } from "./fleet-members.ts";
import { addFleetRekey } from "./fleet-rekey.ts";
import { addFleetServe } from "./fleet-serve.ts";

/** The set-up of a fleet. All but `capabilities` work on its directory, and only the server's own user runs them. */
export const addFleet: AddCommand = (program: Command, run: Run) => {
  const fleet = program
    .command("fleet")
    .summary("keys, server and members of a fleet (init, serve, accept, revoke, list, rekey, capabilities)")
    .description("Sets up a fleet: its keys, its server, and which devices belong to it.")
    .addHelpText(
      "after",
      examples(
        "harmony fleet init --host nats.example.org",
        "harmony fleet serve",
        "harmony fleet accept CODE",
        "harmony fleet revoke pi-7",
        "harmony fleet list --ending",
        "harmony fleet capabilities --save fleet.json",
      ),
    );
  for (const add of [
    addFleetInit,
    addFleetServe,
    addFleetAccept,
    addFleetRevoke,
    addFleetList,
    addFleetRekey,
    addFleetCapabilities,
  ]) {
    add(fleet, run);
  }
};
