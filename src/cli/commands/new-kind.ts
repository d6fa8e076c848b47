import { join } from "node:path";
import * as z from "zod";
import { type AddCommand, examples } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { displayPath } from "../problem.ts";
import { kindName } from "../scaffold/kind-name.ts";
import { makeKind } from "../scaffold/make-kind.ts";
import { printJson } from "../session.ts";

const Args = z.tuple([z.string()]);

export const addNewKind: AddCommand = (made, run) => {
  made
    .command("kind")
    .summary("a kind of Score of your own, with its contract test")
    .description(
      "Writes kinds/NAME.ts, a small kind that works as it is, and kinds/NAME.test.ts, the contract that every kind keeps; and " +
        "puts it into kinds.ts. Works in a repository that harmony new fleet made. Overwrites nothing.",
    )
    .argument("<NAME>", "what travels, in PascalCase, such as DoorSign; its class is then DoorSignScore")
    .addHelpText("after", examples("harmony new kind Motd", "harmony new kind DoorSign --json"))
    .action(
      run(async (session, args) => {
        const [text] = Args.parse(args);
        const { io, say } = session;
        const name = kindName(text);
        if (name._tag !== "Name") {
          session.complain(name.message, name.next);
          return EXIT.usage;
        }
        const done = await makeKind(name, io.cwd);
        if (done._tag !== "Made") {
          session.complain(done.message, done.next);
          return done._tag === "NoRepository" ? EXIT.usage : EXIT.finding;
        }
        const { folder, files, byHand } = done;
        if (session.json) {
          const paths = { directory: folder, files, kindsFile: "kinds.ts" };
          printJson(session, {
            kind: name.name,
            class: name.className,
            ...paths,
            isInKindsFile: byHand === null,
            add: byHand?.lines ?? [],
          });
        }
        const shown = (path: string): string => displayPath(join(folder, path), io.cwd);
        say(`${name.name} is in ${files.map(shown).join(", with its contract test in ")}.`);
        if (byHand === null) say(`${shown("kinds.ts")} has it, and so has each agent that is bundled from now on.`);
        else {
          say(`${shown("kinds.ts")} ${byHand.why}, and was left alone. Add there:`);
          for (const line of byHand.lines) say(`  ${line}`);
        }
        say("Next:");
        say("  npm test");
        say(`  in site.ts: import { ${name.className} } from "./kinds/${name.file}.ts";`);
        say(`              new ${name.className}({ text: "hello" })`);
        say("  npm run bundle, which makes the agent that knows it: agent.cjs");
        return EXIT.done;
      }),
    );
};
