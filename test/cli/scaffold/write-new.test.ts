import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeNew } from "../../../src/cli/scaffold/write-new.ts";
import { folder } from "../in-process.ts";

test("writes files into folders that are there, and into those that are not", async () => {
  const at = folder({ "a/theirs": "theirs" });
  const files = new Map([
    ["a/one", "1"],
    ["b/c/two", "2"],
  ]);
  expect(await writeNew(join(at), files)).toEqual({ _tag: "Written" });
  expect([readFileSync(join(at, "a/one"), "utf8"), readFileSync(join(at, "b/c/two"), "utf8")]).toEqual(["1", "2"]);
});

test("where one cannot be written, what was written and made before is taken away again, and nothing else", async () => {
  const at = folder({ "a/theirs": "theirs" });
  const files = new Map([
    ["a/one", "1"],
    ["b/c/two", "2"],
    ["b/c/two/three", "3"],
  ]);
  expect(await writeNew(at, files)).toEqual({ _tag: "Failed", message: expect.stringMatching(/b\/c\/two/) });
  expect(readdirSync(at, { recursive: true, encoding: "utf8" }).toSorted()).toEqual(["a", "a/theirs"]);
});

test("a name that no file can have is told, and nothing is written", async () => {
  const at = join(folder(), "new");
  const files = new Map([
    ["one", "1"],
    ["y".repeat(300), "2"],
  ]);
  expect(await writeNew(at, files)).toEqual({ _tag: "Failed", message: expect.stringContaining("ENAMETOOLONG") });
  expect(existsSync(at)).toBe(false);
});
