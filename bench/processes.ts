import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, openSync, readFileSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build as bundle } from "esbuild";
import { build } from "../scripts/build.mjs";
import { ALLOCATOR } from "../src/agent/cage/unit.ts";
import type { Place } from "./figure.ts";

const STOP_MS = 10_000;

/** A child process that is ended with the benchmark. */
export interface Process {
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/** The Nodes that are measured: the one that runs this, and the system's own Node 20 where there is one. */
export interface Runtime {
  readonly path: string;
  /** "24.21.0" */
  readonly version: string;
}

export const thisNode: Runtime = { path: process.execPath, version: process.versions.node };

export function systemNode20(): Runtime | null {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, "node");
    const { stdout, status } = spawnSync(path, ["-v"], { encoding: "utf8", timeout: 5000 });
    if (status === 0 && stdout.startsWith("v20.") && realpathSync(path) !== realpathSync(thisNode.path)) {
      return { path, version: stdout.trim().slice(1) };
    }
  }
  return null;
}

export const sourceOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** The agent as a package installs it: its bundle and the launcher, and no sources beside them. */
export interface Installed {
  readonly launcher: string;
  readonly bundle: string;
}

export async function installAgent(place: Place): Promise<Installed> {
  const home = join(place.directory, "installed");
  mkdirSync(join(home, "bin"), { recursive: true });
  await build(["agent"], join(home, "dist"));
  const launcher = join(home, "bin", "harmony.js");
  copyFileSync(sourceOf("../bin/harmony.js"), launcher);
  copyFileSync(sourceOf("../package.json"), join(home, "package.json"));
  return { launcher, bundle: join(home, "dist", "agent.cjs") };
}

/** A program of this folder, bundled like the agent. */
export async function bundleBare(name: "bare-client" | "bare-repairer", place: Place): Promise<string> {
  const outfile = join(place.directory, `${name}.mjs`);
  const banner =
    'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';
  await bundle({
    entryPoints: [sourceOf(`${name}.ts`)],
    outfile,
    bundle: true,
    minify: true,
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "silent",
    banner: { js: banner },
  });
  return outfile;
}

/** As the package's unit starts the agent; so are the baselines, which gain by it as well. */
const environment: NodeJS.ProcessEnv = { ...process.env, ...ALLOCATOR };

/** What it says goes to a file of the benchmark's own directory. */
export function start(place: Place, name: string, { path }: Runtime, args: readonly string[]): Process {
  const said = join(place.directory, `${name}.log`);
  const child = spawn(path, args, { env: environment, stdio: ["ignore", "ignore", openSync(said, "a")] });
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  // However this process ends, its children do not stay behind.
  const orphan = (): void => void child.kill("SIGKILL");
  process.once("exit", orphan);
  let stopping = false;
  const stop = async (): Promise<void> => {
    stopping = true;
    await end(child, gone);
  };
  void gone.then(() => {
    process.removeListener("exit", orphan);
    if (!stopping) place.progress(`${name} has ended by itself: ${readFileSync(said, "utf8").slice(-500)}`);
  });
  place.atEnd(stop);
  return { pid: child.pid ?? 0, stop };
}

async function end(child: ChildProcess, gone: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const killer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await gone;
  clearTimeout(killer);
}

export const agentArguments = (installed: Installed, url: string, id: string, root: string): readonly string[] => {
  mkdirSync(root, { recursive: true });
  return [installed.launcher, "agent", "run", "--id", id, "--root", root, "--server", url];
};
