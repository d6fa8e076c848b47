import { generateKeyPairSync } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TrustedKey } from "../../src/wire/authors.ts";
import type { Signature } from "../../src/wire/envelope.ts";
import { fitting, sign, signers, type Trust } from "../../src/wire/signature.ts";

const ops = generateKeyPairSync("ed25519");
const backup = generateKeyPairSync("ed25519");
const stranger = generateKeyPairSync("ed25519");
const trustedKeys = new Map([
  ["ops", ops.publicKey],
  ["backup", backup.publicKey],
]);

const verdict = (payload: string, signatures: readonly Signature[], trust: Trust = { trustedKeys }): unknown => {
  const fit = fitting(payload, signatures, trust);
  return fit._tag === "Refused" ? fit.reason : fit._tag === "Fitting" ? fit.keys.map(({ name }) => name) : fit._tag;
};

describe("a signature", () => {
  test("by a trusted key fits the payload that was signed, and no other", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (payload, other) => {
        const signatures = [sign(payload, "ops", ops.privateKey)];
        expect(verdict(payload, signatures)).toEqual(["ops"]);
        expect(verdict(other, signatures)).toEqual(other === payload ? ["ops"] : "BadSignature");
      }),
      { numRuns: 50 },
    );
  });

  test("fits no payload of which one bit was flipped", () => {
    const text = fc.string({ unit: "grapheme-ascii", minLength: 1 });
    fc.assert(
      fc.property(text, fc.nat(), fc.nat({ max: 6 }), (payload, where, bit) => {
        const bytes = Buffer.from(payload);
        const at = where % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        expect(verdict(bytes.toString(), [sign(payload, "ops", ops.privateKey)])).toBe("BadSignature");
      }),
    );
  });

  test("is Ed25519 over the UTF-8 bytes, in base64", () => {
    expect(Buffer.from(sign("h\u00e9", "ops", ops.privateKey).sig, "base64")).toHaveLength(64);
    const text = Buffer.from("68c3a9", "hex").toString();
    expect(verdict("h\u00e9", [sign(text, "ops", ops.privateKey)])).toEqual(["ops"]);
  });

  test("of which one bit was flipped fits nothing", () => {
    const { key, sig } = sign("{}", "ops", ops.privateKey);
    const bytes = Buffer.from(sig, "base64");
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Uint8Array.from(bytes, (byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      expect(verdict("{}", [{ key, sig: Buffer.from(changed).toString("base64") }])).toBe("BadSignature");
    }
  });

  test("of any length and content is only ever refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 96 }), (bytes) => {
        expect(verdict("{}", [{ key: "ops", sig: Buffer.from(bytes).toString("base64") }])).toBe("BadSignature");
      }),
    );
  });
});

describe("a payload counts as signed", () => {
  test("by all trusted keys whose signatures fit, whatever else stands beside them", () => {
    const bad = sign("{}", "ops", stranger.privateKey);
    const unknown = sign("{}", "unknown", stranger.privateKey);
    expect(verdict("{}", [bad, unknown, sign("{}", "backup", backup.privateKey)])).toEqual(["backup"]);
  });

  test.each([
    ["there is no signature", [], "Unsigned"],
    ["a stranger signed under a trusted name", [sign("{}", "ops", stranger.privateKey)], "BadSignature"],
    ["a trusted key signed under another one's name", [sign("{}", "backup", ops.privateKey)], "BadSignature"],
    ["a trusted key signed under an unknown name", [sign("{}", "toString", ops.privateKey)], "UnknownKey"],
  ])("never when %s", (_, signatures, reason) => {
    expect(verdict("{}", signatures)).toBe(reason);
  });

  test("is not asked with no key and no authors, and refused with authors of whom there are none, or none to be read", () => {
    const signatures = [sign("{}", "ops", ops.privateKey)];
    const none = new Map();
    expect(verdict("{}", signatures, { trustedKeys: none })).toBe("NotAsked");
    expect(verdict("{}", signatures, { trustedKeys: none, authors: { keys: [], unreadable: null } })).toBe(
      "UnknownKey",
    );
    const keys = [trusted("ops", ops)];
    expect(verdict("{}", signatures, { trustedKeys: none, authors: { keys, unreadable: "gone" } })).toBe("UnknownKey");
    expect(verdict("{}", signatures, { trustedKeys: none, authors: { keys, unreadable: null } })).toEqual(["ops"]);
  });
});

