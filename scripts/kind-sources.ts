import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";

/** What the comments of the sources say of a schema, in the schema's own form. */
export interface SchemaComments {
  /** Of the whole, where it stands. */
  readonly comment: string | undefined;
  /** The constant that it is, where that has a name that begins as types do. */
  readonly name: string | undefined;
  /** What is said there. */
  readonly declared: string | undefined;
  readonly fields: ReadonlyMap<string, SchemaComments>;
  /** Of a union, in its order. */
  readonly options: readonly SchemaComments[];
  /** Of a list's or a record's values. */
  readonly item: SchemaComments | undefined;
}

/** Something that a kind calls an obstruction, as its source has it. */
export interface ObstructionText {
  /** Sentences, with the names of what is filled in in capitals. */
  readonly sentences: readonly string[];
  readonly blame: string;
  readonly next: string;
}

/** The class of a kind, and the object that names its schemas. */
export interface KindClass {
  readonly file: string;
  readonly name: string;
  readonly comment: string;
  readonly shape: ts.ObjectLiteralExpression;
}

/** A declaration at the top of a file. */
interface Declared {
  readonly file: string;
  readonly node: ts.Node;
}

const NONE: SchemaComments = {
  comment: undefined,
  name: undefined,
  declared: undefined,
  fields: new Map(),
  options: [],
  item: undefined,
};

/** What the sources of kinds say beside the schemas. Reads each file once, and follows imports of files, by their names alone. */
export class KindSources {
  readonly #files = new Map<string, ts.SourceFile>();

  /** The class that `Score()` makes the kind's base of; null where the file has none. */
  classOf(file: string, kind: string, version: number): KindClass | null {
    for (const statement of this.#source(file).statements) {
      if (!ts.isClassDeclaration(statement) || statement.name === undefined) continue;
      const made = statement.heritageClauses?.[0]?.types[0]?.expression;
      if (made === undefined || !ts.isCallExpression(made) || made.expression.getText() !== "Score") continue;
      const [name, shape] = made.arguments;
      if (name === undefined || !ts.isStringLiteral(name) || name.text !== kind) continue;
      if (shape === undefined || !ts.isObjectLiteralExpression(shape)) continue;
      if (valueIn(shape, "version")?.getText() !== String(version)) continue;
      return { file, name: statement.name.text, comment: commentBefore(statement) ?? "", shape };
    }
    return null;
  }

  /** Of one of the kind's schemas. */
  commentsOf({ file, shape }: KindClass, which: "spec" | "observed" | "step"): SchemaComments {
    const value = valueIn(shape, which);
    return value === undefined ? NONE : this.#schema(value, file);
  }

