import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keyPairOf, makeKeyPair, open, publicKeyOf, rawPublic, seal } from "../../../src/wire/secrets/hpke.ts";

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ""), "hex");

/** RFC 9180, appendix A.2.1, the first encryption. */
const vector = {
  info: hex("4f6465206f6e2061204772656369616e2055726e"),
  ephemeral: hex("f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600"),
  recipient: hex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb"),
  recipientPublic: hex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"),
  enc: hex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"),
  message: hex("4265617574792069732074727574682c20747275746820626561757479"),
  aad: hex("436f756e742d30"),
  ciphertext: hex("1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db 21993c62ce81883d2dd1b51a28"),
};

describe("the vectors of RFC 9180", () => {
  test("are what is sealed", () => {
    const to = publicKeyOf(vector.recipientPublic);
    const box = seal(vector.message, to, vector, keyPairOf(vector.ephemeral));
    expect([Buffer.from(box.enc), Buffer.from(box.ciphertext)]).toEqual([vector.enc, vector.ciphertext]);
  });

  test("are opened", () => {
    const own = keyPairOf(vector.recipient);
    expect(rawPublic(own.publicKey)).toEqual(vector.recipientPublic);
    expect(open(vector, own, vector)).toEqual(vector.message);
  });
});

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });

test("what is sealed is opened again by its key alone, with what it was bound to", () => {
  const [own, other] = [makeKeyPair(), makeKeyPair()];
  fc.assert(
    fc.property(bytes(200), bytes(20), bytes(20), (message, info, aad) => {
      const box = seal(message, own.publicKey, { info, aad });
      expect(open(box, own, { info, aad })).toEqual(Buffer.from(message));
      expect(open(box, other, { info, aad })).toBeNull();
      expect(open(box, own, { info: Buffer.concat([info, Buffer.of(1)]), aad })).toBeNull();
      expect(open(box, own, { info, aad: Buffer.concat([aad, Buffer.of(1)]) })).toBeNull();
    }),
  );
});

test("a box in which any bit is another is not opened, and never throws", () => {
  const own = makeKeyPair();
  const bound = { info: Buffer.from("info"), aad: Buffer.from("aad") };
  const { enc, ciphertext } = seal(Buffer.from("correct horse"), own.publicKey, bound);
  const whole = Buffer.concat([enc, ciphertext]);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length * 8 - 1 }), (bit) => {
      const changed = Buffer.from(whole);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const opened = open({ enc: changed.subarray(0, 32), ciphertext: changed.subarray(32) }, own, bound);
      // The highest bit of a public key means nothing (RFC 7748), but it is part of what the key is derived from.
      expect(opened).toBeNull();
    }),
  );
});

test("an encapsulation that gives nothing away of the key is refused", () => {
  const own = makeKeyPair();
  const bound = { info: Buffer.of(), aad: Buffer.of() };
  const { ciphertext } = seal(Buffer.from("x"), own.publicKey, bound);
  expect(open({ enc: Buffer.alloc(32), ciphertext }, own, bound)).toBeNull();
  expect(open({ enc: Buffer.alloc(31), ciphertext }, own, bound)).toBeNull();
  expect(open({ enc: Buffer.alloc(32, 1), ciphertext: Buffer.alloc(15) }, own, bound)).toBeNull();
});

test("two seals of one message are not alike", () => {
  const { publicKey } = makeKeyPair();
  const bound = { info: Buffer.of(), aad: Buffer.of() };
  const [a, b] = [seal(Buffer.from("x"), publicKey, bound), seal(Buffer.from("x"), publicKey, bound)];
  expect(Buffer.from(a.ciphertext).equals(b.ciphertext)).toBe(false);
});
