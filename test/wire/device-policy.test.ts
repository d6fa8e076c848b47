import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DevicePolicies, plainPath, readPolicy } from "../../src/wire/device-policy.ts";
import { isWithin } from "../../src/wire/policy-rules.ts";

const read = (value: unknown) => readPolicy(Buffer.from(typeof value === "string" ? value : JSON.stringify(value)));

describe("the file of a policy", () => {
  test("may say nothing, and then allows everything", () => {
    expect(read({})).toEqual({ _tag: "Policy", rules: {} });
  });

  test.each<readonly [string, unknown, string]>([
    ["a rule that does not exist", { path: ["/srv"] }, 'Unrecognized key: "path"'],
    ["a ceiling that does not exist", { limits: { score: 3 } }, 'Unrecognized key: "score"'],
    ["a path that goes upwards", { paths: ["/srv/../etc"] }, 'a path is absolute and has no ".." in it'],
    ["a path that is not absolute", { paths: ["srv"] }, "a path is absolute"],
    ["a star within a unit's name", { units: ["we*b.service"] }, "with one * at its beginning or its end"],
    ["a star at both ends", { units: ["*web*"] }, "with one * at its beginning or its end"],
    ["a star alone", { units: ["*"] }, "with one * at its beginning or its end"],
    ["a registry with a scheme", { registries: ["https://ghcr.io"] }, 'a registry is a host, such as "ghcr.io"'],
    ["a ceiling below nothing", { limits: { scores: -1 } }, "expected number to be >=0"],
    ["a word where a list stands", { kinds: "File" }, "expected array"],
    ["no object", [], "expected object"],
    ["no JSON", "{", "not JSON"],
    ["a key that reaches into prototypes", '{"__proto__":{"kinds":["File"]}}', "__proto__"],
    ["no UTF-8", "", "not JSON"],
  ])("with %s is unusable, and the message says why", (_, given, why) => {
    expect(read(given)).toMatchObject({ _tag: "Unusable", message: expect.stringContaining(why) });
  });

  test("is bounded", () => {
    expect(read(`{"kinds":["${"x".repeat(300_000)}"]}`)).toMatchObject({ _tag: "Unusable" });
    expect(read("[".repeat(1000))).toMatchObject({ _tag: "Unusable" });
  });

  test("never throws", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(["Policy", "Unusable"]).toContain(read(text)._tag);
      }),
    );
  });

  test("of a newer agent is read by an older reader as far as it knows it", () => {
    const rules = { kinds: ["File"], moon: ["full"], limits: { scores: 3, moons: 1 } };
    const told = { reserved: { paths: [], units: [] }, policies: [{ name: "/p", rules }], unreadable: null };
    expect(DevicePolicies.parse(told).policies[0]?.rules).toEqual({ kinds: ["File"], limits: { scores: 3 } });
  });
});

describe("paths", () => {
  const name = fc.stringMatching(/^[a-z.-]{1,6}$/).filter((each) => each !== "." && each !== "..");
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join("/")}`);

  test("are the same with more slashes, and with a dot", () => {
    fc.assert(
      fc.property(path, fc.constantFrom("//", "/./", "///"), (plain, slash) => {
        expect(plainPath(plain)).toBe(plain);
        expect(plainPath(`${plain.replaceAll("/", slash)}/`)).toBe(plain);
      }),
    );
  });

  test("that go upwards are none", () => {
    fc.assert(
      fc.property(path, path, (a, b) => {
        expect([plainPath(`${a}/..${b}`), plainPath(`${a}/..`), plainPath(`..${a}`)]).toEqual([null, null, null]);
      }),
    );
  });

  test("are within what they begin with, and never within a sibling", () => {
    fc.assert(
      fc.property(path, name, (prefix, more) => {
        expect(isWithin(prefix, prefix)).toBe(true);
        expect(isWithin(`${prefix}/${more}`, prefix)).toBe(true);
        expect(isWithin(`${prefix}/${more}`, "/")).toBe(true);
        expect(isWithin(`${prefix}${more}`, prefix)).toBe(false);
        expect(isWithin(prefix, `${prefix}/${more}`)).toBe(false);
      }),
    );
  });
});
