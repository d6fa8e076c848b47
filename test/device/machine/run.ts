import { spawn } from "node:child_process";
import { constants } from "node:os";

export interface Ran {
  /** 128 and the signal's number where a signal ended it, as shells have it. */
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  /** Milliseconds until it is killed and the call rejects. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** Default: nothing, an end of file at once. */
  readonly stdin?: string | Uint8Array | undefined;
  /** Kills it, and the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The whole environment. Default: that of this process. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Gets each line of standard output as it comes. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** Of each of the two outputs; what comes after is dropped. */
const keptBytes = 16 * 1024 * 1024;

/**
 * Runs a program to its end. Whatever it exits with is an answer.
 *
 * @throws Error with a sentence when it cannot be started, when it takes too long, or the signal's reason
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { timeoutMs = 30_000, stdin = "", signal, env = process.env, onLine } = options;
  const [command = "", ...args] = argv;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    const out = collect(child.stdout, onLine);
    const err = collect(child.stderr);
    let problem: Error | undefined;
    const giveUp = (why: Error): void => {
      problem ??= why;
      child.kill("SIGKILL");
    };
    const onAbort = (): void => giveUp(reasonOf(signal));
    const timer = setTimeout(() => giveUp(new Error(`${argv.join(" ")} took over ${timeoutMs} ms`)), timeoutMs);
    signal?.addEventListener("abort", onAbort, { once: true });
    child.once("error", (error) => (problem ??= new Error(`${command} cannot be run: ${error.message}`)));
    child.once("close", (code, killedBy) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      const exit = code ?? 128 + (killedBy === null ? 0 : constants.signals[killedBy]);
      if (problem === undefined) resolve({ code: exit, out: out(), err: err() });
      else reject(problem);
    });
    // A program that does not read its input closes it early.
    child.stdin.on("error", () => {});
    child.stdin.end(stdin);
  });
}

/** The same, for a program that must succeed: its standard output. */
export async function succeed(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  return expectSuccess(argv, await run(argv, options));
}

/** @throws Error with the end of what it said, where it did not exit with 0 */
export function expectSuccess(argv: readonly string[], { code, out, err }: Ran): string {
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}: ${lastLines(err.trim() || out.trim())}`);
  return out;
}

/** Why a signal has fired, as an Error. */
export function reasonOf(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error ? signal.reason : new Error(String(signal?.reason));
}

/** The end of a log, for a sentence. */
export function lastLines(log: string): string {
  return log.trim().split("\n").slice(-5).join("; ") || "it said nothing";
}

function collect(stream: NodeJS.ReadableStream, onLine?: (line: string) => void): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  let unfinished = "";
  stream.on("data", (chunk: Buffer) => {
    if (size < keptBytes) chunks.push(chunk);
    size += chunk.length;
    if (onLine === undefined) return;
    const lines = (unfinished + chunk.toString()).split("\n");
    unfinished = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  return () => Buffer.concat(chunks).toString();
}
