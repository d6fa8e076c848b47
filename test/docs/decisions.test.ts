import { describe, expect, test } from "vitest";
import { pageAt, pages } from "./pages.ts";

const records = pages.filter(({ path }) => /^docs\/adr\/\d{3}-/.test(path));

test("the numbers of the decisions go on without a gap, and the index names each", () => {
  const numbers = records.map(({ path }) => Number(/\d{3}/.exec(path)?.[0])).toSorted((a, b) => a - b);
  expect(numbers.length).toBeGreaterThanOrEqual(11);
  expect(numbers).toEqual(numbers.map((_, at) => 21 + at));
  const { text: index } = pageAt("docs/adr/README.md");
  expect(records.filter(({ path }) => !index.includes(`](${path.replace("docs/adr/", "")})`))).toEqual([]);
});

describe("a decision says where it stands, why it was taken and what was rejected, and can be read to its end", () => {
  test.each(records)("$path", ({ path, text }) => {
    const number = /\d{3}/.exec(path)?.[0] ?? "";
    expect(text).toMatch(new RegExp(`^# ${number}: .+\n\nStatus: .+\n\nDate: \\d{4}-\\d{2}-\\d{2}`));
    const sections = [...text.matchAll(/^## (.+)$/gm)].map(([, title]) => title);
    expect(sections).toEqual(["Context", "Decision", "Consequences", "Rejected options"]);
    expect(text.split("\n").length).toBeLessThanOrEqual(85);
  });
});
