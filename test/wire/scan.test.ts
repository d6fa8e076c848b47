import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { measure, scan } from "../../src/wire/scan.ts";
import { bytesOf } from "./wire-text.ts";

const unlimited = { depth: 1_000_000, values: 1_000_000 };

/** How deep a parsed value is nested, and how many values it holds. */
function counted(value: unknown): { depth: number; values: number } {
  if (typeof value !== "object" || value === null) return { depth: 0, values: 1 };
  const inner = Object.values(value).map(counted);
  return {
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
    values: 1 + inner.reduce((sum, { values }) => sum + values, 0),
  };
}
const containers = (value: unknown): number =>
  typeof value !== "object" || value === null
    ? 0
    : Object.values(value).reduce((sum: number, each) => sum + containers(each), 1);

describe("measuring JSON by its bytes", () => {
  test("allows exactly the depth that it is told", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        const { depth } = counted(JSON.parse(text));
        expect(measure(bytesOf(text), { ...unlimited, depth })).toBeNull();
        expect(measure(bytesOf(`[${text}]`), { ...unlimited, depth })).toBe(`nested deeper than ${depth}`);
      }),
    );
  });

  test("counts each value at least once, and no array or object more than twice", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        const value = JSON.parse(text);
        const { values } = counted(value);
        expect(measure(bytesOf(text), { ...unlimited, values: values + containers(value) })).toBeNull();
        expect(measure(bytesOf(text), { ...unlimited, values: values - 1 })).toBe(`more than ${values - 1} values`);
      }),
    );
  });

  test.each(["[[", "{[,", '"\\"[[[["', '["\\\\",["]"]]', "]]]]", '"[[[[[[', "\\\\\\", ""])(
    "says nothing of what is no JSON or within a string: %s",
    (text) => {
      expect(measure(bytesOf(text), { depth: 2, values: 9 })).toBeNull();
    },
  );

  test("stops at the first byte that is too much", () => {
    const bytes = bytesOf("[[[[");
    const read: number[] = [];
    const watched = new Proxy(bytes, {
      get: (target, key): unknown => {
        if (typeof key === "string" && /^[0-9]+$/.test(key)) read.push(Number(key));
        return Reflect.get(target, key);
      },
    });
    expect(measure(watched, { depth: 1, values: 9 })).toBe("nested deeper than 1");
    expect(read).toEqual([0, 1]);
  });
});

describe("scanning parsed JSON", () => {
  const harmless = fc
    .jsonValue()
    .filter((value) => !/"(__proto__|constructor|prototype)":/.test(JSON.stringify(value)));

  test.each(["__proto__", "constructor", "prototype"])("finds the key %s wherever it is", (key) => {
    const carrier = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: "medium" },
        fc.constant({ [key]: 1 }),
        fc.tuple(harmless, tie("value")),
        tie("value").map((inner) => ({ a: 1, inner, z: null })),
      ),
    }));
    fc.assert(
      fc.property(carrier.value, (value) => {
        expect(scan(JSON.parse(JSON.stringify(value)))).toBe(`the key "${key}" is forbidden`);
      }),
    );
  });

  test("lets everything else pass", () => {
    fc.assert(
      fc.property(harmless, (value) => {
        expect(scan(value)).toBeNull();
      }),
    );
    expect(scan({ proto: "__proto__", values: ["constructor", "prototype"], Constructor: 1 })).toBeNull();
  });

  test("needs no stack", () => {
    const text = "[".repeat(500_000) + '{"__proto__":1}' + "]".repeat(500_000);
    expect(scan(JSON.parse(text))).toBe('the key "__proto__" is forbidden');
  });
});
