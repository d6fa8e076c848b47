import { Argument } from "commander";
import * as z from "zod";
import { type AddCommand, examples } from "../command.ts";
import { completionScript, SHELLS, treeOf } from "../completions/index.ts";
import { EXIT } from "../exit-code.ts";

const Args = z.tuple([z.enum(SHELLS)]);

export const addCompletion: AddCommand = (program, run) => {
  program
    .command("completion")
    .summary("a script that has a shell complete this command line")
    .description("Writes a completion script for a shell to standard output.")
    .addArgument(new Argument("<SHELL>", "the shell").choices(SHELLS))
    .addHelpText(
      "after",
      examples(
        "source <(harmony completion bash)",
        "harmony completion zsh > ~/.zfunc/_harmony",
        "harmony completion fish > ~/.config/fish/completions/harmony.fish",
      ),
    )
    .action(
      run(async ({ io }, args) => {
        const [shell] = Args.parse(args);
        io.out(completionScript(shell, treeOf(program)));
        return Promise.resolve(EXIT.done);
      }),
    );
};
