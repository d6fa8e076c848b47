import { createHash } from "node:crypto";
import { closeSync, createReadStream, fstatSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { AssetSource } from "../fleet/index.ts";
import { assetOf, type AssetRef } from "../scores/asset.ts";

/** A file that a manifest refers to by its hash. */
export interface AssetFile extends AssetSource {
  readonly path: string;
}

const PIECE_BYTES = 256 * 1024;

/** What was hashed before, by path: `dev` loads FILE at each save. */
const hashed = new Map<string, { readonly stamp: string; readonly ref: AssetRef }>();

/** The files that one FILE refers to, as it is loaded. */
export class AssetFiles {
  readonly #folder: string;
  readonly #files = new Map<string, AssetFile>();
  readonly #paths = new Set<string>();

  /** `folder`: of FILE. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  get files(): readonly AssetFile[] {
    return [...this.#files.values()];
  }

  /** All that were asked for, also those that could not be read. */
  get paths(): readonly string[] {
    return [...this.#paths];
  }

  /** What a FILE calls `asset()`. */
  readonly asset = (given: string | URL): AssetRef => {
    const path = given instanceof URL ? fileURLToPath(given) : resolve(this.#folder, given);
    this.#paths.add(path);
    const file = assetFile(path);
    this.#files.set(file.asset, file);
    return assetOf(file.asset, file.size);
  };
}

/**
 * Reads a file whole, a piece at a time, for its hash.
 *
 * @throws where it cannot be read; the message names it.
 */
export function assetFile(path: string): AssetFile {
  return { ...refOf(path), path, pieces: () => createReadStream(path, { highWaterMark: PIECE_BYTES }) };
}

function refOf(path: string): AssetRef {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    throw new Error(`asset: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  try {
    const { dev, ino, size, mtimeNs, ctimeNs, ...stat } = fstatSync(fd, { bigint: true });
    if ((stat.mode & 0o170000n) !== 0o100000n) throw new Error(`asset: ${path} is no file`);
    const stamp = [dev, ino, size, mtimeNs, ctimeNs].join(" ");
    const known = hashed.get(path);
    if (known?.stamp === stamp) return known.ref;
    const ref = hashOf(fd);
    hashed.set(path, { stamp, ref });
    return ref;
  } finally {
    closeSync(fd);
  }
}

function hashOf(fd: number): AssetRef {
  const sum = createHash("sha256");
  const piece = Buffer.allocUnsafe(PIECE_BYTES * 4);
  let size = 0;
  for (let got = readSync(fd, piece); got > 0; got = readSync(fd, piece)) {
    sum.update(piece.subarray(0, got));
    size += got;
  }
  return assetOf(sum.digest("hex"), size);
}
