import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { build } from "../../../scripts/build.mjs";
import { eventually } from "./eventually.ts";
import { AGENT } from "./manifests.ts";

const project = fileURLToPath(new URL("../../..", import.meta.url));

/** A folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "harmony-agent-"));
  // What a test has only begun to write may still come.
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

/** The launcher and the bundle as they are installed on a device: without sources and without packages. */
export async function install(): Promise<{ readonly harmony: string; readonly remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "harmony-installed-"));
  await mkdir(join(folder, "bin"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }\n');
  await copyFile(join(project, "bin/harmony.js"), join(folder, "bin/harmony.js"));
  await build(["agent"], join(folder, "dist"));
  return { harmony: join(folder, "bin/harmony.js"), remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Every Node that is installed on the machine itself, not as a package, and the one that runs the tests; by version. */
export async function nodesHere(): Promise<ReadonlyMap<string, string>> {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/local/bin", "/usr/bin"];
  const nodes = new Map([[process.version, process.execPath]]);
  for (const folder of folders.filter((each) => !each.includes("node_modules"))) {
    const path = await realpath(join(folder, "node")).catch(() => null);
    if (path === null) continue;
    const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 10_000 });
    if (stdout !== "") nodes.set(stdout.trim(), path);
  }
  return nodes;
}

export interface LogLine {
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface AgentProcessOptions {
  readonly harmony: string;
  readonly url: string;
  readonly root: string;
  /** Default: that of the tests. */
  readonly id?: string;
  readonly node?: string;
  readonly args?: readonly string[];
  /** What comes before the command line, to run it elsewhere. */
  readonly enter?: (argv: readonly string[]) => readonly string[];
  /** What its environment has beside the test's own. */
  readonly env?: NodeJS.ProcessEnv;
}

/** `harmony agent run` as a process of its own, killed at the end of the test at the latest. */
export class AgentProcess {
  readonly #child: ChildProcess;
  #text = "";
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;

  constructor(options: AgentProcessOptions) {
    const { harmony, url, root, node = process.execPath, args = [], enter = (argv) => argv, env } = options;
    const { id = AGENT } = options;
    const words = [harmony, "agent", "run", "--id", id, "--root", root, "--server", url, ...args];
    const [command = "", ...rest] = enter([node, ...words]);
    this.#child = spawn(command, rest, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#text += text));
    this.exited = new Promise((resolve) => this.#child.once("close", (code, signal) => resolve({ code, signal })));
    onTestFinished(async () => {
      this.#child.kill("SIGKILL");
      await this.exited;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }
  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Nobody reads its log any more. */
  deafen(): void {
    this.#child.stderr?.destroy();
  }

  async kill(
    signal: NodeJS.Signals,
  ): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
    this.#child.kill(signal);
    return this.exited;
  }

  /** What it has told on standard error so far. */
  get log(): readonly LogLine[] {
    return this.#text
      .split("\n")
      .slice(0, -1)
      .map((line) => {
        const [, message = line, fields = "{}"] = /^\S+ (.*?)(?: (\{.*\}))?$/.exec(line) ?? [];
        return { message, fields: asFields(fields) };
      });
  }

  /** Waits for a line that begins so. */
  logged(message: string, where: (fields: LogLine["fields"]) => boolean = () => true): Promise<LogLine> {
    const look = (): LogLine | undefined =>
      this.log.find((line) => line.message.startsWith(message) && where(line.fields));
    return eventually(`the agent logs "${message}"`, look, () => this.tail);
  }

  get tail(): string {
    return this.#text.split("\n").slice(-15).join("\n");
  }

  /** The most memory that it ever used, in bytes. */
  async peakMemory(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }
}

function asFields(text: string): LogLine["fields"] {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
  } catch {
    return {};
  }
}
