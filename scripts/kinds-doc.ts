// Writes docs/kinds.md from the kinds themselves: their schemas, and what the comments of their sources say.
// `npm run schemas`
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import type { AnyCapability } from "../src/capabilities/capability.ts";
import * as library from "../src/index.ts";
import { KINDS } from "../src/scores/index.ts";
import type { AnyScoreClass } from "../src/scores/score.ts";
import type { Topology } from "../src/topology/topology.ts";
import { classOf } from "./kind-fields.ts";
import { type KindClass, KindSources, type SchemaComments } from "./kind-sources.ts";
import { describe, type FieldRow, type NamedTypes, rowsOf } from "./kind-types.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = new KindSources();
const types: NamedTypes = new Map();

const filesIn = (folder: string): readonly string[] =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".ts"))
    .toSorted()
    .map((file) => join(root, folder, file));

/** For a cell of a table. What is code, or a link, stays as it is; elsewhere a star is a star. */
const cell = (text: string): string =>
  text
    .replaceAll(/\s+/g, " ")
    .trim()
    .replaceAll("|", "\\|")
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith("`") ? part : part.replaceAll(/[*<]/g, "\\$&")))
    .join("");
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  rows.length === 0
    ? ""
    : `${[head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n")}\n`;

const when = ({ isRequired, initial }: FieldRow): string =>
  initial === undefined ? (isRequired ? "must be given" : "may be left out") : `\`${initial}\``;

const named = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(", ");

