import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Labels, labelsIn } from "../../src/wire/labels.ts";

const ends = fc.constantFrom(..."azAZ09");
const word = fc
  .tuple(ends, fc.string({ unit: fc.constantFrom(..."aZ9-_."), maxLength: 60 }), ends)
  .map((parts) => parts.join(""));

describe("labels of a device", () => {
  test("are words KEY=VALUE, kept in the order of their keys", () => {
    const given = labelsIn(["site=paris", "role=kiosk", "toString=1"]);
    expect(given).toEqual({ labels: { role: "kiosk", site: "paris", toString: "1" } });
    expect("labels" in given && Object.keys(given.labels)).toEqual(["role", "site", "toString"]);
  });

  test.each([
    ["site", 'a label is KEY=VALUE, such as site=paris, and not "site"'],
    ["=paris", '"" is no key of a label'],
    ["site=", '"" is no value of the label "site"'],
    ["a b=c", '"a b" is no key'],
    ["__proto__=c", '"__proto__" is no key'],
    ["constructor=c", '"constructor" is no key'],
    ["site=paris=x", '"paris=x" is no value'],
    [`${"k".repeat(64)}=v`, "is no key"],
    [`k=${"v".repeat(64)}`, "is no value"],
  ])("are refused by name: %s", (text, message) => {
    expect(labelsIn([text])).toEqual({ message: expect.stringContaining(message) });
  });

  test("have one value each, and are 32 at the most", () => {
    expect(labelsIn(["a=1", "a=2"])).toEqual({ message: 'the label "a" has one value, and not both "1" and "2"' });
    expect(labelsIn(["a=1", "a=1"])).toEqual({ labels: { a: "1" } });
    const many = Array.from({ length: 33 }, (_, at) => `k${at}=v`);
    expect(labelsIn(many.slice(1))).toHaveProperty("labels");
    expect(labelsIn(many)).toEqual({ message: "a device has at most 32 labels, and not 33" });
    expect(Labels.safeParse(Object.fromEntries(many.map((each) => [each.slice(0, -2), "v"]))).success).toBe(false);
  });

  test("that are read are what the document takes", () => {
    fc.assert(
      fc.property(fc.dictionary(word, word, { maxKeys: 32 }), (given) => {
        const read = labelsIn(Object.entries(given).map(([key, value]) => `${key}=${value}`));
        expect(read).toEqual({ labels: { ...given } });
        expect(Labels.parse(given)).toEqual({ ...given });
      }),
    );
  });
});
