import * as z from "zod";
import { KINDS } from "../../scores/index.ts";
import type { AnyScoreClass } from "../../scores/score.ts";
import { type AddCommand, examples } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { nearest } from "../nearest.ts";
import { printJson } from "../session.ts";
import { table } from "../table.ts";

const Args = z.tuple([z.string().optional()]);

export const addKinds: AddCommand = (program, run) => {
  program
    .command("kinds")
    .summary("the kinds of Score that this build knows")
    .description(
      "Lists the kinds of Score that this build knows, or shows one of them: the JSON Schema of its spec, and what it requires.",
    )
    .argument("[KIND]", "one kind, such as File")
    .addHelpText("after", examples("harmony kinds", "harmony kinds File", "harmony kinds File --json | jq .spec"))
    .action(
      run(async (session, args) => {
        const [name] = Args.parse(args);
        const { io, json, paintOut } = session;
        if (name === undefined) {
          const all = KINDS.map(({ kind, version, requires }) => ({
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
        const [newest] = KINDS.filter(({ kind }) => kind === name).toSorted((a, b) => b.version - a.version);
        if (newest === undefined) {
          const names = KINDS.map(({ kind }) => kind);
          const meant = nearest(name, names);
          session.complain(
            `there is no kind ${name}`,
            meant === null ? `This build knows ${names.join(", ")}.` : `Did you mean ${meant}?`,
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
