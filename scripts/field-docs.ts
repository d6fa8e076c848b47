// Writes into the emitted declarations what the sources say of each field of a kind's spec: the compiler leaves comments out
// where it writes down a type that it inferred. Part of `npm run build`.
//
//   node --conditions=harmony-edge-source scripts/field-docs.ts [FOLDER]     FOLDER: of the declarations; default dist/types
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { KINDS } from "../src/scores/index.ts";
import { classOf, fieldDocs } from "./kind-fields.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = resolve(argv[2] ?? join(root, "dist/types"));

interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** The comments of all fields in a type, by their paths. */
function* insertions(type: ts.Node, path: string, docs: ReadonlyMap<string, string>): Generator<Insertion> {
  if (ts.isTypeLiteralNode(type)) {
    for (const member of type.members) {
      if (ts.isIndexSignatureDeclaration(member)) yield* insertions(member.type, `${path}.*`, docs);
      if (!ts.isPropertySignature(member) || member.type === undefined) continue;
      const name = ts.isStringLiteral(member.name) ? member.name.text : member.name.getText();
      const own = path === "" ? name : `${path}.${name}`;
      const text = docs.get(own);
      if (text !== undefined && text !== "") yield { at: member.getStart(), text: commentOf(text) };
      yield* insertions(member.type, own, docs);
    }
  } else if (ts.isArrayTypeNode(type)) {
    yield* insertions(type.elementType, `${path}[]`, docs);
  } else if (ts.isTypeOperatorNode(type) || ts.isParenthesizedTypeNode(type)) {
    yield* insertions(type.type, path, docs);
  } else if (ts.isUnionTypeNode(type) || ts.isIntersectionTypeNode(type)) {
    for (const each of type.types) yield* insertions(each, path, docs);
  } else if (ts.isTypeReferenceNode(type)) {
    const values = type.typeName.getText() === "Record" ? `${path}.*` : `${path}[]`;
    for (const each of type.typeArguments ?? []) yield* insertions(each, values, docs);
  }
}

const commentOf = (text: string): string => `/** ${text.replaceAll("*/", "*\\/").replaceAll(/\s*\n\s*/g, " ")} */ `;

for (const kind of KINDS) {
  const { file, name } = classOf(kind);
  const emitted = join(folder, `${relative(join(root, "src"), file).slice(0, -3)}.d.ts`);
  const text = readFileSync(emitted, "utf8");
  const source = ts.createSourceFile(emitted, text, ts.ScriptTarget.ESNext, true);
  const base = source.statements
    .flatMap((each) => (ts.isVariableStatement(each) ? [...each.declarationList.declarations] : []))
    .find((each) => each.name.getText() === `${name}_base`);
  const made = base?.type;
  if (made === undefined || !ts.isImportTypeNode(made)) throw new Error(`${emitted} has no ${name}_base`);
  // ScoreClass<Kind, Version, Requires, Out, In, ...>
  const [, , , out, into] = made.typeArguments ?? [];
  if (out === undefined || into === undefined) throw new Error(`${name}_base is another type than it was`);
  const docs = fieldDocs(kind);
  const all = [out, into].flatMap((type) => [...insertions(type, "", docs)]);
  const written = all
    .toSorted((a, b) => b.at - a.at)
    .reduce((at, each) => at.slice(0, each.at) + each.text + at.slice(each.at), text);
  writeFileSync(emitted, written);
}
