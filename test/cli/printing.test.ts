import { expect, test } from "vitest";
import { parseDuration, spoken } from "../../src/cli/duration.ts";
import { nearest } from "../../src/cli/nearest.ts";
import { escaped, paint, printable, visible } from "../../src/cli/paint.ts";
import { table } from "../../src/cli/table.ts";

test("the nearest name is offered where one is near", () => {
  expect(nearest("fiel", ["File", "Directory"])).toBe("File");
  expect(nearest("Directroy", ["File", "Directory"])).toBe("Directory");
  expect(nearest("x", ["File", "Directory"])).toBeNull();
  expect(nearest("Container", ["File", "Directory"])).toBeNull();
});

test("times are read in four units, up to a day, and told in words", () => {
  expect(["500ms", "60s", "1.5s", "5m", "24h"].map(parseDuration)).toEqual([500, 60_000, 1500, 300_000, 86_400_000]);
  expect(["", "60", "s", "-1s", "0s", "25h", "1d", "1e3s", " 1s"].map(parseDuration)).toEqual(
    Array.from({ length: 9 }, () => null),
  );
  expect([0, 59_499, 300_000, 7_200_000, 200_000_000].map(spoken)).toEqual(["0 s", "59 s", "5 min", "2 h", "2 d"]);
});

test("a table is as wide as its widest cells, whatever is painted, and sends no control characters", () => {
  const { green, dim } = paint(true);
  expect(
    table(
      ["A", "B", "C"],
      [
        ["x", { text: "ok", paint: green }, "1"],
        ["long", "no", "a\nb\u001b[2J"],
      ],
      dim,
    ),
  ).toBe(
    "\u001b[2mA\u001b[22m     \u001b[2mB\u001b[22m   \u001b[2mC\u001b[22m\nx     \u001b[32mok\u001b[39m  1\nlong  no  a b\ufffd[2J\n",
  );
  expect(paint(false).red("x")).toBe("x");
  expect(visible("a\tb\nc\u0007\u009b\u202e")).toBe("a\tb\nc\ufffd\ufffd\ufffd");
  expect(printable("a\t\nb")).toBe("a b");
});

test("a document that is printed as JSON is the same document, and sends no control characters", () => {
  const document = { "a\u009b2J": "\u007f\u0085\u202e\u2066\u061c\n\u001b" };
  const text = escaped(JSON.stringify(document));
  expect(text).toMatch(/^[\u0020-\u007e]+$/);
  expect(JSON.parse(text)).toEqual(document);
});
