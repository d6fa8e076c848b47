import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fieldDocs, fieldRows } from "../../scripts/kind-fields.ts";
import { KINDS } from "../../src/scores/index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
// Inside the project, where zod is found.
mkdirSync(join(root, "dist"), { recursive: true });
const emitted = mkdtempSync(join(root, "dist/.hover-test-"));
afterAll(() => rmSync(emitted, { recursive: true, force: true }));
beforeAll(() => {
  for (const words of [
    [join(root, "node_modules/@typescript/native/bin/tsc"), "-p", "tsconfig.build.json", "--outDir", emitted],
    ["--conditions=harmony-edge-source", "scripts/field-docs.ts", emitted],
  ]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, words, { cwd: root, encoding: "utf8" });
    if (status !== 0) throw new Error(`${words.join(" ")}: ${stdout}${stderr}`);
  }
});

const FILE = join(root, "hover.ts");
/** What somebody writes who uses all kinds: `of_File` is the type of what `new FileScore()` takes. */
const TEXT = [
  'import * as edge from "harmony-edge";',
  ...KINDS.map(({ kind }) => `export type of_${kind} = ConstructorParameters<typeof edge.${kind}Score>[0];`),
  'export const file = new edge.FileScore({ path: "/a", content: "x", mode: "0600" });',
  'export const service = new edge.SystemdServiceScore({ name: "a", exec: ["/a"], restartSeconds: 5 });',
].join("\n");

function languageService(library: string): ts.LanguageService {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    allowImportingTsExtensions: true,
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: ["node"],
    paths: { "harmony-edge": [library] },
  };
  const textOf = (file: string): string | undefined => (file === FILE ? TEXT : ts.sys.readFile(file));
  return ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => [FILE],
    getScriptVersion: () => "1",
    getScriptSnapshot: (file) => {
      const text = textOf(file);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => root,
    getDefaultLibFileName: (given) => ts.getDefaultLibFilePath(given),
    fileExists: (file) => file === FILE || ts.sys.fileExists(file),
    readFile: textOf,
    directoryExists: (path) => ts.sys.directoryExists(path),
    getDirectories: (path) => ts.sys.getDirectories(path),
  });
}

/** By path, what an editor shows of each field in the type, and of those within. */
function shownIn(type: ts.Type, checker: ts.TypeChecker, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  const take = (more: ReadonlyMap<string, string>): void => {
    for (const [at, text] of more) found.set(at, [found.get(at) ?? "", text].filter((each) => each !== "").join(" "));
  };
  if (type.isUnionOrIntersection()) {
    for (const each of type.types) take(shownIn(each, checker, path));
    return found;
  }
  if (checker.isArrayType(type) || checker.isTupleType(type)) {
    const item = checker.getIndexTypeOfType(type, ts.IndexKind.Number);
    return item === undefined ? found : shownIn(item, checker, `${path}[]`);
  }
  if ((type.flags & ts.TypeFlags.Object) === 0) return found;
  const values = checker.getIndexTypeOfType(type, ts.IndexKind.String);
  if (values !== undefined) take(shownIn(values, checker, `${path}.*`));
  for (const property of type.getProperties()) {
    const own = path === "" ? property.name : `${path}.${property.name}`;
    const text = ts.displayPartsToString(property.getDocumentationComment(checker));
    take(new Map([[own, text.replaceAll(/\s+/g, " ")]]));
    const of = checker.getTypeOfSymbol(property);
    take(shownIn(checker.getNonNullableType(of), checker, own));
  }
  return found;
}

/** Of what a number is one. */
const UNIT = /second|byte|percent|port|how many|up to so many|processes|files that|the smaller goes first|raise it/i;

test.each([
  ["the sources", () => join(root, "src/index.ts")],
  ["the package's declarations", () => join(emitted, "index.d.ts")],
])("hovering over any field of any kind tells what it is, its unit and its default, by %s", (_, library) => {
  const service = languageService(library());
  const program = service.getProgram();
  const source = program?.getSourceFile(FILE);
  if (program === undefined || source === undefined) throw new Error("there is no program");
  expect(service.getSemanticDiagnostics(FILE).map(({ messageText }) => messageText)).toEqual([]);
  const checker = program.getTypeChecker();
  let fields = 0;
  const silent: string[] = [];
  for (const kind of KINDS) {
    const alias = source.statements.find(
      (each): each is ts.TypeAliasDeclaration =>
        ts.isTypeAliasDeclaration(each) && each.name.text === `of_${kind.kind}`,
    );
    if (alias === undefined) throw new Error(kind.kind);
    const shown = shownIn(checker.getTypeAtLocation(alias.name), checker);
    for (const [path, text] of fieldDocs(kind)) {
      // A value in a list or a record has no name to hover over.
      if (/(\[\]|\.\*)$/.test(path)) continue;
      fields += 1;
      const here = shown.get(path) ?? "";
      const isTold = !/\bdefault\b/i.test(text) || /\bdefault\b/i.test(here);
      if (!/\w{3}/.test(here)) silent.push(`${kind.kind}.${path} shows nothing`);
      else if (!isTold) silent.push(`${kind.kind}.${path} shows no default`);
    }
  }
  expect(silent).toEqual([]);
  expect(fields).toBeGreaterThan(120);

  // And so an editor asks.
  const hover = (word: string): string => {
    const at = TEXT.indexOf(`${word}:`, TEXT.indexOf("export const file"));
    return ts.displayPartsToString(service.getQuickInfoAtPosition(FILE, at)?.documentation);
  };
  expect(hover("mode")).toContain('Default `"0644"`');
  expect(hover("restartSeconds")).toMatch(/second/i);
  expect(hover("restartSeconds")).toMatch(/default/i);
});

test("a field that is a number says of what", () => {
  const numbers = KINDS.flatMap((kind) =>
    fieldRows(kind)
      .filter(({ type }) => /\bnumber\b/.test(type) && !/text/.test(type))
      .map((row) => ({ ...row, kind: kind.kind })),
  );
  expect(numbers.length).toBeGreaterThan(40);
  const silent = numbers.filter(({ comment }) => !UNIT.test(comment));
  expect(silent.map(({ kind, path, comment }) => `${kind}.${path}: ${comment}`)).toEqual([]);
});

test("the default that is said is the one that the schema has", () => {
  const wrong = KINDS.flatMap((kind) => {
    const docs = fieldDocs(kind);
    return fieldRows(kind).flatMap(({ path, initial }) => {
      // Lists and objects are told in words.
      if (initial === undefined || /^[[{]/.test(initial)) return [];
      const text = docs.get(path) ?? "";
      const at = text.search(/\bdefault\b/i);
      const said = at === -1 ? "" : text.slice(at + "default".length);
      const value = initial.replaceAll('"', "");
      return said.split(/[\s`",;:.]+(?=\D|$)|[\s`",;:]+/).includes(value)
        ? []
        : [`${kind.kind}.${path} has ${initial}: ${said}`];
    });
  });
  expect(wrong).toEqual([]);
});
