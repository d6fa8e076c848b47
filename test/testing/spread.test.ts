import * as fc from "fast-check";
import { expect, it } from "vitest";
import { spread } from "../../src/testing/spread.ts";

it("picks so many, in order, the last one among them, and leaves out about as many each time", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }), (length, atMost) => {
      const all = Array.from({ length }, (_, at) => at);
      const picked = spread(all, atMost);
      expect(picked).toHaveLength(Math.min(length, atMost));
      expect(picked.at(-1)).toBe(length - 1);
      const gaps = picked.map((at, nth) => at - (picked[nth - 1] ?? -1));
      expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThanOrEqual(1);
    }),
  );
});

it("picks all where there is no limit", () => expect(spread([1, 2, 3], Number.POSITIVE_INFINITY)).toEqual([1, 2, 3]));
