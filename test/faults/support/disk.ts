import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, onTestFinished, vi } from "vitest";
import { reasonNot } from "./namespaces.ts";

const run = promisify(execFile);

/** A describe whose tests make file systems of their own. */
export const onDisks =
  (await reasonNot("a file system", ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"])) === ""
    ? describe
    : describe.skip;

/** A small file system that only processes which {@link enter} runs can see; it goes with the test. */
export interface SmallDisk {
  readonly path: string;
  readonly enter: (argv: readonly string[]) => readonly string[];
  /** Takes all of its room. */
  readonly fill: () => Promise<void>;
  readonly free: () => Promise<void>;
}

export async function smallDisk(mebibytes: number): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), "harmony-faults-disk-"));
  const mounting = `mount -t tmpfs -o size=${mebibytes}m tmpfs "$1" && exec sleep infinity`;
  const words = ["--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", mounting, "sh", path];
  const holder = spawn("setpriv", words, { stdio: "ignore" });
  const gone = new Promise((resolve) => holder.once("close", resolve));
  onTestFinished(async () => {
    holder.kill("SIGKILL");
    await gone;
    await rm(path, { recursive: true, force: true });
  });
  const enter = (argv: readonly string[]): readonly string[] => [
    "nsenter",
    "--target",
    String(holder.pid),
    "--mount",
    "--",
    ...argv,
  ];
  const inside = async (argv: readonly string[]): Promise<void> => {
    const [command = "", ...args] = enter(argv);
    await run(command, args, { timeout: 30_000 });
  };
  await vi.waitFor(() => inside(["mountpoint", "-q", path]), { timeout: 10_000, interval: 5 });
  const filler = join(path, "filler");
  return {
    path,
    enter,
    // Until nothing more goes in, which dd calls a failure.
    fill: () => inside(["sh", "-c", 'dd if=/dev/zero of="$1" bs=4096 status=none 2>/dev/null; true', "sh", filler]),
    free: () => inside(["rm", filler]),
  };
}
