import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { WireSpec } from "../../src/wire/envelope.ts";
import { decodeSpec, encodeSpec } from "../../src/wire/spec-codec.ts";
import { anySpec, EverythingScore, everythingSpec } from "./everything-score.ts";

const decodedValue = (json: unknown, values: unknown): unknown => {
  const decoded = decodeSpec({ json, meta: { values, v: 1 } });
  return decoded._tag === "Spec" ? decoded.value : decoded;
};
const refusal = (json: unknown, values: unknown): string => {
  const decoded = decodeSpec({ json, meta: { values, v: 1 } });
  return decoded._tag === "Refused" ? decoded.message : "accepted";
};

describe("a spec that travels", () => {
  test("comes back as it was, whatever it holds", () => {
    fc.assert(
      fc.property(anySpec, (given) => {
        const { spec } = new EverythingScore(given);
        expect(decodeSpec(structuredClone(encodeSpec(spec)))).toStrictEqual({ _tag: "Spec", value: spec });
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(everythingSpec, (given) => {
        const { spec } = new EverythingScore(given);
        const wire: WireSpec = JSON.parse(JSON.stringify(encodeSpec(spec)));
        expect(decodeSpec(wire)).toStrictEqual({ _tag: "Spec", value: spec });
      }),
      { numRuns: 300 },
    );
  });

  test("is left as it is by encoding and by decoding", () => {
    const wire = encodeSpec(new Map([["at", new Date(0)]]));
    const text = JSON.stringify(wire);
    decodeSpec(wire);
    expect(JSON.stringify(wire)).toBe(text);
  });

  test("carries no annotations when it is plain JSON", () => {
    expect(encodeSpec({ path: "/etc/motd", lines: [1, null, "x"] })).toEqual({
      json: { path: "/etc/motd", lines: [1, null, "x"] },
    });
  });

  test("that holds one thing in two places comes back with two things", () => {
    const shared = new Set([1n]);
    const { json, meta } = encodeSpec({ a: shared, b: shared });
    expect(meta).toEqual({ v: 1, values: { a: ["set", { 0: ["bigint"] }], b: ["set", { 0: ["bigint"] }] } });
    expect(decodeSpec({ json, meta })).toEqual({ _tag: "Spec", value: { a: shared, b: shared } });
  });
});

describe("annotations", () => {
  test.each([
    ["undefined", null, undefined],
    ["bigint", "-12345678901234567890", -12345678901234567890n],
    ["number", "-0", -0],
    ["Date", "2026-11-23T08:00:00.000Z", new Date("2026-11-23T08:00:00.000Z")],
    ["Date", "+012026-11-23T08:00:00.000Z", new Date("+012026-11-23T08:00:00.000Z")],
    ["set", ["a", "b"], new Set(["a", "b"])],
    ["map", [["a", 1]], new Map([["a", 1]])],
  ])("of a %s are undone on %j", (annotation, json, value) => {
    expect(decodedValue({ x: json }, { x: [annotation] })).toStrictEqual({ x: value });
    expect(decodedValue(json, [annotation])).toStrictEqual(value);
  });

  test.each([
    ["undefined", 1],
    ["bigint", "1.5"],
    ["bigint", ""],
    ["bigint", 7],
    ["number", "7"],
    ["Date", 0],
    ["Date", "2026"],
    ["set", "abc"],
    ["set", { length: 1 }],
    ["map", [["a"]]],
    ["map", ["ab"]],
  ])("of a %s are refused on %j", (annotation, json) => {
    expect(refusal({ x: json }, { x: [annotation] })).toBe(
      `the annotation "${annotation}" does not fit the value it stands on`,
    );
  });

  test.each([
    ["regexp"],
    ["Error"],
    ["URL"],
    ["Set"],
    ["toString"],
    [["typed-array", "Uint8Array"]],
    [["class", "X"]],
    [["custom", "X"]],
    [["symbol", "X"]],
  ])("of %j are refused by name", (annotation) => {
    expect(refusal({ x: [] }, { x: [annotation] })).toBe(
      `the annotation ${JSON.stringify(annotation)} is not one of undefined, bigint, number, Date, set, map`,
    );
  });

  test.each([
    "y",
    "x.1",
    "x.-1",
    "x.00",
    "x.0.",
    "",
    "__proto__",
    "x.__proto__",
    "constructor",
    "x\\.0",
    "x.0.toString",
  ])("on the path %j, where nothing of the spec's own is, are refused", (path) => {
    expect(refusal({ x: [null] }, { [path]: ["undefined"] })).toContain("leads to no place of its own in the spec");
  });

  test("with more than an annotation and what is inside are refused", () => {
    expect(refusal([], ["set", {}, {}])).toBe("an annotation has at most two parts");
    expect(refusal([], ["set", []])).toBe("annotations are an object or an array");
    expect(refusal([], [])).toMatch(/^the annotation null is not one of /);
  });

  test("on the length of a list are refused", () => {
    expect(refusal({ x: [null] }, { "x.length": ["undefined"] })).not.toBe("accepted");
  });

  test("on keys with dots and backslashes reach the one place that is meant", () => {
    const spec = { "a.b": 1n, a: { b: 2n }, "a\\": { b: 3n }, "": 4n, ".": 5n, "\\.": 6n };
    expect(decodeSpec(encodeSpec(spec))).toEqual({ _tag: "Spec", value: spec });
  });

  test.each([
    ["from outside of a Set", { x: ["set"], "x.0": ["bigint"] }],
    ["from outside of a Set, before it", { "x.0": ["bigint"], x: ["set"] }],
  ])("are refused %s", (_, values) => {
    expect(refusal({ x: ["1"] }, values)).toContain("leads to no place of its own in the spec");
  });

  test("inside of a Set or Map are undone before it is made", () => {
    expect(decodedValue([["1", ["2"]]], ["map", { "0.0": ["bigint"], "0.1": ["set", { 0: ["bigint"] }] }])).toEqual(
      new Map([[1n, new Set([2n])]]),
    );
  });
});

/** What decoding may make of JSON: nothing but these, so nothing that has code of its own. */
function isCarried(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return typeof value !== "function" && typeof value !== "symbol";
  if (value instanceof Date) return true;
  if (value instanceof Set) return [...value].every(isCarried);
  if (value instanceof Map) return [...value].flat().every(isCarried);
  const plain = Array.isArray(value) ? Array.prototype : Object.prototype;
  return Object.getPrototypeOf(value) === plain && Object.values(value).every(isCarried);
}

describe("decoding", () => {
  const json = fc.jsonValue({ maxDepth: 4 });
  const annotation = fc.oneof(
    fc.constantFrom(
      "undefined",
      "bigint",
      "number",
      "Date",
      "set",
      "map",
      "regexp",
      "Error",
      "URL",
      "constructor",
      0,
      null,
    ),
    fc.constantFrom(["typed-array", "Uint8Array"], ["class", "Object"], ["custom", "x"], ["symbol", "x"], []),
  );
  const path = fc
    .array(fc.constantFrom("0", "1", "a", "b", ".", "\\", "__proto__", "length", "constructor"))
    .map((parts) => parts.join(""));
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small" },
      fc.tuple(annotation),
      fc.tuple(annotation, fc.dictionary(path, tie("tree"))),
      fc.dictionary(path, tie("tree")),
      json,
    ),
  }));

  test("never throws, and makes nothing but data, of any JSON with any annotations", () => {
    fc.assert(
      fc.property(
        fc.oneof(json, fc.constant({ a: ["1", null, ["2"]], b: { a: [["x", "3"]], "0": "-0" } })),
        tree,
        (value, values) => {
          const decoded = decodeSpec({ json: value, meta: { values, v: 1 } });
          expect(decoded._tag === "Refused" || isCarried(decoded.value)).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
