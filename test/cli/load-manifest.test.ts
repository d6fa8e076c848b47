import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DirectoryScore, FileScore, PiTopology, Score } from "harmony-edge";
import { describe, expect, test } from "vitest";
import { type Loaded, loadManifest } from "../../src/cli/load-manifest.ts";
import { folder, manifestOf } from "./in-process.ts";

async function load(
  files: Readonly<Record<string, string>>,
  file = "m.ts",
): Promise<{ readonly loaded: Loaded; readonly printed: string; readonly cwd: string }> {
  const cwd = folder(files);
  let printed = "";
  const loaded = await loadManifest(file, { cwd, print: (text) => void (printed += text) });
  return { loaded, printed, cwd };
}

const print = (): void => {};
const specOf = (loaded: Loaded, id: string): unknown =>
  loaded._tag === "Loaded" ? loaded.manifest.scores[id]?.spec : loaded;
const problemsOf = (loaded: Loaded): unknown => (loaded._tag === "CannotLoad" ? loaded.problems : loaded);

describe("a FILE that is fine", () => {
  test("gives Scores that are instances of this program's own classes", async () => {
    const { loaded } = await load({ "m.ts": manifestOf({ a: ["/a", "x"] }) });
    expect(loaded._tag === "Loaded" && loaded.manifest.scores["a"]).toBeInstanceOf(FileScore);
    expect(loaded._tag === "Loaded" && loaded.manifest.topology).toBe(PiTopology);
  });

  test("may be JavaScript, as a module or as CommonJS", async () => {
    expect(specOf((await load({ "m.mjs": manifestOf({ a: ["/a", "x"] }) }, "m.mjs")).loaded, "a")).toMatchObject({
      path: "/a",
    });
    const common =
      'const { FileScore, manifest, PiTopology } = require("harmony-edge");\nmodule.exports = manifest(PiTopology, { a: new FileScore({ path: "/a", content: require("node:path").basename(__filename) }) });\n';
    expect(specOf((await load({ "m.cjs": common }, "m.cjs")).loaded, "a")).toMatchObject({ content: "m.cjs" });
  });

  test("may import files and packages beside it, and wait at its top level", async () => {
    const { loaded, cwd } = await load({
      "m.ts": [
        'import { FileScore, manifest, PiTopology } from "harmony-edge";',
        'import { text } from "./lib/text.ts";',
        'import { greeting } from "greeting";',
        "const late = await Promise.resolve(greeting + text);",
        'export default manifest(PiTopology, { a: new FileScore({ path: "/a", content: late }) });',
      ].join("\n"),
      "lib/text.ts": 'export const text: string = " world";\n',
      "node_modules/greeting/package.json": '{ "name": "greeting", "main": "index.js" }',
      "node_modules/greeting/index.js":
        'const fs = require("fs"); exports.greeting = typeof fs.readFileSync === "function" ? "hello" : "";\n',
    });
    expect(specOf(loaded, "a")).toMatchObject({ content: "hello world" });
    expect(loaded.inputs).toEqual(expect.arrayContaining([join(cwd, "m.ts"), join(cwd, "lib/text.ts")]));
    expect(loaded.inputs.every((path) => path.startsWith(cwd))).toBe(true);
  });

  test("finds what lies beside each of its files", async () => {
    const { loaded } = await load({
      "m.ts": [
        'import { FileScore, manifest, PiTopology } from "harmony-edge";',
        'import { readFileSync } from "node:fs";',
        'import { inner } from "./lib/inner.ts";',
        'const page = readFileSync(new URL("page.html", import.meta.url), "utf8");',
        'export default manifest(PiTopology, { a: new FileScore({ path: "/a", content: page + inner }) });',
      ].join("\n"),
      "page.html": "outer ",
      "lib/inner.ts":
        'import { readFileSync } from "node:fs";\nexport const inner = readFileSync(`${import.meta.dirname}/page.html`, "utf8");\n',
      "lib/page.html": "inner",
    });
    expect(specOf(loaded, "a")).toMatchObject({ content: "outer inner" });
  });

  test("may declare kinds of its own", async () => {
    const { loaded } = await load({
      "m.ts": [
        'import { DirectoryScore, manifest, PiTopology } from "harmony-edge";',
        "class Made extends DirectoryScore {}",
        'export default manifest(PiTopology, { a: new Made({ path: "/a" }) });',
      ].join("\n"),
    });
    expect(loaded._tag === "Loaded" && loaded.manifest.scores["a"]).toBeInstanceOf(DirectoryScore);
    expect(Score).toBeTypeOf("function");
  });

  test("prints to whom it is told to, never to standard output", async () => {
    const { printed } = await load({ "m.ts": `console.log("from %s", "the file");\n${manifestOf({})}` });
    expect(printed).toBe("from the file\n");
  });

  test("is run anew each time, and what it reads is read anew", async () => {
    const cwd = folder({ "m.ts": manifestOf({ a: ["/a", "one"] }) });
    expect(specOf(await loadManifest("m.ts", { cwd, print }), "a")).toMatchObject({ content: "one" });
    writeFileSync(join(cwd, "m.ts"), manifestOf({ a: ["/a", "two"] }));
    expect(specOf(await loadManifest("m.ts", { cwd, print }), "a")).toMatchObject({ content: "two" });
    const counting = `globalThis.loads = (globalThis.loads ?? 0) + 1;\n${manifestOf({}).replace("{\n}", '{ a: new FileScore({ path: "/a", content: String(globalThis.loads) }) }')}`;
    writeFileSync(join(cwd, "m.ts"), counting);
    expect(specOf(await loadManifest("m.ts", { cwd, print }), "a")).toMatchObject({ content: "1" });
    expect(specOf(await loadManifest("m.ts", { cwd, print }), "a")).toMatchObject({ content: "2" });
  });
});

