import * as z from "zod";
import { InvalidSpec } from "./invalid-spec.ts";

/** Lower-case hexadecimal. */
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, "a sha256 is 64 of 0-9 and a-f");

/**
 * A file of any size that the server keeps under its hash; the Score carries the hash and the size alone. In a FILE
 * `asset("./site.tar.zst")` makes it of a file, and `assetOf(sha256, bytes)` names one that was uploaded before.
 */
export const AssetRef = z.strictObject({
  /** Its sha256. */
  asset: Sha256,
  /** Bytes. */
  size: z.int().min(0),
});
export type AssetRef = z.infer<typeof AssetRef>;

/**
 * Names an asset that is on the server already (`harmony asset put FILE` puts it there and prints both).
 *
 * @throws {InvalidSpec} for what is no sha256 in lower-case hexadecimal, or no size in bytes.
 */
export function assetOf(sha256: string, size: number): AssetRef {
  const read = AssetRef.safeParse({ asset: sha256, size });
  if (!read.success) throw new InvalidSpec(`assetOf: ${z.prettifyError(read.error)}`);
  return read.data;
}

/**
 * The content of a file beside FILE: `harmony` hashes it when it loads FILE, and `apply` uploads it, unless the server has it.
 * `path`: relative to FILE, absolute, or a file URL.
 *
 * @throws {InvalidSpec} where nothing loads a FILE: a program of your own has `assetOf()` and `fleet.upload()`.
 */
export function asset(path: string | URL): AssetRef {
  throw new InvalidSpec(
    `asset("${String(path)}") reads a file beside a FILE that the harmony command loads; ` +
      "a program of your own says assetOf(sha256, bytes), and uploads with fleet.upload()",
  );
}

/**
 * Milliseconds that an asset may take to come and to be put in place: as for other things, and more by its size, at 32 KiB a
 * second. What took longer goes on from there at the next attempt.
 */
export const fetchMs = ({ size }: AssetRef): number => 30_000 + Math.min(size / 32, 86_400_000);
