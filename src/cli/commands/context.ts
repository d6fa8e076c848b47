import { resolve } from "node:path";
import * as z from "zod";
import { type AddCommand, examples, type Run, word } from "../command.ts";
import { type Context, ContextName, type Contexts, contextsFile, readContexts, writeContexts } from "../contexts.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { nearest } from "../nearest.ts";
import { printJson, type Session } from "../session.ts";
import { table } from "../table.ts";

const Name = z.tuple([ContextName]);
const Added = z.object({ use: z.boolean().default(false) });

export const addContext: AddCommand = (program, run) => {
  const context = program
    .command("context")
    .summary("the fleets that you work with (add, use, list, show, remove)")
    .description(
      "Keeps server and credentials under a name. What holds is what a flag says, then the environment, then the context in use " +
        "(--context or HARMONY_CONTEXT name another one for one command), then the default.",
    );
  const name = (what: string): readonly [string, string, (text: string) => string] => [
    "<NAME>",
    what,
    word(ContextName),
  ];

  context
    .command("add")
    .summary("keeps --server and --creds under a name; one that is there is replaced")
    .argument(...name("its name"))
    .option("--use", "and use it from now on; the first one is used anyway")
    .addHelpText(
      "after",
      examples("harmony context add paris --server tls://nats.paris.example.org:4222 --creds author.creds --use"),
    )
    .action(
      run(async (session, args, options) => {
        const [added] = Name.parse(args);
        const { use } = Added.parse(options);
        const { server, creds } = session.named;
        if (server === undefined) {
          session.complain("--server is missing", "A context names a server: --server URL");
          return EXIT.usage;
        }
        return changed(session, ({ contexts, current, ...rest }) => {
          const made: Context = { server, ...(creds && { creds: resolve(session.io.cwd, creds) }) };
          session.say(`${added} is ${server}${creds === undefined ? ", without credentials" : ""}`);
          const next = use || current === null ? added : current;
          return { ...rest, current: next, contexts: { ...contexts, [added]: made } };
        });
      }),
    );

  onOne(context, run, "use", "uses one from now on", ({ say }, known, chosen) => {
    say(`${chosen} is used: ${known.contexts[chosen]?.server ?? ""}`);
    return { ...known, current: chosen };
  });
  onOne(context, run, "remove", "forgets one", ({ say }, { contexts, current, ...rest }, chosen) => {
    const { [chosen]: _, ...others } = contexts;
    say(`${chosen} is forgotten${current === chosen ? "; none is used any more" : ""}`);
    return { ...rest, current: current === chosen ? null : current, contexts: others };
  });

  context
    .command("list")
    .summary("all of them; the one in use has a star")
    .addHelpText("after", examples("harmony context list", "harmony context list --json"))
    .action(
      run(async (session) => {
        const known = readOrTell(session);
        if (known === null) return EXIT.usage;
        const all = Object.entries(known.contexts);
        if (session.json) printJson(session, { current: known.current, contexts: known.contexts });
        else if (all.length === 0) session.say("There is none; harmony context add makes one.");
        else {
          const rows = all.map(([each, { server, creds }]) => [
            each === known.current ? "*" : "",
            each,
            server,
            creds ?? "-",
          ]);
          session.io.out(table(["", "NAME", "SERVER", "CREDENTIALS"], rows, session.paintOut.dim));
        }
        return EXIT.done;
      }),
    );
  context
    .command("show")
    .summary("what holds for a command here and now, and why")
    .addHelpText("after", examples("harmony context show", "harmony context show --context paris --json"))
    .action(
      run(async (session) => {
        const { context: from, server, creds } = session;
        if (session.json) printJson(session, { context: from, server, creds });
        else session.io.out(`server: ${server}\ncredentials: ${creds ?? "none"}\ncontext: ${from ?? "none"}\n`);
        return EXIT.done;
      }),
    );
};

type Changes = (session: Session, known: Contexts, name: string) => Contexts;

function onOne(parent: Parameters<AddCommand>[0], run: Run, command: string, summary: string, change: Changes): void {
  parent
    .command(command)
    .summary(summary)
    .argument("<NAME>", "its name", word(ContextName))
    .addHelpText("after", examples(`harmony context ${command} paris`))
    .action(
      run(async (session, args) => {
        const [name] = Name.parse(args);
        return changed(
          session,
          (known) => (Object.hasOwn(known.contexts, name) ? change(session, known, name) : null),
          name,
        );
      }),
    );
}

async function changed(session: Session, change: (known: Contexts) => Contexts | null, name = ""): Promise<ExitCode> {
  const known = readOrTell(session);
  if (known === null) return EXIT.usage;
  const next = change(known);
  if (next === null) {
    session.complain(`there is no context "${name}"`, whichThereAre(name, Object.keys(known.contexts)));
    return EXIT.finding;
  }
  try {
    await writeContexts(session.io, next);
  } catch (error) {
    session.complain(
      `${contextsFile(session.io)} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
    );
    return EXIT.finding;
  }
  if (session.json) printJson(session, { current: next.current, contexts: next.contexts });
  return EXIT.done;
}

export function whichThereAre(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  if (near !== null) return `Did you mean ${near}?`;
  return known.length === 0 ? "There is none; harmony context add makes one." : `There are ${known.join(", ")}.`;
}

function readOrTell(session: Session): Contexts | null {
  const known = readContexts(session.io);
  if (!("problem" in known)) return known;
  session.complain(known.problem, "Correct it, or delete it.");
  return null;
}