type Pair = ReturnType<typeof generateKeyPairSync>;
const trusted = (name: string, { publicKey }: Pair, notBefore = -Infinity, notAfter = Infinity): TrustedKey => ({
  name,
  publicKey,
  notBefore,
  notAfter,
});

describe("a key is good", () => {
  const [from, until] = [Date.parse("2026-03-01T00:00:00Z"), Date.parse("2026-06-01T00:00:00Z")];
  const key = trusted("ops", ops, from, until);
  const trust: Trust = { trustedKeys: new Map(), authors: { keys: [key], unreadable: null } };
  const judged = (issued: string, now: string | null): unknown => {
    const times = { issuedAt: new Date(issued), now: now === null ? null : new Date(now) };
    const told = signers([key], times, trust);
    return told._tag === "Signers" ? told.authors : told.reason;
  };

  test.each([
    ["within its time", "2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z", ["ops"]],
    ["at its two ends", "2026-03-01T00:00:00Z", "2026-06-01T00:00:00Z", ["ops"]],
    [
      "where the device's clock is behind, as without a battery",
      "2026-04-01T00:00:00Z",
      "1970-01-01T00:00:00Z",
      ["ops"],
    ],
    [
      "not before it begins, whatever the device's clock says",
      "2026-02-28T23:59:59Z",
      "2026-04-01T00:00:00Z",
      "KeyNotYetValid",
    ],
    [
      "not after it ended by the device's clock, whatever the manifest says",
      "2026-04-01T00:00:00Z",
      "2026-06-01T00:00:00.001Z",
      "KeyExpired",
    ],
    [
      "not after it ended by the manifest's own time, where the clock is behind",
      "2026-06-02T00:00:00Z",
      "1970-01-01T00:00:00Z",
      "KeyExpired",
    ],
    ["nor where there is no clock", "2026-06-02T00:00:00Z", null, "KeyExpired"],
  ])("%s", (_, issued, now, wanted) => {
    expect(judged(issued, now)).toEqual(wanted);
  });

  test("and one that has ended takes nothing from another that has not", () => {
    const other = trusted("new", backup);
    const times = { issuedAt: new Date("2026-07-01T00:00:00Z"), now: null };
    expect(signers([key, other], times, trust)).toEqual({ _tag: "Signers", authors: ["new"] });
  });
});

test("authors are counted: two keys under one name are one author, and so is one key under two names", () => {
  const names = fc.constantFrom("a", "b", "c", "d");
  const pairs = [ops, backup, stranger];
  const assigned = fc.uniqueArray(fc.tuple(names, fc.nat({ max: 2 })), { selector: ([n, k]) => `${n}${k}` });
  fc.assert(
    fc.property(assigned, (given) => {
      const keys = given.flatMap(([name, at]) => (pairs[at] === undefined ? [] : [trusted(name, pairs[at])]));
      const trust: Trust = { trustedKeys: new Map(), authors: { keys, unreadable: null } };
      const told = signers(keys, { issuedAt: new Date(0), now: null }, trust);
      const authors = told._tag === "Signers" ? told.authors : [];
      expect(new Set(authors).size).toBe(authors.length);
      expect(authors.length).toBeLessThanOrEqual(new Set(given.map(([name]) => name)).size);
      expect(authors.length).toBeLessThanOrEqual(new Set(given.map(([, at]) => at)).size);
      expect(authors.length > 0).toBe(given.length > 0);
    }),
  );
});
