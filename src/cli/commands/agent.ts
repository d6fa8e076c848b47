import type { AddCommand } from "../command.ts";
import { EXIT } from "../exit-code.ts";

/** Listed here for the help. The launcher loads the agent's own bundle instead of this program. */
export const addAgent: AddCommand = (program, run) => {
  program
    .command("agent")
    .summary("the agent of one device, in the foreground (agent run --id ID)")
    .description("harmony agent run --id ID [--root DIR] [--state-dir DIR]; see harmony agent --help.")
    .argument("[WORDS...]")
    .allowUnknownOption()
    .helpOption(false)
    .action(
      run(async ({ complain }) => {
        complain(
          "the agent is another program than this command line",
          "Start it with the harmony executable: harmony agent run --id ID",
        );
        return Promise.resolve(EXIT.usage);
      }),
    );
};
