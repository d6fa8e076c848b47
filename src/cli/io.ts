import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import type { Writable } from "node:stream";

/** All that a command sees of the process, so that tests can run it in theirs. */
export interface Io {
  /** What was asked for: documents, tables, scripts. */
  readonly out: (text: string) => void;
  /** Everything else: progress, errors, hints. */
  readonly err: (text: string) => void;
  /** Resolves once so much of {@link out} was read that more may be written, or the command is to end. Left out: at once. */
  readonly outTaken?: () => Promise<void>;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** All of standard input, to its end. */
  readonly input: () => Promise<Uint8Array>;
  /** Puts a question to whoever sits at the terminal; null where nobody does. */
  readonly ask: ((question: string) => Promise<string>) | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Fires when the command is to end: Ctrl-C, or a request to terminate. */
  readonly signal: AbortSignal;
}

/** Runs with the real process. A second Ctrl-C ends it at once, as if nobody listened. */
export async function withProcessIo<T>(run: (io: Io) => Promise<T>): Promise<T> {
  const interrupted = new AbortController();
  const { signal } = interrupted;
  const end = (): void => interrupted.abort();
  // A reader that went away, `| head` say, has seen enough.
  const closed = (error: Error): void => {
    if (!("code" in error && error.code === "EPIPE")) throw error;
    end();
  };
  process.once("SIGINT", end).once("SIGTERM", end);
  process.stdout.on("error", closed);
  process.stderr.on("error", closed);
  try {
    return await run({
      out: (text) => void process.stdout.write(text),
      err: (text) => void process.stderr.write(text),
      outTaken: () => taken(process.stdout, signal),
      outIsTerminal: process.stdout.isTTY,
      errIsTerminal: process.stderr.isTTY,
      input: standardInput,
      ask: process.stdin.isTTY && process.stderr.isTTY ? (question) => ask(question, signal) : null,
      env: process.env,
      cwd: process.cwd(),
      signal,
    });
  } finally {
    process.removeListener("SIGINT", end).removeListener("SIGTERM", end);
  }
}

async function standardInput(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) if (chunk instanceof Uint8Array) chunks.push(chunk);
  const all = Buffer.concat(chunks);
  // It may be a secret, of which one copy is enough.
  for (const chunk of chunks) chunk.fill(0);
  return all;
}

/** What nobody reads would be kept in memory, all of it. */
async function taken(stream: Writable, signal: AbortSignal): Promise<void> {
  // Whoever went away is told of as an error, and a command that is to end need not wait.
  if (stream.writableNeedDrain) await once(stream, "drain", { signal }).catch(() => {});
}

async function ask(question: string, signal: AbortSignal): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question, { signal });
  } catch (error) {
    if (signal.aborted) return "";
    throw error;
  } finally {
    terminal.close();
  }
}
