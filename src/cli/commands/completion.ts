import { Argument, InvalidArgumentError } from "commander";
import * as z from "zod";
import { type AddCommand, examples } from "../command.ts";
import { completionScript, SHELLS, treeOf } from "../completions/index.ts";
import { EXIT } from "../exit-code.ts";
import { knownDevicesFile, readKnownDevices } from "../known-devices.ts";

/** What the scripts themselves ask for. */
const IDS = "ids";
const Args = z.tuple([z.enum([...SHELLS, IDS])]);

export const addCompletion: AddCommand = (program, run) => {
  program
    .command("completion")
    .summary("a script that has a shell complete this command line")
    .description(
      "Writes a completion script for a shell to standard output. The script offers the ids of the devices that are known on this " +
        "computer (HARMONY_KNOWN_DEVICES; see harmony fleet accept); the server is not asked.",
    )
    .addArgument(new Argument("<SHELL>", "the shell").choices(SHELLS).argParser(shellOrIds))
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
        if (shell === IDS) {
          const known = await readKnownDevices(knownDevicesFile(io, undefined));
          // Whoever is completing a word is told of no problem in between.
          const ids = "devices" in known ? Object.keys(known.devices) : [];
          io.out(ids.map((id) => `${id}\n`).join(""));
          return EXIT.done;
        }
        io.out(completionScript(shell, treeOf(program)));
        return EXIT.done;
      }),
    );
};

function shellOrIds(text: string): string {
  if (text === IDS || SHELLS.some((shell) => shell === text)) return text;
  throw new InvalidArgumentError(`Allowed choices are ${SHELLS.join(", ")}.`);
}
