import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { same } from "../../src/testing/same.ts";

test.each([
  [{ a: 1, b: [2] }, { b: [2], a: 1 }, true],
  [{ a: undefined }, {}, false],
  [{ a: undefined }, { b: undefined }, false],
  [[1, 2], [2, 1], false],
  [[], {}, false],
  [0, -0, false],
  [Number.NaN, Number.NaN, true],
  [null, {}, false],
  [new Date(1), new Date(1), true],
  [new Date(1), new Date(2), false],
  [new Set(["a"]), new Set(["a"]), true],
  [new Set(["a"]), new Set(["b"]), false],
  [new Map([["a", [1]]]), new Map([["a", [1]]]), true],
  [new Map([["a", [1]]]), new Map([["a", [2]]]), false],
  [new Uint8Array([1]), new Uint8Array([1]), true],
  [new Uint8Array([1]), new Uint8Array([2]), false],
])("%j and %j are alike: %j", (a, b, alike) => {
  expect([same(a, b), same(b, a)]).toEqual([alike, alike]);
});

test("of JSON it thinks as Node does", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 1 }), (a, b) => {
      expect(same(a, b)).toBe(isDeepStrictEqual(a, b));
      expect(same(a, structuredClone(a))).toBe(true);
    }),
  );
});