  /** The comment of the interface, and of each of its methods by name. */
  methodsOf(file: string, name: string): { readonly comment: string; readonly methods: ReadonlyMap<string, string> } {
    const found = this.#source(file).statements.find(
      (each): each is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(each) && each.name.text === name,
    );
    const methods = (found?.members ?? []).flatMap((member): [string, string][] =>
      member.name === undefined ? [] : [[member.name.getText(), commentBefore(member) ?? ""]],
    );
    return { comment: (found && commentBefore(found)) ?? "", methods: new Map(methods) };
  }

  /** All obstructions that the class, or what it calls, can come to. In the order of files and lines. */
  obstructionsOf({ file, name }: KindClass): readonly ObstructionText[] {
    const found: ObstructionText[] = [];
    for (const { node } of this.#reachable(file, name)) {
      visit(node, (inner) => {
        const text = ts.isObjectLiteralExpression(inner) ? obstructionIn(inner) : null;
        if (text !== null) found.push(text);
      });
    }
    return found;
  }

  /** The value of `deadlineMs` in the class: milliseconds, the comment where it depends on the spec, or null. */
  deadlineOf({ file, name }: KindClass): number | string | null {
    let deadline: number | string | null = null;
    const declared = this.#find(file, name);
    if (declared === null) return null;
    visit(declared.node, (inner) => {
      if (!ts.isPropertyAssignment(inner) || inner.name.getText() !== "deadlineMs") return;
      const { initializer } = inner;
      deadline = ts.isNumericLiteral(initializer)
        ? Number(initializer.text.replaceAll("_", ""))
        : (lineCommentBefore(inner) ?? "");
    });
    return deadline;
  }

  #source(file: string): ts.SourceFile {
    let source = this.#files.get(file);
    if (source === undefined) {
      source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ESNext, true);
      this.#files.set(file, source);
    }
    return source;
  }

  #find(file: string, name: string): Declared | null {
    for (const statement of this.#source(file).statements) {
      if (ts.isVariableStatement(statement)) {
        const node = statement.declarationList.declarations.find((each) => each.name.getText() === name);
        if (node !== undefined) return { file, node };
      } else if (
        (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) &&
        statement.name?.text === name
      ) {
        return { file, node: statement };
      } else if (ts.isImportDeclaration(statement) && ts.isStringLiteral(statement.moduleSpecifier)) {
        const from = statement.moduleSpecifier.text;
        const named = statement.importClause?.namedBindings;
        if (!from.startsWith(".") || named === undefined || !ts.isNamedImports(named)) continue;
        const element = named.elements.find((each) => each.name.text === name);
        if (element !== undefined) {
          return this.#find(join(dirname(file), from), (element.propertyName ?? element.name).text);
        }
      }
    }
    return null;
  }

  /** The declaration, and all that it names, and that those name. */
  #reachable(file: string, name: string): readonly Declared[] {
    const first = this.#find(file, name);
    const reached = new Map<ts.Node, Declared>(first === null ? [] : [[first.node, first]]);
    for (const declared of reached.values()) {
      visit(declared.node, (inner) => {
        if (!ts.isIdentifier(inner)) return;
        const found = this.#find(declared.file, inner.text);
        if (found !== null) reached.set(found.node, found);
      });
    }
    return [...reached.values()].toSorted((a, b) => a.file.localeCompare(b.file) || a.node.pos - b.node.pos);
  }

  #read({ file, node }: Declared): SchemaComments {
    if (ts.isVariableDeclaration(node) && node.initializer !== undefined) {
      const read = this.#schema(node.initializer, file);
      return { ...read, comment: read.comment ?? commentBefore(node.parent.parent) };
    }
    return NONE;
  }

  #schema(value: ts.Expression, file: string): SchemaComments {
    const comment = commentBefore(value);
    const read = this.#schemaOnly(value, file);
    return comment === undefined ? read : { ...read, comment };
  }

  #schemaOnly(value: ts.Expression, file: string): SchemaComments {
    if (ts.isIdentifier(value)) {
      const declared = this.#find(file, value.text);
      const read = declared === null ? NONE : this.#read(declared);
      // What a type says of itself is said where it is told.
      return /^[A-Z]/.test(value.text)
        ? { ...read, comment: undefined, name: value.text, declared: read.comment }
        : read;
    }
    if (!ts.isCallExpression(value) || !ts.isPropertyAccessExpression(value.expression)) return NONE;
    const { name, expression: on } = value.expression;
    const [first, second] = value.arguments;
    const isZod = on.getText() === "z";
    const fields = first === undefined ? new Map() : this.#fields(first, file);
    // `X.extend({ ... })` has the fields of X too; all other methods leave the form as it is.
    if (!isZod) {
      const base = this.#schema(on, file);
      if (name.text === "extend") return { ...base, name: undefined, fields: new Map([...base.fields, ...fields]) };
      return ["default", "optional", "nullable"].includes(name.text) ? base : { ...base, name: undefined };
    }
    const inner = (expression: ts.Expression | undefined): SchemaComments | undefined =>
      expression === undefined ? undefined : this.#schema(expression, file);
    const options = [first, second].find((each) => each !== undefined && ts.isArrayLiteralExpression(each));
    return {
      ...NONE,
      fields,
      options:
        options !== undefined && ts.isArrayLiteralExpression(options)
          ? options.elements.map((each) => this.#schema(each, file))
          : [],
      item: name.text === "record" ? inner(second) : inner(first),
    };
  }

  #fields(value: ts.Expression, file: string): Map<string, SchemaComments> {
    const fields = new Map<string, SchemaComments>();
    if (ts.isIdentifier(value)) {
      const node = this.#find(file, value.text);
      return node !== null && ts.isVariableDeclaration(node.node) && node.node.initializer !== undefined
        ? this.#fields(node.node.initializer, node.file)
        : fields;
    }
    if (!ts.isObjectLiteralExpression(value)) return fields;
    for (const property of value.properties) {
      if (ts.isSpreadAssignment(property)) {
        for (const [name, each] of this.#fields(property.expression, file)) fields.set(name, each);
      } else if (ts.isPropertyAssignment(property)) {
        const read = this.#schema(property.initializer, file);
        // What is said of the field says more than what is said of its type.
        fields.set(property.name.getText(), { ...read, comment: commentBefore(property) ?? read.comment });
      }
    }
    return fields;
  }
}

