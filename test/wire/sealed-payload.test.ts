import * as fc from "fast-check";
import { expect, test } from "vitest";
import { openSealedPayload, SEAL_BYTES, sealPayload } from "../../src/wire/sealed-payload.ts";

const bytes = fc.uint8Array({ maxLength: 300 });

test("a payload comes out of its seal as it went in, and is nowhere in it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 300 }), (payload) => {
      const { sealed, key } = sealPayload(payload);
      expect(sealed.length).toBe(payload.length + SEAL_BYTES);
      expect(Buffer.from(sealed).includes(Buffer.from(payload))).toBe(false);
      expect(openSealedPayload(sealed, key)).toEqual(Buffer.from(payload));
    }),
  );
});

test("the same payload is another asset each time, so that nobody can try whether it is one that they guess", () => {
  const [one, two] = [sealPayload(Buffer.from("{}")), sealPayload(Buffer.from("{}"))];
  expect(one.sealed).not.toEqual(two.sealed);
});

test("what was changed, or belongs to another key, is not opened", () => {
  fc.assert(
    fc.property(bytes, fc.nat(), fc.integer({ min: 1, max: 255 }), (payload, at, change) => {
      const { sealed, key } = sealPayload(payload);
      const damaged = Uint8Array.from(sealed);
      const place = at % damaged.length;
      damaged[place] = (damaged[place] ?? 0) ^ change;
      expect(openSealedPayload(damaged, key)).toBeNull();
      expect(openSealedPayload(sealed, sealPayload(payload).key)).toBeNull();
    }),
  );
});

test("what is no seal, or no key, is not opened and throws nothing", () => {
  fc.assert(
    fc.property(bytes, fc.string(), (sealed, key) => {
      expect(openSealedPayload(sealed, key)).toBeNull();
    }),
  );
});
