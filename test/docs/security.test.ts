import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pageAt, root } from "./pages.ts";

/** The cells of each row below the heading. */
const attackers = (pageAt("docs/security.md").text.split("| attacker |")[1] ?? "")
  .split("\n\n")[0]
  ?.split("\n")
  .slice(2)
  .map((row) => row.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "").trim()));

test.each(attackers ?? [])("what stops %s is shown by tests that are there", (_, __, stoppedBy = "", shownBy = "") => {
  const shown = [...shownBy.matchAll(/`(test\/[^`]+)`: "([^"]+)"/g)];
  if (stoppedBy.includes("out of scope")) {
    expect(shown).toEqual([]);
    return;
  }
  expect(shown).not.toEqual([]);
  // Nothing stands there but such names.
  expect(shown.map(([all]) => all).join("; ")).toBe(shownBy);
  for (const [, path = "", name = ""] of shown) {
    expect([path, existsSync(join(root, path))]).toEqual([path, true]);
    expect(readFileSync(join(root, path), "utf8")).toContain(name);
  }
});

test("the table of the attackers is found", () => {
  expect(attackers?.length).toBeGreaterThan(10);
});