function visit(node: ts.Node, see: (inner: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (inner) => visit(inner, see));
}

const commentsBefore = (node: ts.Node): readonly string[] => {
  const text = node.getSourceFile().getFullText();
  return (ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []).map(({ pos, end }) => text.slice(pos, end));
};

/** The comment for readers that stands before it, as one line of plain text. */
function commentBefore(node: ts.Node): string | undefined {
  const comment = commentsBefore(node).findLast((each) => each.startsWith("/**"));
  const paragraphs = comment
    ?.slice(3, -2)
    .replaceAll(/^\s*\* ?/gm, "")
    .split(/\n\s*\n/)
    .map((each) =>
      each
        .replaceAll(/\s+/g, " ")
        .replaceAll(/\{@link (\w+)\}/g, "`$1`")
        .trim(),
    );
  return paragraphs?.filter((each) => each !== "").join("\n\n");
}

const lineCommentBefore = (node: ts.Node): string | undefined => {
  const lines = commentsBefore(node).filter((each) => each.startsWith("//"));
  return lines.length === 0 ? undefined : lines.map((line) => line.slice(2).trim()).join(" ");
};

/** The value of a property, also where it goes by its own name. */
function valueIn(literal: ts.ObjectLiteralExpression, name: string): ts.Expression | undefined {
  for (const property of literal.properties) {
    if (property.name?.getText() !== name) continue;
    if (ts.isPropertyAssignment(property)) return property.initializer;
    if (ts.isShorthandPropertyAssignment(property)) return property.name;
  }
  return undefined;
}

function obstructionIn(literal: ts.ObjectLiteralExpression): ObstructionText | null {
  const [obstructed, blame, next] = ["obstructed", "blame", "next"].map((name) => valueIn(literal, name));
  if (obstructed === undefined) return null;
  return {
    sentences: sentencesOf(obstructed),
    blame: blame === undefined ? "" : sentencesOf(blame).join(" or "),
    next: next === undefined ? "" : sentencesOf(next).join(" Or: "),
  };
}

/** All that the expression can come to, as far as its text tells. */
function sentencesOf(value: ts.Expression): readonly string[] {
  if (ts.isStringLiteralLike(value)) return [value.text];
  if (ts.isParenthesizedExpression(value)) return sentencesOf(value.expression);
  if (ts.isConditionalExpression(value)) return [...sentencesOf(value.whenTrue), ...sentencesOf(value.whenFalse)];
  if (ts.isTemplateExpression(value)) {
    const filled = value.templateSpans.map(({ expression, literal }) => longest(expression) + literal.text);
    return [value.head.text + filled.join("")];
  }
  if (ts.isBinaryExpression(value) && value.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    return [longest(value.left) + longest(value.right)];
  }
  if (ts.isBinaryExpression(value) && value.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken) {
    return sentencesOf(value.left);
  }
  const name = /(\w+)(?:\[\d+\]|\(.*\))?$/.exec(value.getText())?.[1];
  return [name === undefined ? "..." : name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "-").toUpperCase()];
}

/** Within a sentence there is room for one of them. */
const longest = (value: ts.Expression): string =>
  sentencesOf(value).reduce((one, other) => (other.length > one.length ? other : one), "");
