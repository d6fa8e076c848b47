import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pageAt, root } from "./pages.ts";

const rows = pageAt("docs/faults.md")
  .text.split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| fault "));

test.each(rows)("the test that a fault names is there: %s", (row) => {
  const [, path = "", name = ""] = /`(test\/[^`]+)`: "([^"]+)" \|$/.exec(row) ?? [];
  expect(path).not.toBe("");
  expect(existsSync(join(root, path))).toBe(true);
  expect(readFileSync(join(root, path), "utf8")).toContain(name);
});
