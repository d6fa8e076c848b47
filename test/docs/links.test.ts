import { existsSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";
import { pages, root } from "./pages.ts";

const links = pages.flatMap(({ path, prose }) =>
  [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(({ 1: target = "" }) => ({ page: path, target })),
);

/** As GitHub names a heading. */
const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

const anchorsOf = (path: string): readonly string[] =>
  [...(pages.find((page) => page.path === path)?.prose ?? "").matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    anchorOf(heading),
  );

describe("every link within the repository leads somewhere", () => {
  const within = links.filter(({ target }) => !/^[a-z]+:/.test(target));

  test("there are links to check", () => {
    expect(within.length).toBeGreaterThan(20);
  });

  test.each(within)("$page: $target", ({ page, target }) => {
    const [file = "", anchor] = target.split("#");
    const path = file === "" ? page : normalize(join(dirname(page), file));
    expect(path.startsWith("..")).toBe(false);
    expect(existsSync(join(root, path))).toBe(true);
    // A folder is shown by its index.
    expect(statSync(join(root, path)).isDirectory() && !existsSync(join(root, path, "README.md"))).toBe(false);
    expect(anchor === undefined || anchorsOf(path).includes(anchor)).toBe(true);
  });
});
