import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";

/**
 * Hybrid public key encryption (RFC 9180), base mode, one message: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
 * ChaCha20-Poly1305. Public keys and encapsulations are 32 bytes.
 */

const KEM_SUITE = Buffer.concat([Buffer.from("KEM"), Buffer.of(0, 0x20)]);
const SUITE = Buffer.concat([Buffer.from("HPKE"), Buffer.of(0, 0x20, 0, 0x01, 0, 0x03)]);
const AEAD = "chacha20-poly1305";
const TAG_BYTES = 16;
const EMPTY = Buffer.alloc(0);

export interface Bound {
  /** Which use of the key it is; another one cannot open it. */
  readonly info: Uint8Array;
  /** What the message is about; it is not in it, and must be the same when it is opened. */
  readonly aad: Uint8Array;
}
export interface Box {
  readonly enc: Uint8Array;
  /** With the tag at its end. */
  readonly ciphertext: Uint8Array;
}

export type KeyPair = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
export const makeKeyPair = (): KeyPair => generateKeyPairSync("x25519");

/** `ephemeral` is for vectors: one that is used twice gives everything away. */
export function seal(
  message: Uint8Array,
  to: KeyObject,
  { info, aad }: Bound,
  ephemeral: KeyPair = makeKeyPair(),
): Box {
  const enc = rawPublic(ephemeral.publicKey);
  const { key, nonce } = schedule(diffieHellman({ privateKey: ephemeral.privateKey, publicKey: to }), enc, to, info);
  const cipher = createCipheriv(AEAD, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(aad, { plaintextLength: message.length });
  const ciphertext = Buffer.concat([cipher.update(message), cipher.final(), cipher.getAuthTag()]);
  key.fill(0);
  return { enc, ciphertext };
}

/** Null: it was not sealed for this key, with another binding, or is damaged. */
export function open({ enc, ciphertext }: Box, own: KeyPair, { info, aad }: Bound): Buffer | null {
  if (ciphertext.length < TAG_BYTES) return null;
  try {
    const shared = diffieHellman({ privateKey: own.privateKey, publicKey: publicKeyOf(enc) });
    const { key, nonce } = schedule(shared, enc, own.publicKey, info);
    const decipher = createDecipheriv(AEAD, key, nonce, { authTagLength: TAG_BYTES });
    const length = ciphertext.length - TAG_BYTES;
    decipher.setAAD(aad, { plaintextLength: length });
    decipher.setAuthTag(ciphertext.subarray(length));
    const message = decipher.update(ciphertext.subarray(0, length));
    key.fill(0);
    try {
      // Nothing of the message may be used before the tag has been found to fit.
      decipher.final();
      return message;
    } catch {
      message.fill(0);
      return null;
    }
  } catch {
    // An encapsulation that is no point of the curve, or a point of small order: the result would be zero.
    return null;
  }
}

function schedule(dh: Buffer, enc: Uint8Array, to: KeyObject, info: Uint8Array) {
  const context = Buffer.concat([enc, rawPublic(to)]);
  const shared = expand(KEM_SUITE, extract(KEM_SUITE, EMPTY, "eae_prk", dh), "shared_secret", context, 32);
  const of = Buffer.concat([
    Buffer.of(0),
    extract(SUITE, EMPTY, "psk_id_hash", EMPTY),
    extract(SUITE, EMPTY, "info_hash", info),
  ]);
  const secret = extract(SUITE, shared, "secret", EMPTY);
  const [key, nonce] = [expand(SUITE, secret, "key", of, 32), expand(SUITE, secret, "base_nonce", of, 12)];
  for (const each of [dh, shared, secret]) each.fill(0);
  return { key, nonce };
}

const VERSION = Buffer.from("HPKE-v1");

const extract = (suite: Buffer, salt: Uint8Array, label: string, ikm: Uint8Array): Buffer =>
  createHmac("sha256", salt).update(VERSION).update(suite).update(label).update(ikm).digest();

/** All that is asked for is at most one block of the hash. */
const expand = (suite: Buffer, prk: Uint8Array, label: string, info: Uint8Array, length: number): Buffer =>
  createHmac("sha256", prk)
    .update(Buffer.of(0, length))
    .update(VERSION)
    .update(suite)
    .update(label)
    .update(info)
    .update(Buffer.of(1))
    .digest()
    .subarray(0, length);

/** What comes before the 32 bytes of a key in its DER forms. */
const SPKI = Buffer.from("302a300506032b656e032100", "hex");
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");

export const rawPublic = (key: KeyObject): Buffer => key.export({ type: "spki", format: "der" }).subarray(SPKI.length);

/** @throws where it is not 32 bytes. */
export const publicKeyOf = (raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });

/** @throws where it is not 32 bytes. */
export function keyPairOf(rawPrivate: Uint8Array): KeyPair {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8, rawPrivate]), format: "der", type: "pkcs8" });
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

export const rawPrivate = (key: KeyObject): Buffer =>
  key.export({ type: "pkcs8", format: "der" }).subarray(PKCS8.length);
