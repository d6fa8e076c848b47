import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { openPiece, sealedName, sealer } from "../../src/wire/sealed-asset.ts";

const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const content = fc.uint8Array({ maxLength: 300 });
const copy = fc.stringMatching(/^[A-Za-z0-9]{1,22}$/);

/** In pieces that end at these places. */
const cut = (bytes: Uint8Array, places: readonly number[]): readonly Uint8Array[] => {
  const ends = [...places.map((place) => Math.min(place, bytes.length)), bytes.length].toSorted((a, b) => a - b);
  return ends.map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end));
};
const places = fc.array(fc.nat({ max: 300 }), { maxLength: 6 });

test("what is sealed in some pieces is opened from others, from any place on", () => {
  fc.assert(
    fc.property(content, copy, places, places, (bytes, of, sealedAt, openedAt) => {
      const sha256 = sha256Of(bytes);
      const sealed = Buffer.concat(cut(bytes, sealedAt).map(sealer(sha256, of)));
      expect(sealed.length).toBe(bytes.length);
      let offset = 0;
      const opened = cut(sealed, openedAt).map((piece) => {
        const plain = openPiece(sha256, of, offset, piece);
        offset += piece.length;
        return plain;
      });
      expect(Buffer.concat(opened).equals(bytes)).toBe(true);
    }),
  );
});

test("no other hash and no other copy opens it, and two copies have nothing in common", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 300 }), copy, copy, (bytes, one, other) => {
      fc.pre(one !== other);
      const sha256 = sha256Of(bytes);
      const sealed = sealer(sha256, one)(bytes);
      expect(Buffer.from(sealed).equals(sealer(sha256, other)(bytes))).toBe(false);
      for (const opened of [
        openPiece(sha256, other, 0, sealed),
        openPiece(sha256Of(Buffer.from(sha256)), one, 0, sealed),
        openPiece(sha256, one, 16, sealed),
      ]) {
        expect(Buffer.from(opened).equals(bytes)).toBe(false);
      }
    }),
  );
});

/** The values are those of another implementation, OpenSSL's commands. */
test("what devices and servers hold today is read for ever", () => {
  const bytes = Buffer.from("a site, or a model, or an archive of an image");
  const sha256 = sha256Of(bytes);
  expect(sha256).toBe("d485076f2cc42aaad71ae02e2a65ef626e3c921aeffc78a1514667164a9b55d4");
  expect(sealedName(sha256)).toBe("4c342557957c47c1794ce60e1b4a5c4413e197bfe6627221b57c8b9f7bc924b8");
  expect(Buffer.from(sealer(sha256, "AbC123")(bytes)).toString("hex")).toBe(
    "d664072751152f79f27819f8527048422bc6c480a393f1d67be4ff6f86d2ad90b753a7cb7be614e07c940679e6",
  );
});

test("a counter goes on beyond 32 bits of blocks", () => {
  const sha256 = "ab".repeat(32);
  const far = 2 ** 32 * 16 + 5;
  const piece = Buffer.alloc(40, 7);
  const sealed = openPiece(sha256, "x", far, piece);
  expect(Buffer.from(openPiece(sha256, "x", far, sealed)).equals(piece)).toBe(true);
  expect(Buffer.from(sealed).equals(Buffer.from(openPiece(sha256, "x", 5, piece)))).toBe(false);
});
