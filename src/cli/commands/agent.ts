import { Argument } from "commander";
import type { AddCommand } from "../command.ts";
import { EXIT } from "../exit-code.ts";

/** Listed here for the help. The launcher loads the agent's own bundle instead of this program. */
export const addAgent: AddCommand = (program, run) => {
  program
    .command("agent")
    .summary("the agent of one device: agent run --id ID, agent doctor, agent audit")
    .description("harmony agent run --id ID, harmony agent doctor, or harmony agent audit; see harmony agent --help.")
    .addArgument(
      new Argument("[WHAT]", "what it is to do").choices([
        "run",
        "doctor",
        "audit",
        "enroll",
        "key",
        "unit",
        "take",
        "status",
        "kinds",
      ]),
    )
    .allowExcessArguments()
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