/** A union that tells its cases by one field, or a single object: the cases, and then what is in them. */
function cases(schema: ReturnType<typeof describe>, comments: SchemaComments): string {
  const options = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  const all = (options.length === 0 ? [schema] : options).map((option, at) => ({
    rows: rowsOf(option, options.length === 0 ? comments : comments.options[at], types),
    comment: options.length === 0 ? "" : (comments.options[at]?.comment ?? comments.options[at]?.declared ?? ""),
    constants: Object.entries(option.properties ?? {}).flatMap(([name, value]): [string, unknown][] =>
      typeof value === "object" && value.const !== undefined ? [[name, value.const]] : [],
    ),
  }));
  const tag = all[0]?.constants.find(([name]) =>
    all.every((each) => each.constants.some(([one]) => one === name)),
  )?.[0];
  const inCases = all.map(({ rows, comment, constants }) => ({
    is: constants.find(([name]) => name === tag)?.[1],
    comment,
    rows: rows.filter(({ path }) => path !== tag),
  }));
  const fields = new Map<string, FieldRow>();
  for (const { rows } of inCases) for (const row of rows) fields.set(`${row.path} ${row.type}`, row);
  const ofCases =
    tag === undefined
      ? ""
      : table(
          [`\`${tag}\``, "with", ""],
          inCases.map(({ is, rows, comment }) => [
            `\`${JSON.stringify(is)}\``,
            named([...new Set(rows.map(({ path }) => path.split(/[.[]/)[0] ?? ""))]),
            comment,
          ]),
        );
  const ofFields = table(
    ["field", "type", "meaning"],
    [...fields.values()].map((row) => [`\`${row.path}\``, row.type, row.comment]),
  );
  return [ofCases, ofFields].filter((each) => each !== "").join("\n");
}

function errorsOf(kind: AnyScoreClass, source: KindClass): string {
  const rows = sources
    .obstructionsOf(source)
    .flatMap(({ sentences, blame, next }) => sentences.map((sentence) => [sentence, blame, next]));
  const deadline = sources.deadlineOf(source) ?? 30_000;
  const time =
    typeof deadline === "number"
      ? `after ${deadline / 1000} s`
      : `after the time that its spec allows${deadline === "" ? "" : ` (${deadline.replace(/\.$/, "")})`}`;
  const ports = kind.requires.map(({ name }) => `[${name}](#${name.toLowerCase()})`).join(" and ");
  return [
    ...(rows.length === 0
      ? []
      : ["`Obstructed`, where one of these stands in the way:\n", table(["sentence", "blame", "next"], rows)]),
    `\`PortFailed\`: what a call of ${ports} fails with. \`TimedOut\`: ${time}.\n`,
  ].join("\n");
}

/** The topologies of this version that can offer all that a kind requires. */
const offering = ({ requires }: AnyScoreClass): readonly string[] => {
  const exported: readonly unknown[] = Object.values(library);
  return exported
    .filter(isTopology)
    .filter(({ offers }) => requires.every(({ name }) => offers.some((each) => each.name === name)))
    .map(({ name }) => name);
};

const isTopology = (value: unknown): value is Topology =>
  typeof value === "object" && value !== null && "name" in value && "offers" in value;

function kindSection(kind: AnyScoreClass): string {
  const source = classOf(kind);
  const { schema, version, requires } = kind;
  const offered = offering(kind);
  const spec = rowsOf(describe(schema.spec), sources.commentsOf(source, "spec"), types);
  return [
    `## ${kind.kind}\n`,
    `${source.comment}\n`,
    `Version ${version}. Requires ${named(requires.map(({ name }) => name))}, which ${
      offered.length === 0 ? "no topology of this version offers" : `${named(offered)} can offer`
    }.\n`,
    "**Spec**\n",
    table(
      ["field", "type", "default", "meaning"],
      spec.map((row) => [`\`${row.path}\``, row.type, when(row), row.comment]),
    ),
    "**Status**, the `details` of a Score\n",
    cases(describe(schema.observed), sources.commentsOf(source, "observed")),
    "**Steps**, as plans tell them\n",
    cases(describe(schema.step), sources.commentsOf(source, "step")),
    "**Errors**\n",
    errorsOf(kind, source),
  ].join("\n");
}

const codes: readonly string[] = [
  ...(
    /type PortErrorCode =([^;]*);/.exec(readFileSync(join(root, "src/capabilities/port-error.ts"), "utf8"))?.[1] ?? ""
  ).matchAll(/"(\w+)"/g),
].map(([, code = ""]) => code);

function portSection({ name, reads }: AnyCapability): string {
  const file = filesIn("src/capabilities").find((each) =>
    new RegExp(`^export interface ${name} `, "m").test(readFileSync(each, "utf8")),
  );
  if (file === undefined) throw new Error(`no file of src/capabilities declares ${name}`);
  const { comment, methods } = sources.methodsOf(file, name);
  const rows = [...methods].map(([method, said]) => [
    `\`${method}\``,
    reads.includes(method) ? "reads" : "writes",
    said,
    named(codes.filter((code) => said.includes(`\`${code}\``))),
  ]);
  return [`### ${name}\n`, `${comment}\n`, table(["call", "", "does", "its own errors"], rows)].join("\n");
}

/** The whole page. */
export function kindsPage(): string {
  const kinds: readonly AnyScoreClass[] = KINDS;
  const ports = new Map(kinds.flatMap(({ requires }) => requires.map((each) => [each.name, each] as const)));
  return [
    "# Kinds\n",
    "<!-- Written by scripts/kinds-doc.ts from the sources: npm run schemas. Not to be edited. -->\n",
    "All kinds of Scores that this version knows. `harmony kinds KIND` prints the schemas of the build that you have, " +
      "`schemas/kinds` has one of each spec. How to write one of your own: " +
      "[Writing Scores](writing-a-score.md).\n",
    table(
      ["kind", "requires", "is"],
      kinds.map((kind) => [
        `[${kind.kind}](#${kind.kind.toLowerCase()})`,
        named(kind.requires.map(({ name }) => name)),
        classOf(kind).comment.split("\n\n")[0] ?? "",
      ]),
    ),
    "In the tables, `a.b` is the field `b` within `a`, `a[].b` that of each entry of the list `a`, and `a.*` what each key " +
      "of `a` stands for. In sentences of errors, what is filled in stands in capitals. Errors that any Score can have " +
      "(`DidNotConverge`, `Bug` and the refusals) are [told with the states](operating.md#why-a-score-failed).\n",
    ...kinds.map(kindSection),
    "## Types\n",
    "Of fields above.\n",
    table(
      ["type", "is", ""],
      [...types].map(([name, { type, comment }]) => [`\`${name}\``, type, comment.replaceAll("\n\n", " ")]),
    ),
    "## Ports\n",
    "What kinds see of a device, and change it by. A call that fails is the `PortFailed` of the Score, with a sentence that " +
      `begins with what was tried. Beside its own errors each call can fail with any of ${named(codes)}.\n`,
    ...[...ports.values()].map(portSection),
  ]
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n");
}

if (argv[1] === fileURLToPath(import.meta.url)) writeFileSync(join(root, "docs/kinds.md"), kindsPage());
