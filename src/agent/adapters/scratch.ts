import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where the agent keeps what need not outlive the boot. Its unit makes it (`RuntimeDirectory`), and /tmp may be read-only. */
export const RUNTIME_DIRECTORY = "/run/harmony-edge";

/** Runs with a directory of its own, for the agent alone, and removes it. Without the right to write to /run it is in /tmp. */
export async function inScratch<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await made(RUNTIME_DIRECTORY).catch(() => made(tmpdir()));
  try {
    return await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function made(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true });
  return mkdtemp(join(parent, "try-"));
}
