import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { lastLines, type Ran, run, type RunOptions } from "./run.ts";
import { processesOf, type Yard } from "./yard.ts";

export interface BootOptions {
  readonly name: string;
  /** Options of systemd-nspawn. */
  readonly shares: readonly string[];
  readonly network: "NetworkManager" | "networkd";
  readonly signal: AbortSignal;
}

/** A machine from its boot to its shutdown. */
export interface Boot {
  /** Of the machine's systemd, on the host. */
  readonly pid: number;
  /** Resolves when it is shut down or killed. */
  readonly over: Promise<void>;
  isOver(): boolean;
}

const bootDeadlineMs = 60_000;
const pollMs = 50;
const keptLogCharacters = 8_192;
const environment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
  HOME: "/root",
  LANG: "C.UTF-8",
  TERM: "dumb",
};

/** As read from the kernel's command line; the image has both, and NetworkManager is the one that is enabled. */
const initOptions = {
  NetworkManager: [],
  networkd: ["systemd.mask=NetworkManager.service", "systemd.wants=systemd-networkd.service"],
};

/** Boots the machine of a yard until it is `running` and its uplink has its address. @throws Error with a sentence */
export async function bootIn(yard: Yard, options: BootOptions): Promise<Boot> {
  const { name, shares, network, signal } = options;
  const pidsOfSystemd = async (): Promise<readonly number[]> => processesOf(yard, "payload/init.scope");
  // Of an earlier boot that was killed: until it is gone, its systemd would pass for this one's.
  while ((await pidsOfSystemd()).length > 0) await sleep(pollMs, undefined, { signal });
  // As text: the yard need not see the folder of this file.
  const script = await readFile(new URL("boot.sh", import.meta.url), "utf8");
  const given = [yard.cgroup, yard.folder, name, ...shares, ...initOptions[network]];
  const [command = "", ...args] = yard.inside(["sh", "-c", script, "boot.sh", ...given]);
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  let log = "";
  let isOver = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => (log = (log + chunk.toString()).slice(-keptLogCharacters)));
  }
  const over = new Promise<void>((resolve) => child.once("close", () => resolve()).once("error", () => resolve()));
  void over.then(() => (isOver = true));

  const deadline = performance.now() + bootDeadlineMs;
  const until = async <T>(what: string, look: () => Promise<T | undefined>): Promise<T> => {
    for (;;) {
      signal.throwIfAborted();
      if (isOver) throw new Error(`${name} ended while it booted: ${lastLines(log)}`);
      const seen = await look();
      if (seen !== undefined) return seen;
      if (performance.now() > deadline) throw new Error(`${name} did not boot in time: ${what}; ${lastLines(log)}`);
      await sleep(pollMs);
    }
  };
  const pid = await until("its systemd did not start", async () => (await pidsOfSystemd())[0]);
  const answer = async (...argv: string[]): Promise<string> => {
    const ran = await runInside(pid, argv, { signal, timeoutMs: bootDeadlineMs }).catch(() => undefined);
    return ran?.out.trim() ?? "";
  };
  const state = await until("its systemd did not finish starting units", async () => {
    const told = await answer("systemctl", "is-system-running", "--wait");
    return ["running", "degraded", "maintenance"].includes(told) ? told : undefined;
  });
  if (state !== "running") {
    const failed = await answer("systemctl", "list-units", "--failed", "--plain", "--no-legend");
    throw new Error(`${name} came up ${state}: ${failed}`);
  }
  await until("eth0 got no address", async () => {
    const told = await answer("ip", "-oneline", "-4", "address", "show", "dev", "eth0");
    return told.includes("198.51.100.2/") ? true : undefined;
  });
  return { pid, over, isOver: () => isOver };
}

/** Runs a program in all namespaces of a process of a machine. */
export async function runInside(pid: number, argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  // nsenter passes no signal on: the program has to notice by itself that nobody waits for it any more.
  const enter = ["nsenter", "--target", String(pid), "--all", "--", "setpriv", "--pdeathsig", "KILL", "--"];
  return run([...enter, ...argv], { ...options, env: environment });
}
