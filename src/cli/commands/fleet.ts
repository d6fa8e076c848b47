import type { Command } from "commander";
import { type AddCommand, examples, type Run } from "../command.ts";
import { addFleetInit } from "./fleet-init.ts";
import { addFleetAccept, addFleetRevoke } from "./fleet-members.ts";
import { addFleetServe } from "./fleet-serve.ts";

/** The set-up of a fleet. These commands work on its directory, and only the server's own user runs them. */
export const addFleet: AddCommand = (program: Command, run: Run) => {
  const fleet = program
    .command("fleet")
    .summary("keys, server and members of a fleet (init, serve, accept, revoke)")
    .description("Sets up a fleet: its keys, its server, and which devices belong to it.")
    .addHelpText(
      "after",
      examples(
        "harmony fleet init --host nats.example.org",
        "harmony fleet serve",
        "harmony fleet accept CODE",
        "harmony fleet revoke pi-7",
      ),
    );
  for (const add of [addFleetInit, addFleetServe, addFleetAccept, addFleetRevoke]) add(fleet, run);
};
