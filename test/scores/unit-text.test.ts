import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { argument, assignment, isWritable, plain, quotedPath, unitText } from "../../src/scores/unit-text.ts";

/** Reads words as systemd's manual says they are read: quotes, C escapes, then `%%`, and `$$` where variables are. */
function readWords(line: string, hasVariables: boolean): string[] {
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, inside = ""]) => inside);
  expect(words.map((word) => `"${word}"`).join(" ")).toBe(line);
  return words.map((word) => {
    const plainText = word.replaceAll(/\\(x..|.)/g, (_, code: string) =>
      code === "t"
        ? "\t"
        : code === "r"
          ? "\r"
          : code.startsWith("x")
            ? String.fromCodePoint(Number.parseInt(code.slice(1), 16))
            : code,
    );
    const specified = plainText.replaceAll(/%(.)/g, (_, next: string) => (next === "%" ? "%" : `<specifier ${next}>`));
    return hasVariables
      ? specified.replaceAll(/\$(.?)/g, (_, next: string) => (next === "$" ? "$" : `<variable ${next}>`))
      : specified;
  });
}

const values = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom("%", "$", '"', "\\", "\t", "\r", " ", "'", ";", "#", "\x01", "x"),
      fc.string({ minLength: 1, maxLength: 1, unit: "binary" }),
    ),
  })
  .filter(isWritable);

describe("what is written into a unit file", () => {
  test("a command line comes back word by word", () => {
    fc.assert(
      fc.property(fc.array(values, { minLength: 1 }), (argv) => {
        const line = argv.map(argument).join(" ");
        expect(line).not.toMatch(/[\n\0\r\t]/);
        expect(readWords(line, true)).toEqual(argv);
      }),
    );
  });

  test("an assignment comes back, and a dollar sign in it is only that", () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(readWords(assignment("NAME", value), false)).toEqual([`NAME=${value}`]);
      }),
    );
    expect(assignment("A", "$x %y")).toBe('"A=$x %%y"');
  });

  test("specifiers mean nothing in plain text and in paths", () => {
    expect([plain("100%"), quotedPath('/srv/a "b" %n')]).toEqual(["100%%", '"/srv/a \\"b\\" %%n"']);
  });

  test.each(["a\nb", "a\0b", "a\u{d800}"])("%j cannot be written at all", (value) => {
    expect(isWritable(value)).toBe(false);
  });

  test("sections stand apart, and one without directives is left out", () => {
    expect(
      unitText([
        [
          "Unit",
          [
            ["A", "1"],
            ["A", "2"],
          ],
        ],
        ["Service", []],
        ["Install", [["B", ""]]],
      ]),
    ).toBe("[Unit]\nA=1\nA=2\n\n[Install]\nB=\n");
  });
});