describe("a FILE that is not is told with its place", () => {
  test("a syntax error", async () => {
    const { loaded, cwd } = await load({ "m.ts": 'import { manifest } from "harmony-edge";\nexport default {]\n' });
    expect(problemsOf(loaded)).toEqual([
      { file: join(cwd, "m.ts"), line: 2, column: 17, message: 'Expected identifier but found "]"' },
    ]);
    expect(loaded).toMatchObject({ ran: false });
  });

  test("an import of what this version does not export, and one of what is not there", async () => {
    const { loaded } = await load({
      "m.ts": 'import { NoSuchScore } from "harmony-edge";\nimport "./none.ts";\nexport default NoSuchScore;\n',
    });
    expect(problemsOf(loaded)).toMatchObject([{ line: 2, message: 'Could not resolve "./none.ts"' }]);
    const other = await load({ "m.ts": 'import { NoSuchScore } from "harmony-edge";\nexport default NoSuchScore;\n' });
    expect(problemsOf(other.loaded)).toMatchObject([
      { line: 1, column: 10, message: expect.stringContaining('for import "NoSuchScore"') },
    ]);
  });

  test("a spec that its kind does not accept, in FILE or in what it imports", async () => {
    const { loaded, cwd } = await load({
      "m.ts":
        'import { manifest, PiTopology } from "harmony-edge";\nimport { a } from "./lib/a.ts";\nexport default manifest(PiTopology, { a });\n',
      "lib/a.ts":
        'import { FileScore } from "harmony-edge";\n\nconst path: string = "relative";\nexport const a = new FileScore({ path, content: "x" });\n',
    });
    expect(problemsOf(loaded)).toMatchObject([
      { file: join(cwd, "lib/a.ts"), line: 4, message: expect.stringMatching(/^File@1: [^]*a path is absolute/) },
    ]);
    expect(loaded).toMatchObject({ ran: true });
  });

  test("a manifest that contradicts itself", async () => {
    const { loaded } = await load({ "m.ts": `// first\n${manifestOf({ a: ["/same", "1"], b: ["/same", "2"] })}` });
    expect(problemsOf(loaded)).toMatchObject([
      { line: 3, message: expect.stringContaining('"a" and "b" are both about path:/same') },
    ]);
  });

  test("an error of its own", async () => {
    const { loaded } = await load({ "m.ts": "const nothing: string[] = [];\n\nexport default nothing[0].length;\n" });
    expect(problemsOf(loaded)).toMatchObject([{ line: 3, message: expect.stringMatching(/^TypeError: /) }]);
    expect(problemsOf((await load({ "m.ts": 'throw "text";\n' })).loaded)).toMatchObject([{ message: "text" }]);
  });

  test.each([
    ["no default export", "export const a = 1;\n", /no default export: write `export default manifest/],
    ["another default export", "export default { scores: {} };\n", /the default export is not made by manifest\(\)/],
  ])("%s", async (_, text, message) => {
    expect(problemsOf((await load({ "m.ts": text })).loaded)).toMatchObject([
      { message: expect.stringMatching(message) },
    ]);
  });

  test("a folder, and nothing at all", async () => {
    expect(problemsOf((await load({ "dir/x": "" }, "dir")).loaded)).toMatchObject([{ message: "this is no file" }]);
    expect(problemsOf((await load({})).loaded)).toMatchObject([{ message: "there is no such file" }]);
  });
});
