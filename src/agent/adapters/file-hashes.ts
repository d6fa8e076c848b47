import { createHash } from "node:crypto";
import fs from "node:fs";
import { setImmediate as breathe } from "node:timers/promises";
import { calledOff } from "../called-off.ts";

/** So much is read and hashed at once: some milliseconds on the slowest board. */
const SLICE_BYTES = 256 * 1024;
/** What was hashed is taken on trust for so long; a disk can forget without telling. */
const TRUST_MS = 24 * 60 * 60 * 1000;
/** The times of a file that changed so lately do not tell whether it has changed again. */
const SETTLED_MS = 2000;
const REMEMBER_AT_MOST = 1024;

interface Hashed {
  readonly stamp: string;
  readonly sha256: string;
  readonly atMs: number;
}

/** The hashes of large files: found out in slices, and remembered for as long as inode, size and times stay the same. */
export class FileHashes {
  readonly #known = new Map<string, Hashed>();
  readonly #nowMs: () => number;

  /** `nowMs`: of the clock that the file system's times come from. */
  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  /** Of an open file; null where it is being changed. */
  async of(fd: number, signal: AbortSignal): Promise<string | null> {
    const { key, stamp, changedMs } = stampOf(fd);
    const known = this.#known.get(key);
    const age = this.#nowMs() - (known?.atMs ?? 0);
    if (known?.stamp === stamp && age >= 0 && age < TRUST_MS) return known.sha256;
    const atMs = this.#nowMs();
    const sha256 = await hashOf(fd, signal);
    if (stampOf(fd).stamp !== stamp) return null;
    this.#known.delete(key);
    if (Math.abs(atMs - changedMs) > SETTLED_MS) {
      if (this.#known.size >= REMEMBER_AT_MOST) this.#known.clear();
      this.#known.set(key, { stamp, sha256, atMs });
    }
    return sha256;
  }
}

async function hashOf(fd: number, signal: AbortSignal): Promise<string> {
  const sum = createHash("sha256");
  for await (const piece of slicesOf(fd, signal)) sum.update(piece);
  return sum.digest("hex");
}

/** All of an open file from its beginning, each slice valid until the next is asked for; others go on in between. */
export async function* slicesOf(fd: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
  const slice = Buffer.allocUnsafe(SLICE_BYTES);
  for (let at = 0; ;) {
    if (signal.aborted) throw calledOff();
    const got = fs.readSync(fd, slice, 0, SLICE_BYTES, at);
    if (got === 0) return;
    at += got;
    yield slice.subarray(0, got);
    await breathe();
  }
}

function stampOf(fd: number): { readonly key: string; readonly stamp: string; readonly changedMs: number } {
  const { dev, ino, size, mtimeNs, ctimeNs } = fs.fstatSync(fd, { bigint: true });
  return { key: `${dev}:${ino}`, stamp: `${size} ${mtimeNs} ${ctimeNs}`, changedMs: Number(ctimeNs / 1_000_000n) };
}
