import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/**
 * Every agent can read all assets, so a manifest that lies among them is enciphered (AES-256-GCM) under a key of its own. That
 * stands in the envelope, and so in the one place that its agent alone can read.
 */

const CIPHER = "aes-256-gcm";
/** The key is used once. */
const IV = Buffer.alloc(12);
/** By so much it is longer than the payload. */
export const SEAL_BYTES = 16;

/** `key` is base64. */
export function sealPayload(payload: Uint8Array): { readonly sealed: Uint8Array; readonly key: string } {
  const key = randomBytes(32);
  const cipher = createCipheriv(CIPHER, key, IV);
  const sealed = Buffer.concat([cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
  return { sealed, key: key.toString("base64") };
}

/** Null: it is damaged, or this is not its key. */
export function openSealedPayload(sealed: Uint8Array, key: string): Uint8Array | null {
  if (sealed.length < SEAL_BYTES) return null;
  const end = sealed.length - SEAL_BYTES;
  try {
    const decipher = createDecipheriv(CIPHER, Buffer.from(key, "base64"), IV);
    decipher.setAuthTag(sealed.subarray(end));
    return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
  } catch {
    return null;
  }
}
