import type { Command } from "commander";
import { type AddCommand, examples, type Run } from "../command.ts";
import { addNewFleet } from "./new-fleet.ts";
import { addNewKind } from "./new-kind.ts";

/** What somebody begins with. Needs no server, and fetches nothing. */
export const addNew: AddCommand = (program: Command, run: Run) => {
  const made = program
    .command("new")
    .summary("begins a fleet repository, or a kind of your own in it (fleet, kind)")
    .description(
      "Writes what somebody begins with: a repository for a fleet, or a kind of Score with its contract test.",
    )
    .addHelpText("after", examples("harmony new fleet", "harmony new fleet my-fleet", "harmony new kind Motd"));
  for (const add of [addNewFleet, addNewKind]) add(made, run);
};
