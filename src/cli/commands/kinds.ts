import * as z from "zod";
import { KINDS } from "../../scores/index.ts";
import type { AnyScoreClass } from "../../scores/score.ts";
import { type AddCommand, examples } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { kindsOrTell } from "../kinds-file.ts";
import { nearest } from "../nearest.ts";
import { printJson } from "../session.ts";
import { table } from "../table.ts";

const Args = z.tuple([z.string().optional()]);
const Options = z.object({ kinds: z.string().optional() });

export const addKinds: AddCommand = (program, run) => {
  program
    .command("kinds")
    .summary("the kinds of Score that this build knows")
    .description(
      "Lists the kinds of Score that this build knows, or shows one of them: the JSON Schema of its spec, and what it requires.",
    )
    .argument("[KIND]", "one kind, such as File")
    .option("--kinds <FILE>", "those that FILE lists, for harmony bundle, in place of this build's")
    .addHelpText(
      "after",
      examples(
        "harmony kinds",
        "harmony kinds File",
        "harmony kinds File --json | jq .spec",
        "harmony kinds --kinds ./kinds.ts Motd",
      ),
    )
    .action(
      run(async (session, args, options) => {
        const [name] = Args.parse(args);
        const { kinds: file } = Options.parse(options);
        const { io, json, paintOut } = session;
        const known = file === undefined ? KINDS : await kindsOrTell(session, file);
        if (known === null) return EXIT.usage;
        if (name === undefined) {
          const all = known.map(({ kind, version, requires }) => ({
            kind,
            version,
            requires: requires.map((each) => each.name),
          }));
          if (json) printJson(session, { kinds: all });
          else {
            io.out(
              table(
                ["KIND", "VERSION", "REQUIRES"],
                all.map((each) => [each.kind, String(each.version), each.requires.join(", ")]),
                paintOut.dim,
              ),
            );
          }
          return EXIT.done;
        }
        const [newest] = known.filter(({ kind }) => kind === name).toSorted((a, b) => b.version - a.version);
        if (newest === undefined) {
          const names = known.map(({ kind }) => kind);
          const meant = nearest(name, names);
          session.complain(
            `there is no kind ${name}`,
            meant === null
              ? `${file === undefined ? "This build knows" : "It lists"} ${names.join(", ")}.`
              : `Did you mean ${meant}?`,
          );
          return EXIT.usage;
        }
        const document = described(newest);
        if (json) {
          printJson(session, document);
        } else {
          io.out(`${paintOut.bold(`${document.kind}@${document.version}`)} requires ${document.requires.join(", ")}\n`);
          io.out(`Its spec, as JSON Schema:\n${JSON.stringify(document.spec, null, 2)}\n`);
        }
        return EXIT.done;
      }),
    );
};

/** As authors write it (`input`): what has a default may be left out. */
const described = ({ kind, version, requires, schema }: AnyScoreClass) => ({
  kind,
  version,
  requires: requires.map(({ name }) => name),
  spec: z.toJSONSchema(schema.spec, { io: "input", unrepresentable: "any" }),
  observed: z.toJSONSchema(schema.observed, { unrepresentable: "any" }),
  step: z.toJSONSchema(schema.step, { unrepresentable: "any" }),
});
