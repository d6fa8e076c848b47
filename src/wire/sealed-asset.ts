import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";

/**
 * Every agent can read all that lies in the object store. So what Scores refer to lies there enciphered, and under another
 * name than its hash: both come from the sha256 of the content, which the manifests that refer to it have and nobody else.
 *
 * AES-256-CTR, since a reader can begin anywhere, and nothing that was read is used before its hash is right: that says more
 * than a tag of the cipher would. The key is another one for each copy, or the same counter would serve two of them.
 */

const CIPHER = "aes-256-ctr";
const BLOCK = 16;

const derived = (sha256: string, what: string): Buffer =>
  Buffer.from(hkdfSync("sha256", Buffer.from(sha256, "hex"), "", `harmony-edge asset ${what}`, 32));

/** What an asset is called on the server: 64 digits, from which its hash does not follow. */
export const sealedName = (sha256: string): string => derived(sha256, "name").toString("hex");

const keyOf = (sha256: string, copy: string): Buffer => derived(sha256, `key of ${copy}`);

/** The content from this many bytes on: the block that they are in, and how far. */
function counterAt(offset: number): { readonly counter: Buffer; readonly within: number } {
  const counter = Buffer.alloc(BLOCK);
  counter.writeBigUInt64BE(BigInt(Math.floor(offset / BLOCK)), BLOCK - 8);
  return { counter, within: offset % BLOCK };
}

/** Enciphers all of it, one piece after the other. `copy`: what the server calls this copy, never used for another one. */
export function sealer(sha256: string, copy: string): (piece: Uint8Array) => Uint8Array {
  const cipher = createCipheriv(CIPHER, keyOf(sha256, copy), counterAt(0).counter);
  return (piece) => cipher.update(piece);
}

/** The piece that begins `offset` bytes after the beginning. */
export function openPiece(sha256: string, copy: string, offset: number, piece: Uint8Array): Uint8Array {
  const { counter, within } = counterAt(offset);
  const decipher = createDecipheriv(CIPHER, keyOf(sha256, copy), counter);
  decipher.update(Buffer.alloc(within));
  return decipher.update(piece);
}
