import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type CompileError, compile, COMPILERS } from "./compiler.ts";

/** Each file there is one that an author might write. Its first lines tell what the compilers must say about it, and where. */
const folder = "test/compile-fail";
const fixtures = readdirSync(folder)
  .filter((name) => name.endsWith(".ts"))
  .map((name) => ({ file: `${folder}/${name}`, expected: expectations(readFileSync(`${folder}/${name}`, "utf8")) }));

interface Expected {
  readonly at: string;
  /** Where the two compilers differ, both codes. */
  readonly codes: readonly string[];
  /** What the message must contain. In pieces where a union stands between, as its members come in any order. */
  readonly texts: readonly string[];
}

function expectations(source: string): readonly Expected[] {
  return [...source.matchAll(/^\/\/ expect (\d+:\d+) (\S+) (.+)$/gm)].map(([, at = "", codes = "", text = ""]) => ({
    at,
    codes: codes.split("|"),
    texts: text.split(" && "),
  }));
}

const isExpected = ({ line, column, code, message }: CompileError, { at, codes, texts }: Expected): boolean =>
  at === `${line}:${column}` && codes.includes(code) && texts.every((text) => message.includes(text));

test("each fixture says what it expects", () => {
  expect(fixtures.length).toBeGreaterThanOrEqual(25);
  expect(fixtures.filter(({ expected }) => expected.length === 0).map(({ file }) => file)).toEqual([]);
});

describe.each(COMPILERS)("%s", async (compiler) => {
  const errors = await compile(compiler, `${folder}/tsconfig.json`);

  test.each(fixtures)(
    "refuses $file at the expected places, in the expected words, and nowhere else",
    ({ file, expected }) => {
      const found = errors.filter((error) => error.file === file);
      const unexpected = found.filter((error) => !expected.some((each) => isExpected(error, each)));
      const missing = expected.filter((each) => !found.some((error) => isExpected(error, each)));
      expect({ unexpected, missing }).toEqual({ unexpected: [], missing: [] });
    },
  );

  test("accepts what fits", () => {
    expect(readdirSync("test/types").filter((name) => name.endsWith(".test-d.ts"))).toHaveLength(3);
    expect(errors.filter(({ file }) => file.startsWith("test/types/"))).toEqual([]);
  });
});
