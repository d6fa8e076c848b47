import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import * as z from "zod";
import { AssetRef } from "./asset.ts";
import { isSecret, SecretRef } from "./secret.ts";

/**
 * The bytes of a file: text, stored as UTF-8, any bytes in base64, an asset, or a secret, which `secret("name")` names.
 */
export const Content = z.union([
  z
    .string()
    .refine(
      (text) => !/\p{Surrogate}/u.test(text),
      "half of a surrogate pair has no UTF-8: use { base64 } for bytes that are no text",
    ),
  z.strictObject({
    /** The bytes in base64, at most about 48 KiB of them: 64 KiB of text. */
    base64: z.base64(),
  }),
  AssetRef,
  SecretRef,
]);
export type Content = z.infer<typeof Content>;
/** What the spec carries itself. */
export type InlineContent = Exclude<Content, AssetRef | SecretRef>;

/** What a plan needs to know of content without carrying it. */
export interface Digest {
  /** Bytes. */
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** A Score is looked at for years and its content never changes, so it is hashed once. Its bytes are not kept: they are seldom written. */
const digests = new WeakMap<object, Digest>();

/** The size and the hash of `holder.content`; null where it is a secret. */
export function digestOf(holder: { readonly content: Content }): Digest | null {
  const { content } = holder;
  if (isSecret(content)) return null;
  let digest = digests.get(holder);
  if (digest === undefined) digests.set(holder, (digest = digestIn(content)));
  return digest;
}

function digestIn(content: Exclude<Content, SecretRef>): Digest {
  if (isAsset(content)) return { size: content.size, sha256: content.asset };
  const bytes = bytesOf(content);
  return { size: bytes.length, sha256: bytesToHex(sha256(bytes)) };
}

export const isAsset = (content: Content): content is AssetRef => typeof content === "object" && "asset" in content;

/** The bytes of content: text as UTF-8. */
export const bytesOf = (content: InlineContent): Uint8Array =>
  typeof content === "string"
    ? new TextEncoder().encode(content)
    : Uint8Array.from(atob(content.base64), (character) => character.charCodeAt(0));
