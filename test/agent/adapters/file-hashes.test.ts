import { createHash } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, utimesSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FileHashes, slicesOf } from "../../../src/agent/adapters/file-hashes.ts";

const never = new AbortController().signal;
const BYTES = 700_000;
const HOUR = 3_600_000;
let folder: string;
let path: string;
let fd: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "harmony-hashes-"));
  path = join(folder, "f");
  writeFileSync(path, Buffer.alloc(BYTES, 1));
  fd = openSync(path, "r+");
});
afterEach(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

const hashOf = (fill: number): string => createHash("sha256").update(Buffer.alloc(BYTES, fill)).digest("hex");

/** Changes the bytes, and not the size. */
const rot = (): void => void writeSync(fd, Buffer.alloc(BYTES, 2), 0, BYTES, 0);

test("a file is read in slices, and others go on in between", async () => {
  let turns = 0;
  const turning = setInterval(() => (turns += 1), 0);
  const sizes: number[] = [];
  for await (const slice of slicesOf(fd, never)) {
    sizes.push(slice.length);
    await new Promise((resume) => setTimeout(resume, 2));
  }
  clearInterval(turning);
  expect(sizes).toEqual([262_144, 262_144, BYTES - 524_288]);
  expect(turns).toBeGreaterThan(0);
});

test("what has settled is not read again while it stays as it is, for a day", async () => {
  let now = Date.now() + HOUR;
  const hashes = new FileHashes(() => now);
  expect(await hashes.of(fd, never)).toBe(hashOf(1));
  // A descriptor that cannot be read from, so that only what is remembered can answer.
  const blind = openSync(path, "a");
  expect(await hashes.of(blind, never)).toBe(hashOf(1));
  now += 25 * HOUR;
  await expect(hashes.of(blind, never)).rejects.toMatchObject({ code: "EBADF" });
  closeSync(blind);
  expect(await hashes.of(fd, never)).toBe(hashOf(1));
  rot();
  expect(await hashes.of(fd, never)).toBe(hashOf(2));
});

test("what changed a moment ago is read anew: its times do not tell whether it has changed again", async () => {
  const hashes = new FileHashes();
  expect(await hashes.of(fd, never)).toBe(hashOf(1));
  rot();
  utimesSync(path, 1, 1);
  expect(await hashes.of(fd, never)).toBe(hashOf(2));
});

test("what is being changed has no hash", async () => {
  const hashes = new FileHashes();
  const hashing = hashes.of(fd, never);
  writeSync(fd, "x", 0);
  expect(await hashing).toBeNull();
});

test("it is given up when that is wanted", async () => {
  await expect(new FileHashes().of(fd, AbortSignal.abort())).rejects.toMatchObject({ problem: { code: "TimedOut" } });
});
