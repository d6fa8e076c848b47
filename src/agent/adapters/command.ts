import { type ChildProcess, spawn } from "node:child_process";

export interface Command {
  /** The program, a name looked up in the system's own directories or a path, and its arguments. Never a shell's line. */
  readonly argv: readonly [program: string, ...args: readonly string[]];
  /** What it reads; without it, nothing (`/dev/null`). */
  readonly input?: string | Uint8Array;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** How much is kept of each of its two outputs. Default 1 MiB. What is above is read and dropped. */
  readonly outputLimitBytes?: number;
  /** Added to `PATH` and `LC_ALL=C`, which are all that it gets otherwise. */
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
}

export type CommandResult =
  | {
      readonly _tag: "Ended";
      /** Null where a signal ended it. */
      readonly code: number | null;
      readonly signal: string | null;
      readonly stdout: string;
      readonly stderr: string;
      /** Whether one of the outputs was longer than is kept. */
      readonly truncated: boolean;
      /** Whether it was ended from here, because its time was over or the caller gave up. */
      readonly timedOut: boolean;
    }
  /** There is no such program. */
  | { readonly _tag: "NotFound" }
  /** The system did not start it; `message` ends a sentence: `EACCES`, `EAGAIN`. */
  | { readonly _tag: "NotStarted"; readonly message: string };

/** Between the request to end and the kill. */
const GRACE_MS = 2_000;
/** How long a process that outlives the program may keep the outputs open before they are let go. */
const LINGER_MS = 1_000;
const OUTPUT_LIMIT_BYTES = 1024 * 1024;

/** English answers, and the directories of administration, which the PATH of a user lacks. */
const ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
};

/**
 * Runs a program to its end. When its time is over or the signal comes, it is asked to end (SIGTERM) and then killed, with
 * all that it started, since it has a process group of its own. Never rejects.
 */
export function runCommand(command: Command): Promise<CommandResult> {
  if (command.signal.aborted) return Promise.resolve(neverRun);
  const child = start(command);
  return child instanceof Error ? Promise.resolve(notStarted(child)) : untilEnded(child, command);
}

const neverRun: CommandResult = {
  _tag: "Ended",
  code: null,
  signal: null,
  stdout: "",
  stderr: "",
  truncated: false,
  timedOut: true,
};

function start({ argv: [program, ...args], input, env, uid, gid }: Command): ChildProcess | Error {
  try {
    return spawn(program, args, {
      cwd: "/",
      env: { ...ENVIRONMENT, ...env },
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      detached: true,
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
  } catch (error) {
    // Some refusals of the system (arguments too long, no right to the user) are thrown, others are emitted.
    return error instanceof Error ? error : new Error(String(error));
  }
}

function notStarted(error: Error): CommandResult {
  const code = "code" in error ? String(error.code) : error.message;
  return code === "ENOENT" ? { _tag: "NotFound" } : { _tag: "NotStarted", message: code };
}

function untilEnded(child: ChildProcess, command: Command): Promise<CommandResult> {
  const limit = command.outputLimitBytes ?? OUTPUT_LIMIT_BYTES;
  const stdout = kept(child.stdout, limit);
  const stderr = kept(child.stderr, limit);
  // A program that ends without reading everything closes the pipe: its answer tells, not the pipe.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(command.input);

  return new Promise((resolve) => {
    let timedOut = false;
    const timers: NodeJS.Timeout[] = [];
    const after = (ms: number, act: () => void): void => void timers.push(setTimeout(act, ms));
    const stop = (): void => {
      if (timedOut) return;
      timedOut = true;
      killGroup(child, "SIGTERM");
      after(GRACE_MS, () => killGroup(child, "SIGKILL"));
    };
    const finish = (result: CommandResult): void => {
      timers.forEach(clearTimeout);
      command.signal.removeEventListener("abort", stop);
      resolve(result);
    };

    after(command.timeoutMs, stop);
    command.signal.addEventListener("abort", stop);
    child.on("error", (error) => {
      // Also emitted for a signal that could not be sent, to a program that runs.
      if (child.pid === undefined) finish(notStarted(error));
    });
    child.on("exit", () => {
      // The rest of the group has been asked too; without its leader nothing waits for it.
      if (timedOut) killGroup(child, "SIGKILL");
      // A service that the program started may hold its outputs for good.
      after(LINGER_MS, () => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      });
    });
    child.on("close", (code, signal) =>
      finish({
        _tag: "Ended",
        code,
        signal,
        stdout: stdout.text(),
        stderr: stderr.text(),
        truncated: stdout.truncated() || stderr.truncated(),
        timedOut,
      }),
    );
  });
}

/** Keeps the beginning of an output, and reads on, so that the writer never waits. */
function kept(stream: NodeJS.ReadableStream | null, limit: number): { text: () => string; truncated: () => boolean } {
  const chunks: Buffer[] = [];
  let size = 0;
  let truncated = false;
  stream?.on("data", (chunk: Buffer) => {
    const room = limit - size;
    if (chunk.length > room) truncated = true;
    if (room <= 0) return;
    chunks.push(chunk.subarray(0, room));
    size += Math.min(room, chunk.length);
  });
  return { text: () => Buffer.concat(chunks).toString("utf8"), truncated: () => truncated };
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The whole group has ended.
  }
}
