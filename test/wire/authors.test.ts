import { generateKeyPairSync } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readAuthors } from "../../src/wire/authors.ts";

const [one, two] = [generateKeyPairSync("ed25519").publicKey, generateKeyPairSync("ed25519").publicKey];
const pem = one.export({ type: "spki", format: "pem" }).toString();
const der = one.export({ type: "spki", format: "der" });
const read = (authors: unknown, rest: object = {}) => readAuthors(Buffer.from(JSON.stringify({ authors, ...rest })));
const other = two.export({ type: "spki", format: "der" }).toString("base64");

describe("the file of the authors", () => {
  test.each([
    ["PEM", pem],
    ["base64 of its DER", der.toString("base64")],
    ["base64 of its bare bytes", der.subarray(-32).toString("base64")],
  ])("has a key as %s", (_, publicKey) => {
    const told = read([{ name: "ops", publicKey }]);
    expect(told).toMatchObject({ keys: [{ name: "ops", notBefore: -Infinity, notAfter: Infinity }] });
    expect(told._tag === "Authors" && told.keys[0]?.publicKey.equals(one)).toBe(true);
  });

  test("has times in which a key is good, and may have several keys of one author, or none at all", () => {
    const times = { notBefore: "2026-01-01T00:00:00Z", notAfter: "2026-12-31T23:00:00-01:00" };
    expect(
      read([
        { name: "ops", publicKey: pem, ...times },
        { name: "ops", publicKey: other },
      ]),
    ).toMatchObject({
      keys: [{ notBefore: Date.UTC(2026, 0, 1), notAfter: Date.UTC(2027, 0, 1) }, { name: "ops" }],
    });
    expect(read([])).toEqual({ _tag: "Authors", keys: [] });
  });

  const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ type: "spki", format: "pem" });
  test.each([
    ["a word that is not known", [{ name: "ops", publicKey: pem, notafter: "2026-01-01T00:00:00Z" }], "notafter"],
    ["a time that is none", [{ name: "ops", publicKey: pem, notAfter: "tomorrow" }], "notAfter"],
    ["a key of another sort", [{ name: "ops", publicKey: rsa }], 'authors[0]: the publicKey of "ops"'],
    ["no key", [{ name: "ops", publicKey: "AAAA" }], 'authors[0]: the publicKey of "ops"'],
    [
      "one key under two names",
      [
        { name: "ops", publicKey: pem },
        { name: "qa", publicKey: der.toString("base64") },
      ],
      '"qa" has the key that "ops" has',
    ],
    [
      "a key that ends before it begins",
      [{ name: "ops", publicKey: pem, notBefore: "2026-01-02T00:00:00Z", notAfter: "2026-01-01T00:00:00Z" }],
      "ends before it begins",
    ],
    ["no list", "ops", "authors"],
  ])("cannot be used with %s, and says so", (_, authors, words) => {
    expect(read(authors)).toMatchObject({ _tag: "Unusable", message: expect.stringContaining(words) });
  });

  test("of any bytes is read or refused", () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => readAuthors(bytes)._tag === "Unusable"));
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        expect(["Authors", "Unusable"]).toContain(readAuthors(Buffer.from(`{"authors":${text}}`))._tag);
      }),
    );
  });
});
