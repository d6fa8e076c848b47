import type { Command } from "commander";
import * as z from "zod";
import { type AddCommand, examples } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { manPage } from "../man-page.ts";

const Args = z.tuple([z.array(z.string())]);

export const addMan: AddCommand = (program, run) => {
  program
    .command("man")
    .summary("the manual page of a command")
    .description("Writes the manual page of a command, or of the program, to standard output, as man reads it.")
    .argument("[COMMAND...]", "the command, such as apply, or fleet init")
    .addHelpText("after", examples("harmony man apply | man -l -", "harmony man > ~/.local/share/man/man1/harmony.1"))
    .action(
      run(async ({ io, complain }, args) => {
        const [words] = Args.parse(args);
        let command: Command = program;
        for (const word of words) {
          const part = command.commands.find((each) => each.name() === word);
          if (part === undefined) {
            const known = command.commands.map((each) => each.name());
            complain(
              `there is no command "${words.join(" ")}"`,
              known.length === 0 ? undefined : `There are ${known.join(", ")}.`,
            );
            return Promise.resolve(EXIT.usage);
          }
          command = part;
        }
        const shared = program.options.filter(({ long }) => long !== "--version");
        io.out(manPage(command, ["harmony", ...words], command === program ? [] : shared));
        return Promise.resolve(EXIT.done);
      }),
    );
};
