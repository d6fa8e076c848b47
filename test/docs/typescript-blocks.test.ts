import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compile } from "../types/compiler.ts";
import { blocks, root } from "./pages.ts";

const all = blocks.filter(({ language }) => language === "ts");

// Two folders below the top, as examples/ and test/docs/ are for a file that imports with ../../.
mkdirSync(join(root, "dist"), { recursive: true });
const folder = mkdtempSync(join(root, "dist/docs-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const nameOf = (at: number): string => `block-${at}.ts`;
for (const [at, { text }] of all.entries()) writeFileSync(join(folder, nameOf(at)), text);
// What `harmony new kind Motd` writes: the guide's own kind, beside its test, and beside the manifest that uses it.
mkdirSync(join(folder, "kinds"));
for (const at of [".", "kinds"]) copyFileSync(join(root, "templates/kind/motd.ts"), join(folder, at, "motd.ts"));
writeFileSync(
  join(folder, "tsconfig.json"),
  JSON.stringify({
    extends: "../../tsconfig.json",
    // A block shows something; what it makes need not be used.
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    include: ["*.ts"],
    exclude: [],
  }),
);

const errors = await compile("tsc", folder);

const errorsOf = (at: number) => errors.filter(({ file }) => basename(file) === nameOf(at));

test("there are blocks to check", () => {
  expect(all.filter(({ info }) => info === "").length).toBeGreaterThanOrEqual(4);
  expect(all.filter(({ info }) => info === "error").length).toBeGreaterThanOrEqual(1);
  expect(all.filter(({ info }) => !["", "error"].includes(info))).toEqual([]);
  expect(errors.filter(({ file }) => !/^block-\d+\.ts$/.test(basename(file)))).toEqual([]);
});

describe("the TypeScript of the documentation compiles", () => {
  const sound = [...all.entries()].filter(([, { info }]) => info === "");
  test.each(sound.map(([at, { page, line }]) => ({ at, place: `${page}:${line}` })))("$place", ({ at }) => {
    expect(errorsOf(at).map(({ line, message }) => `${line}: ${message}`)).toEqual([]);
  });
});

describe("what is said to be an error is one, in the words that are told, and nothing else is", () => {
  const wrong = [...all.entries()].filter(([, { info }]) => info === "error");
  test.each(wrong.map(([at, { page, line, text }]) => ({ at, place: `${page}:${line}`, text })))(
    "$place",
    ({ at, text }) => {
      const told = text.split("\n").flatMap((line, index) => {
        const sentence = /\/\/ error: (.+)$/.exec(line)?.[1];
        return sentence === undefined ? [] : [{ line: index + 1, sentence }];
      });
      expect(told.length).toBeGreaterThan(0);
      const found = errorsOf(at);
      expect(found.map(({ line }) => line)).toEqual(told.map(({ line }) => line));
      for (const { line, sentence } of told) {
        expect(found.find((error) => error.line === line)?.message).toContain(sentence);
      }
    },
  );
});

describe("a file that the guide shows whole is shown as it is", () => {
  test.each(["templates/kind/motd.ts", "templates/kind/motd.test.ts"])("%s", (file) => {
    expect(all.map(({ text }) => text)).toContain(readFileSync(join(root, file), "utf8"));
  });
});
