import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import * as z from "zod";

/** The bytes of a file: text, stored as UTF-8, or any bytes in base64. */
export const Content = z.union([
  z
    .string()
    .refine(
      (text) => !/\p{Surrogate}/u.test(text),
      "half of a surrogate pair has no UTF-8: use { base64 } for bytes that are no text",
    ),
  z.strictObject({ base64: z.base64() }),
]);
export type Content = z.infer<typeof Content>;

/** What a plan needs to know of content without carrying it. */
export interface Digest {
  /** Bytes. */
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** A Score is looked at for years and its content never changes, so it is hashed once. Its bytes are not kept: they are seldom written. */
const digests = new WeakMap<object, Digest>();

/** The size and the hash of `holder.content`. */
export function digestOf(holder: { readonly content: Content }): Digest {
  let digest = digests.get(holder);
  if (digest === undefined) {
    const bytes = bytesOf(holder.content);
    digests.set(holder, (digest = { size: bytes.length, sha256: bytesToHex(sha256(bytes)) }));
  }
  return digest;
}

/** The bytes of content: text as UTF-8. */
export const bytesOf = (content: Content): Uint8Array =>
  typeof content === "string"
    ? new TextEncoder().encode(content)
    : Uint8Array.from(atob(content.base64), (character) => character.charCodeAt(0));
