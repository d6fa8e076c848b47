import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execPath } from "node:process";
import { build } from "esbuild";
import { expect, test } from "vitest";

const MIB = 1024 * 1024;
const HEAP_MIB = 64;
/** Of the process, with Node itself and the bytes of the corpus. */
const RSS_LIMIT = 512 * MIB;
const ARRAY_BUFFERS_LIMIT = 128 * MIB;

test(`the whole corpus is decoded in a process whose heap may not pass ${HEAP_MIB} MiB`, async () => {
  const folder = mkdtempSync(join(tmpdir(), "harmony-test-heap-"));
  try {
    const outfile = join(folder, "decode-corpus.mjs");
    await build({
      entryPoints: ["test/wire/hostile/decode-corpus.ts"],
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
    });
    // A heap that is full is the end of the process, whatever the garbage collector does in between.
    const child = spawnSync(execPath, [`--max-old-space-size=${HEAP_MIB}`, outfile], {
      encoding: "utf8",
      timeout: 60_000,
    });
    const last = child.stdout.trimEnd().split("\n").at(-1) ?? "";
    expect({ status: child.status, signal: child.signal, last }).toEqual({
      status: 0,
      signal: null,
      last: expect.stringContaining("maxRss"),
    });
    const { maxRss, arrayBuffers }: { maxRss: number; arrayBuffers: number } = JSON.parse(last);
    expect(maxRss).toBeLessThan(RSS_LIMIT);
    expect(arrayBuffers).toBeLessThan(ARRAY_BUFFERS_LIMIT);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
