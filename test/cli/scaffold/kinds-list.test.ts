import { describe, expect, test } from "vitest";
import { byHand, withKind } from "../../../src/cli/scaffold/kinds-list.ts";

const MOTD = { className: "MotdScore", from: "./kinds/motd.ts" };
const lines = (...all: readonly string[]): string => `${all.join("\n")}\n`;
const IMPORT = 'import { FileScore } from "harmony-edge";';
const OURS = 'import { MotdScore } from "./kinds/motd.ts";';

describe("a list of names gets one more, and keeps its looks", () => {
  test.each<readonly [string, string, string]>([
    [
      "on one line",
      lines("// Ours.", IMPORT, "", "export default [FileScore] as const;"),
      lines("// Ours.", IMPORT, OURS, "", "export default [FileScore, MotdScore] as const;"),
    ],
    [
      "with a comma at its end",
      lines(IMPORT, "export default [FileScore, ] as const;"),
      lines(IMPORT, OURS, "export default [FileScore, MotdScore] as const;"),
    ],
    [
      "with none",
      lines('import {} from "harmony-edge";', "export default [] as const;"),
      lines('import {} from "harmony-edge";', OURS, "export default [MotdScore] as const;"),
    ],
    [
      "on several lines, with comments that stay with their names",
      lines(
        IMPORT,
        "",
        "export default [",
        "    FileScore, // files, [all] of them",
        "    // more to come",
        "] as const;",
      ),
      lines(
        IMPORT,
        OURS,
        "",
        "export default [",
        "    FileScore, // files, [all] of them",
        "    // more to come",
        "    MotdScore,",
        "] as const;",
      ),
    ],
    [
      "without a comma at its end, and without semicolons",
      lines("import { FileScore } from 'harmony-edge'", "export default [", "\tFileScore // files", "]"),
      lines(
        "import { FileScore } from 'harmony-edge'",
        "import { MotdScore } from './kinds/motd.ts'",
        "export default [",
        "\tFileScore, // files",
        "\tMotdScore,",
        "]",
      ),
    ],
    [
      "with none yet, and a comment",
      lines(IMPORT, "export default [", "  // FileScore,", "] as const;"),
      lines(IMPORT, OURS, "export default [", "  // FileScore,", "  MotdScore,", "] as const;"),
    ],
    [
      "behind imports over several lines, and beside what only looks like code",
      lines(
        "/* export default [Nothing]; `${",
        "*/",
        "import {",
        "  FileScore,",
        '} from "harmony-edge"; // import { Other } from "other";',
        'import { AScore } from "./export default [x]/a.ts";',
        "export default [FileScore, /* the first */ AScore /* ours */] as const; // end",
      ),
      lines(
        "/* export default [Nothing]; `${",
        "*/",
        "import {",
        "  FileScore,",
        '} from "harmony-edge"; // import { Other } from "other";',
        'import { AScore } from "./export default [x]/a.ts";',
        OURS,
        "export default [FileScore, /* the first */ AScore, /* ours */ MotdScore] as const; // end",
      ),
    ],
    [
      "with the line ends of another system",
      lines(IMPORT, "export default [", "  FileScore,", "];").replaceAll("\n", "\r\n"),
      lines(IMPORT, OURS, "export default [", "  FileScore,", "  MotdScore,", "];").replaceAll("\n", "\r\n"),
    ],
    [
      "that gets longer than a line",
      lines(IMPORT, `export default [FileScore, ${"A".repeat(90)}] as const;`),
      lines(IMPORT, OURS, "export default [", "  FileScore,", `  ${"A".repeat(90)},`, "  MotdScore,", "] as const;"),
    ],
  ])("%s", (_, before, after) => {
    expect(withKind(before, MOTD)).toEqual({ _tag: "Edited", text: after });
  });
});

describe("what could mean something else after an edit is left alone", () => {
  test.each([
    ["a spread", lines(IMPORT, "export default [FileScore, ...more] as const;")],
    ["a call", lines(IMPORT, "export default [FileScore].concat(more);")],
    ["a name for the list", lines(IMPORT, "const kinds = [FileScore];", "export default kinds;")],
    ["two lists", lines(IMPORT, "export const two = [FileScore];", "export default [FileScore];")],
    ["a statement more", lines(IMPORT, "export default [FileScore];", "console.log(1);")],
    ["a template", lines(IMPORT, "export default [FileScore, `${x}`];")],
    ["text that does not end", lines(IMPORT, 'export default [FileScore, "x];')],
    ["a comment that does not end", lines(IMPORT, "export default [FileScore]; /* x")],
    ["no import", "export default [] as const;\n"],
    ["another import", lines('import * as all from "harmony-edge";', "export default [] as const;")],
    ["nothing", ""],
  ])("%s", (_, text) => {
    expect(withKind(text, MOTD)).toEqual({ _tag: "NotSafe" });
  });
});

test("a class that is there is not put in twice, but a comment may speak of it", () => {
  const there = lines(IMPORT, OURS, "export default [FileScore];");
  expect(withKind(there, MOTD)).toEqual({ _tag: "Known" });
  expect(withKind(lines(there, "const x = `${1}`;"), MOTD)).toEqual({ _tag: "Known" });
  expect(withKind(lines("// MotdScore goes here", IMPORT, "export default [FileScore];"), MOTD)._tag).toBe("Edited");
});

test("the lines to add by hand say what and where from", () => {
  expect(byHand(MOTD)).toEqual([OURS, "export default [..., MotdScore] as const;"]);
});
