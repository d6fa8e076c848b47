import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync, writeFileSync } from "node:fs";
import { hash } from "node:crypto";
import { join } from "node:path";
import { FileScore, KINDS } from "../src/scores/index.ts";
import { type Manifest, manifest } from "../src/topology/manifest.ts";
import { PiTopology } from "../src/topology/pi.ts";
import { decodeScore, type DecodedManifest } from "../src/wire/decode.ts";
import { encodeScore } from "../src/wire/encode.ts";
import { contentOf, idOf, pathOf } from "./content.ts";

export const fileScore = (index: number, version = 0, options: { readonly parents?: boolean } = {}): FileScore =>
  new FileScore({ path: pathOf(index), content: contentOf(index, version), mode: "0644", ...options });

const indexes = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

/** As a control plane declares it. */
export const declared = (count: number, version = 0, options: { readonly parents?: boolean } = {}): Manifest =>
  manifest(
    PiTopology,
    Object.fromEntries(indexes(count).map((index) => [idOf(index), fileScore(index, version, options)])),
  );

/** As an agent has decoded it; larger than what may travel, for a look at how a pass grows. */
export function decoded(count: number, generation = 1): DecodedManifest {
  const gate = { kinds: KINDS, topology: PiTopology };
  const scores = new Map(
    indexes(count).map((index) => [idOf(index), decodeScore(encodeScore(fileScore(index)), gate)]),
  );
  return {
    generation,
    issuedAt: new Date().toISOString(),
    scores,
    signedBy: [],
    rollbackOnFailure: null,
    retryFailed: false,
  };
}

/** Puts the files there without the agent. */
export function writeFiles(root: string, count: number): void {
  mkdirSync(join(root, "files"), { recursive: true });
  for (const index of indexes(count)) writeFileSync(join(root, pathOf(index)), contentOf(index), { mode: 0o644 });
}

const piece = Buffer.allocUnsafe(64 * 1024);

/**
 * The least that Node can do to know that so many files are as they were: open, stat, read, hash, compare. Gives how many
 * are not.
 */
export function bareLoop({ paths, hashes }: BareFacts): number {
  let wrong = 0;
  for (let index = 0; index < paths.length; index += 1) {
    const fd = openSync(paths[index] ?? "", constants.O_RDONLY | constants.O_NOFOLLOW);
    const { size, mode } = fstatSync(fd);
    const read = readSync(fd, piece, 0, piece.length, 0);
    closeSync(fd);
    if (
      read !== size ||
      (mode & 0o7777) !== 0o644 ||
      hash("sha256", piece.subarray(0, read), "hex") !== hashes[index]
    ) {
      wrong += 1;
    }
  }
  return wrong;
}

export interface BareFacts {
  readonly paths: readonly string[];
  readonly hashes: readonly string[];
}

export const bareFacts = (root: string, count: number): BareFacts => ({
  paths: indexes(count).map((index) => join(root, pathOf(index))),
  hashes: indexes(count).map((index) => hash("sha256", contentOf(index), "hex")),
});
