import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { authorsDigest } from "../../src/wire/authors-digest.ts";

const [ada, ben] = [generateKeyPairSync("ed25519").publicKey, generateKeyPairSync("ed25519").publicKey];
const endless = { notBefore: -Infinity, notAfter: Infinity };
const authors = (...keys: readonly { name: string; publicKey: typeof ada; notBefore: number; notAfter: number }[]) => ({
  keys,
  unreadable: null,
});

test("whom a device trusts has another hash with each name, key and time, and the same in whatever order they stand", () => {
  const both = [
    { name: "ada", publicKey: ada, ...endless },
    { name: "ben", publicKey: ben, ...endless },
  ] as const;
  const digest = authorsDigest(new Map(), authors(...both));
  expect(authorsDigest(new Map(), authors(...both.toReversed()))).toBe(digest);
  const others = [
    authorsDigest(new Map(), authors(both[0])),
    authorsDigest(new Map(), authors(both[0], { ...both[1], notAfter: 0 })),
    authorsDigest(new Map(), authors(both[0], { ...both[1], notBefore: 0 })),
    authorsDigest(new Map(), authors({ ...both[0], name: "eve" }, both[1])),
    authorsDigest(new Map(), authors()),
    authorsDigest(new Map(), undefined),
  ];
  expect(new Set([digest, ...others]).size).toBe(7);
  expect(others.at(-1)).toBeNull();
});

test("a key that was given by a flag counts as one of the file without an end", () => {
  expect(authorsDigest(new Map([["ada", ada]]), undefined)).toBe(
    authorsDigest(new Map(), authors({ name: "ada", publicKey: ada, ...endless })),
  );
});
