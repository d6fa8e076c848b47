import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findNatsServer } from "./nats-server-find.ts";

export { findNatsServer, type FoundNatsServer, type NatsServerProblem } from "./nats-server-find.ts";
export { fetchNatsServer } from "./nats-server-fetch.ts";

export interface NatsServerOptions {
  /** TCP port on 127.0.0.1; 0 or left out lets the system choose a free one. */
  readonly port?: number;
  /** Folder of the JetStream files, made where it is missing; of one server at a time. The caller removes it. */
  readonly storeDir: string;
  /** Stops the server when it fires; the start is then refused with its reason. */
  readonly signal: AbortSignal;
  /** Path of a nats-server configuration file (accounts, users, limits). Address, port and store stay as above. */
  readonly configFile?: string;
}

export interface NatsServer {
  /** "nats://127.0.0.1:PORT" */
  readonly url: string;
  readonly pid: number;
  /** Resolves once the process is gone, whether stopped or crashed; the value says why, from its log. */
  readonly exited: Promise<string>;
  /** SIGTERM, after 5 s SIGKILL; resolves once the process is gone. May be called more than once. */
  stop(): Promise<void>;
}

const startDeadlineMs = 15_000;
const stopDeadlineMs = 5_000;
const pollMs = 15;
const keptLogCharacters = 4_096;

/**
 * Starts a real nats-server with JetStream as a child of this process, bound to 127.0.0.1, and waits until it
 * accepts clients. The child is asked to die with this process, however that dies.
 *
 * @throws Error with a sentence when there is no usable server, when it ends at once (its log is in the
 * sentence: a taken port, a bad configuration), or when it does not accept clients within 15 s
 */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const { port = 0, storeDir, signal, configFile } = options;
  signal.throwIfAborted();
  const found = await findNatsServer();
  if ("problem" in found) throw new Error(found.problem);
  await clearPortsFiles(storeDir);
  const address = ["-a", "127.0.0.1", "-p", port === 0 ? "-1" : String(port), "--ports_file_dir", storeDir];
  const config = configFile === undefined ? [] : ["-c", configFile];
  const { child, exited, stop } = await spawnServer(
    found.path,
    [...address, "-js", "-sd", storeDir, ...config],
    signal,
  );
  try {
    const url = await readyUrl(child, exited, storeDir);
    signal.throwIfAborted();
    return { url, pid: child.pid ?? 0, exited, stop };
  } catch (error) {
    await stop();
    signal.throwIfAborted();
    throw error;
  }
}

export interface SpawnedServer extends Pick<NatsServer, "exited" | "stop"> {
  readonly child: ChildProcess;
}

/** Starts a nats-server as a child that dies with this process and when `signal` fires. It may not be ready yet. */
export async function spawnServer(path: string, words: readonly string[], signal: AbortSignal): Promise<SpawnedServer> {
  const [command = path, ...args] = [...(await dieWithParent()), path, ...words];
  signal.throwIfAborted();
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  const exited = exitOf(child);
  const stop = async (): Promise<void> => stopChild(child, exited);
  const onAbort = (): void => void stop();
  const onParentExit = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", onAbort, { once: true });
  process.once("exit", onParentExit);
  void exited.finally(() => {
    signal.removeEventListener("abort", onAbort);
    process.removeListener("exit", onParentExit);
  });
  return { child, exited, stop };
}

/** A server that was killed leaves its file behind, and process ids come again. Makes the folder where it is missing. */
async function clearPortsFiles(storeDir: string): Promise<void> {
  await mkdir(storeDir, { recursive: true });
  const left = (await readdir(storeDir)).filter((name) => name.endsWith(".ports"));
  await Promise.all(left.map(async (name) => rm(join(storeDir, name), { force: true })));
}

/** The URL once a client that connects is greeted. */
async function readyUrl(child: ChildProcess, exited: Promise<string>, storeDir: string): Promise<string> {
  let ended: string | undefined;
  void exited.then((log) => (ended = log));
  const deadline = performance.now() + startDeadlineMs;
  while (performance.now() < deadline) {
    if (ended !== undefined) throw new Error(`nats-server ended at its start: ${ended}`);
    const port = await chosenPort(join(storeDir, `nats-server_${child.pid}.ports`));
    if (port !== undefined && (await greets(port))) return `nats://127.0.0.1:${port}`;
    await sleep(pollMs);
  }
  throw new Error(`nats-server did not accept clients within ${startDeadlineMs / 1000} s`);
}

/** Undefined while the server has not yet written the file, or only a part of it. */
async function chosenPort(portsFile: string): Promise<number | undefined> {
  const text = await readFile(portsFile, "utf8").catch(() => "");
  const port = /"nats":\s*\[\s*"nats:\/\/127\.0\.0\.1:(\d+)"/.exec(text)?.[1];
  return port === undefined ? undefined : Number(port);
}

async function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const done = (greeted: boolean): void => {
      socket.destroy();
      resolve(greeted);
    };
    socket.setTimeout(1_000, () => done(false));
    socket.once("error", () => done(false));
    socket.once("data", (bytes) => done(bytes.toString("latin1").startsWith("INFO ")));
  });
}

/** Never rejects: a child that cannot be spawned counts as gone, with the reason in place of a log. */
async function exitOf(child: ChildProcess): Promise<string> {
  let log = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-keptLogCharacters);
  });
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(lastWords(log) || `exit ${code ?? signal ?? "unknown"}`));
  });
}

/** The fatal lines of the log without their time stamps, or else its last line. */
function lastWords(log: string): string {
  const lines = log.trim().split("\n");
  const fatal = lines.filter((line) => line.includes("[FTL]") || line.includes("[ERR]"));
  return (fatal.length > 0 ? fatal : lines.slice(-1))
    .map((line) => line.replace(/^.*\[(?:FTL|ERR|INF)\] /, ""))
    .join("; ");
}

async function stopChild(child: ChildProcess, exited: Promise<string>): Promise<void> {
  child.kill("SIGTERM");
  const killer = setTimeout(() => child.kill("SIGKILL"), stopDeadlineMs);
  await exited;
  clearTimeout(killer);
}

/**
 * Linux can signal a child when its parent is gone, even after SIGKILL, but Node cannot ask for it; setpriv of
 * util-linux can, and then becomes the server under the same process id. Without it, an orderly exit of this
 * process still stops the child.
 */
async function dieWithParent(): Promise<readonly string[]> {
  const prefix = ["--pdeathsig", "TERM"];
  return new Promise((resolve) => {
    execFile("setpriv", [...prefix, "true"], { timeout: 5_000 }, (error) => {
      resolve(error === null ? ["setpriv", ...prefix] : []);
    });
  });
}
