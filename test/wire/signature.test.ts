import { generateKeyPairSync } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSigned, sign } from "../../src/wire/signature.ts";

const ops = generateKeyPairSync("ed25519");
const backup = generateKeyPairSync("ed25519");
const stranger = generateKeyPairSync("ed25519");
const trusted = new Map([
  ["ops", ops.publicKey],
  ["backup", backup.publicKey],
]);

describe("a signature", () => {
  test("by a trusted key fits the payload that was signed, and no other", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (payload, other) => {
        const signatures = [sign(payload, "ops", ops.privateKey)];
        expect(isSigned(payload, signatures, trusted)).toBe(true);
        expect(isSigned(other, signatures, trusted)).toBe(other === payload);
      }),
      { numRuns: 50 },
    );
  });

  test("is Ed25519 over the UTF-8 bytes, in base64", () => {
    expect(Buffer.from(sign("h\u00e9", "ops", ops.privateKey).sig, "base64")).toHaveLength(64);
    expect(isSigned("h\u00e9", [sign(Buffer.from("68c3a9", "hex").toString(), "ops", ops.privateKey)], trusted)).toBe(
      true,
    );
  });

  test("of which one byte was changed fits nothing", () => {
    const { key, sig } = sign("{}", "ops", ops.privateKey);
    const bytes = Buffer.from(sig, "base64");
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Uint8Array.from(bytes, (byte, index) => (index === at ? byte ^ 1 : byte));
      expect(isSigned("{}", [{ key, sig: Buffer.from(changed).toString("base64") }], trusted)).toBe(false);
    }
  });

  test("of any length and content is only ever refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 96 }), (bytes) => {
        expect(isSigned("{}", [{ key: "ops", sig: Buffer.from(bytes).toString("base64") }], trusted)).toBe(false);
      }),
    );
  });
});

describe("a payload counts as signed", () => {
  test("when any one of its signatures is by any trusted key", () => {
    const bad = sign("{}", "ops", stranger.privateKey);
    expect(
      isSigned(
        "{}",
        [bad, sign("{}", "unknown", stranger.privateKey), sign("{}", "backup", backup.privateKey)],
        trusted,
      ),
    ).toBe(true);
  });

  test.each([
    ["there is no signature", []],
    ["a stranger signed under a trusted name", [sign("{}", "ops", stranger.privateKey)]],
    ["a trusted key signed under another one's name", [sign("{}", "backup", ops.privateKey)]],
    ["a trusted key signed under an unknown name", [sign("{}", "toString", ops.privateKey)]],
  ])("never when %s", (_, signatures) => {
    expect(isSigned("{}", signatures, trusted)).toBe(false);
  });

  test("never when no key is trusted", () => {
    expect(isSigned("{}", [sign("{}", "ops", ops.privateKey)], new Map())).toBe(false);
  });
});
