import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { performance } from "node:perf_hooks";
import type { SHELL_ENDINGS } from "../../capabilities/audited-shell.ts";

/**
 * Runs the command of a job. Unlike `runCommand`, which asks the system's own tools and reads their answers, it runs what
 * somebody sent: of its output only the end and the hash are kept, however much it is, and nothing that it starts is left.
 */
export interface JobProcess {
  readonly argv: readonly [program: string, ...args: readonly string[]];
  /** Must exist. */
  readonly workingDirectory: string;
  /** All that it gets. */
  readonly environment: Readonly<Record<string, string>>;
  /** By this its processes are found, wherever they went: every one of them inherits it. */
  readonly mark: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** How many bytes of the end of its output are kept. */
  readonly keepBytes: number;
}

export type JobEnd =
  | {
      readonly _tag: "Ended";
      readonly ending: (typeof SHELL_ENDINGS)[number];
      readonly exitCode: number | null;
      /** Both outputs, in the order in which they came. */
      readonly tail: Buffer;
      readonly outputBytes: number;
      readonly outputSha256: string;
      readonly durationMs: number;
    }
  /** The system did not start it; `message` ends a sentence: `EACCES`, `ENOENT`. */
  | { readonly _tag: "NotStarted"; readonly message: string };

/** Between the request to end and the kill. */
const GRACE_MS = 5_000;
/** How long what it started may hold its outputs after it has ended. */
const LINGER_MS = 1_000;

const MARK = "HARMONY_RUN";

export async function runJob(job: JobProcess): Promise<JobEnd> {
  const begun = performance.now();
  const child = start(job);
  if (child instanceof Error) return notStarted(child);
  const output = new Output(job.keepBytes);
  child.stdout?.on("data", output.take);
  child.stderr?.on("data", output.take);
  const ended = await untilEnded(child, job);
  if (ended instanceof Error) return notStarted(ended);
  return { _tag: "Ended", ...ended, ...output.told(), durationMs: Math.round(performance.now() - begun) };
}

function start({ argv: [program, ...args], workingDirectory, environment, mark }: JobProcess): ChildProcess | Error {
  try {
    return spawn(program, args, {
      cwd: workingDirectory,
      env: { ...environment, [MARK]: mark },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
  } catch (error) {
    // Some refusals of the system (arguments too long) are thrown, others are emitted.
    return error instanceof Error ? error : new Error(String(error));
  }
}

const notStarted = (error: Error): JobEnd => ({
  _tag: "NotStarted",
  message: "code" in error ? String(error.code) : error.message,
});

type Ending = Pick<Extract<JobEnd, { _tag: "Ended" }>, "ending" | "exitCode">;

const untilEnded = (child: ChildProcess, { timeoutMs, signal, mark }: JobProcess): Promise<Ending | Error> =>
  new Promise((resolve) => {
    let why: "timed-out" | "stopped" | null = null;
    const timers: NodeJS.Timeout[] = [];
    const after = (ms: number, act: () => void): void => void timers.push(setTimeout(act, ms));
    const end = (because: "timed-out" | "stopped"): void => {
      if (why !== null) return;
      why = because;
      signalAll(child.pid, mark, "SIGTERM");
      after(GRACE_MS, () => signalAll(child.pid, mark, "SIGKILL"));
    };
    const stop = (): void => end("stopped");
    const finish = (ending: Ending | Error): void => {
      timers.forEach(clearTimeout);
      signal.removeEventListener("abort", stop);
      resolve(ending);
    };
    after(timeoutMs, () => end("timed-out"));
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    child.on("error", (error) => {
      // Also emitted for a signal that could not be sent, to a program that runs.
      if (child.pid === undefined) finish(error);
    });
    child.on("exit", () => {
      after(LINGER_MS, () => {
        signalAll(child.pid, mark, "SIGKILL");
        child.stdout?.destroy();
        child.stderr?.destroy();
      });
    });
    child.on("close", (code) => {
      signalAll(child.pid, mark, "SIGKILL");
      finish({ ending: why ?? (code === null ? "killed" : "exited"), exitCode: code });
    });
  });

/** To its process group, and to whoever left that: a daemon makes a session of its own, but keeps its environment. */
function signalAll(pid: number | undefined, mark: string, name: NodeJS.Signals): void {
  if (pid !== undefined) send(-pid, name);
  signalMarked(mark, name);
}

/** To each process that was started with this mark, in this life of the agent or an earlier one. Gives how many there were. */
export function signalMarked(mark: string, name: NodeJS.Signals): number {
  const variable = Buffer.from(`${MARK}=${mark}\0`);
  const found = fs.readdirSync("/proc").filter((id) => /^\d+$/.test(id) && environmentOf(id).includes(variable));
  for (const id of found) send(Number(id), name);
  return found.length;
}

function environmentOf(id: string): Buffer {
  try {
    return fs.readFileSync(`/proc/${id}/environ`);
  } catch {
    // It has ended, or is none of the agent's.
    return Buffer.alloc(0);
  }
}

function send(to: number, name: NodeJS.Signals): void {
  try {
    process.kill(to, name);
  } catch {
    // It has ended.
  }
}

/** Takes all, hashes all, and keeps the end. */
class Output {
  readonly #keep: number;
  readonly #hash = createHash("sha256");
  readonly #chunks: Buffer[] = [];
  #kept = 0;
  #bytes = 0;

  constructor(keep: number) {
    this.#keep = keep;
  }

  readonly take = (chunk: Buffer): void => {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    this.#kept += chunk.length;
    for (let [first] = this.#chunks; first !== undefined; [first] = this.#chunks) {
      if (this.#kept - first.length < this.#keep) break;
      this.#kept -= first.length;
      this.#chunks.shift();
    }
  };

  told(): { readonly tail: Buffer; readonly outputBytes: number; readonly outputSha256: string } {
    const tail = Buffer.concat(this.#chunks);
    return {
      tail: tail.subarray(Math.max(0, tail.length - this.#keep)),
      outputBytes: this.#bytes,
      outputSha256: this.#hash.digest("hex"),
    };
  }
}
