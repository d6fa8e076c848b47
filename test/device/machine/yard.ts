import { spawn, type ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Image } from "./image.ts";
import { lastLines, reasonOf, succeed } from "./run.ts";

/**
 * The place that one machine stands in: mounts, network and process ids of its own, all of them held by one process.
 * The host sees none of it. With that process everything is gone, and that process dies with this one, however this
 * one ends; only an empty cgroup can stay.
 */
export interface Yard {
  /** Process id, on the host, of the process that holds it. */
  readonly pid: number;
  /** Name of the machine's cgroup, at the top of the version 2 hierarchy. */
  readonly cgroup: string;
  /** Path, as the yard's own processes see it, of the machine's files; see `image.ts`. */
  readonly folder: string;
  /** Runs a command line in the yard: the host's programs and files, the yard's network. */
  readonly inside: (argv: readonly string[]) => readonly string[];
  /** Ends every process in it and resolves once they are gone. May be called more than once. */
  close(): Promise<void>;
}

const cgroupPrefix = "harmony-device";
const openDeadlineMs = 10_000;
let opened = 0;

/** @throws Error with a sentence, or the signal's reason */
export async function openYard(image: Image, signal: AbortSignal): Promise<Yard> {
  signal.throwIfAborted();
  const apart = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child=KILL"];
  const script = fileURLToPath(new URL("yard.sh", import.meta.url));
  // setpriv asks Linux for what Node cannot: to be killed when this process is gone.
  const args = ["--pdeathsig", "KILL", ...apart, "sh", script, image.root, image.yard];
  // A session of its own: Ctrl-C on a terminal is for the tests, which then stop their machines in order.
  const holder = spawn("setpriv", args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  const gone = new Promise<void>((resolve) => holder.once("close", () => resolve()).once("error", () => resolve()));
  const cgroup = `${cgroupPrefix}.${process.pid}.${opened++}`;
  try {
    const pid = await announcedPid(holder, gone, signal);
    const close = async (): Promise<void> => {
      // Not its parent: that one would be gone before what is in the yard.
      if (holder.exitCode === null && holder.signalCode === null) process.kill(pid, "SIGKILL");
      await gone;
      await removeCgroups(cgroup);
    };
    const enter = ["nsenter", "--target", String(pid), "--mount", "--net", "--pid", "--"];
    const inside = (argv: readonly string[]): readonly string[] => [...enter, ...argv];
    return { pid, cgroup, folder: image.yard, inside, close };
  } catch (error) {
    holder.kill("SIGKILL");
    throw error;
  }
}

/** Removes the named cgroups and those of processes that were killed before they could. */
export async function removeCgroups(...names: readonly string[]): Promise<void> {
  const script = fileURLToPath(new URL("remove-cgroups.sh", import.meta.url));
  await succeed(["unshare", "--mount", "sh", script, cgroupPrefix, ...names]);
}

/** A file of the machine's cgroup, read through the yard's mounts: process ids in it are the host's. */
export async function processesOf(yard: Yard, group: string): Promise<readonly number[]> {
  const path = `/proc/${yard.pid}/root/sys/fs/cgroup/${yard.cgroup}/${group}/cgroup.procs`;
  const text = await readFile(path, "utf8").catch(() => "");
  return text.split("\n").filter(Boolean).map(Number);
}

/** The script's one line, once everything is in its place. */
async function announcedPid(holder: ChildProcess, gone: Promise<void>, signal: AbortSignal): Promise<number> {
  let log = "";
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`the place for a test machine cannot be made: ${why}`));
    const timer = setTimeout(() => fail(`it took over ${openDeadlineMs} ms`), openDeadlineMs);
    signal.addEventListener("abort", () => reject(reasonOf(signal)), { once: true });
    holder.once("error", (error) => fail(error.message));
    holder.once("close", () => fail(lastLines(log)));
    holder.stderr?.on("data", (chunk: Buffer) => (log += chunk.toString()));
    holder.stdout?.on("data", (chunk: Buffer) => resolve(Number(chunk.toString())));
    void gone.finally(() => clearTimeout(timer));
  });
}
