import { readFileSync } from "node:fs";
import ts from "typescript";

/** What the comments of a source file say of a schema that it declares: of the whole, and of each field. */
export interface SchemaDoc {
  readonly whole: string | undefined;
  readonly fields: ReadonlyMap<string, string>;
}

/** The comments of the constants of a file, by name; with those of their fields, where the value is `z.object({ ... })`. */
export function schemaDocs(file: string): ReadonlyMap<string, SchemaDoc> {
  const docs = new Map<string, SchemaDoc>();
  for (const statement of statementsOf(file)) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const { name, initializer } of statement.declarationList.declarations) {
      docs.set(name.getText(), { whole: commentOf(statement), fields: fieldsOf(initializer) });
    }
  }
  return docs;
}

/** The same of a kind: the comment of its class, and of the fields of the constant `spec` beside it. Null where the file has no such class. */
export function kindDoc(file: string, kind: string, version: number): SchemaDoc | null {
  for (const statement of statementsOf(file)) {
    if (!ts.isClassDeclaration(statement)) continue;
    const made = statement.heritageClauses?.[0]?.types[0]?.expression;
    if (made === undefined || !ts.isCallExpression(made) || made.expression.getText() !== "Score") continue;
    const [name, shape] = made.arguments;
    if (name === undefined || !ts.isStringLiteral(name) || name.text !== kind) continue;
    if (shape?.getText().match(/\bversion: (\d+)/)?.[1] !== String(version)) continue;
    return { whole: commentOf(statement), fields: schemaDocs(file).get("spec")?.fields ?? new Map() };
  }
  return null;
}

const statementsOf = (file: string): readonly ts.Statement[] =>
  ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ESNext, true).statements;

function fieldsOf(value: ts.Expression | undefined): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  if (value === undefined || !ts.isCallExpression(value)) return fields;
  // `z.strictObject({ ... }).refine(...)` and the like: the shape is what it begins with.
  if (ts.isPropertyAccessExpression(value.expression) && ts.isCallExpression(value.expression.expression)) {
    return fieldsOf(value.expression.expression);
  }
  const [shape] = value.arguments;
  if (!/^z\s*\.(strictObject|object)$/.test(value.expression.getText())) return fields;
  if (shape === undefined || !ts.isObjectLiteralExpression(shape)) return fields;
  for (const property of shape.properties) {
    const comment = commentOf(property);
    if (property.name !== undefined && comment !== undefined) fields.set(property.name.getText(), comment);
  }
  return fields;
}

/** As one line of plain text. */
function commentOf(node: ts.Node): string | undefined {
  const comment = ts.getJSDocCommentsAndTags(node).findLast(ts.isJSDoc)?.comment;
  const text = ts.getTextOfJSDocComment(comment);
  return text === undefined || text === "" ? undefined : text.replaceAll(/\s+/g, " ").trim();
}
