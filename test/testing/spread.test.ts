import * as fc from "fast-check";
import { expect, it } from "vitest";
import { spread } from "../../src/testing/spread.ts";

it("picks so many, in order, and leaves out about as many between any two", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }), (length, atMost) => {
      const all = Array.from({ length }, (_, at) => at);
      const picked = spread(all, atMost);
      expect(picked).toHaveLength(Math.min(length, atMost));
      const gaps = picked.slice(1).map((at, nth) => at - (picked[nth] ?? 0));
      expect(Math.max(0, ...gaps) - Math.min(length, ...gaps)).toBeLessThanOrEqual(1);
    }),
  );
});

it("picks the middle where it is to be one", () => expect(spread([1, 2, 3, 4, 5], 1)).toEqual([3]));

it("picks all where there is no limit", () => expect(spread([1, 2, 3], Number.POSITIVE_INFINITY)).toEqual([1, 2, 3]));
