import { fork } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Message, type Order, type Progress } from "./messages.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LOOK_MS = 100;
/** A child needs longer for its start than for any input. */
const START_MS = 60_000;
/** Of what it writes to its standard error, as much is kept. */
const STDERR_LIMIT = 16 * 1024;

/** What is wrong with how an input was read. */
export interface Finding {
  /** `broken`: it was read otherwise than promised. `crash`: the process would have died of it. */
  readonly kind: "broken" | "crash" | "hang" | "memory";
  readonly message: string;
  readonly input: Uint8Array;
}

export interface Watched {
  readonly finding: Finding | null;
  readonly progress: Progress;
  readonly peakBytes: number;
  readonly ms: number;
}

export interface WatchOptions extends Omit<Order, "inputFile" | "sources"> {
  /** Milliseconds after which one input counts as one that hangs. Default 20,000. */
  readonly hangMs?: number;
  /** MiB of memory that the whole process may take. Default 512, which is all that a small board has. */
  readonly memoryMiB?: number;
  /** The program that fuzzes. Default: that of the sources. */
  readonly program?: string;
  /** Part of the address of what counts as the sources. Default: `/src/`. */
  readonly sources?: string;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Has one target fuzzed in a process of its own, and looks at it from outside. */
export async function watch(options: WatchOptions): Promise<Watched> {
  const { hangMs = 20_000, memoryMiB = 512, program = join(ROOT, "fuzz/child.ts"), sources = "/src/" } = options;
  const { target, seed, ms, replay, signal } = options;
  const folder = mkdtempSync(join(tmpdir(), "harmony-fuzz-"));
  const order: Order = { target, seed, ms, sources, inputFile: join(folder, "input"), replay };
  const startedAt = performance.now();
  const child = fork(program, [JSON.stringify(order)], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    execArgv: ["--conditions=harmony-edge-source", "--expose-gc", `--max-old-space-size=${Math.round(memoryMiB / 2)}`],
  });
  let progress: Progress = { _tag: "Progress", inputs: 0, kept: 0, blocks: { bySeeds: 0, reached: 0 }, grownBytes: 0 };
  let heardAt = performance.now();
  let peakBytes = 0;
  let stderr = "";
  let finding: Finding | null = null;
  let isDone = false;
  const found = (kind: Finding["kind"], message: string, input: Uint8Array): void => {
    finding ??= { kind, message, input };
  };
  const end = (kind: Finding["kind"], message: string): void => {
    found(kind, message, inputIn(order.inputFile));
    child.kill("SIGKILL");
  };
  child.stderr?.on("data", (text: Buffer) => (stderr = (stderr + text.toString()).slice(-STDERR_LIMIT)));
  child.on("message", (raw) => {
    const message = Message.parse(raw);
    heardAt = performance.now();
    if (message._tag === "Finding") found(message.kind, message.message, Buffer.from(message.input, "base64"));
    else if (message._tag === "Done") [isDone, progress] = [true, message.progress];
    else {
      progress = message;
      options.onProgress?.(progress);
    }
  });
  const timer = setInterval(() => {
    const resident = residentBytes(child.pid);
    peakBytes = Math.max(peakBytes, resident);
    if (resident > memoryMiB * 1024 * 1024) end("memory", `the process took ${Math.round(resident / 1024 / 1024)} MiB`);
    const silentMs = performance.now() - heardAt;
    const isHanging = silentMs > (progress.inputs === 0 ? START_MS : hangMs);
    if (isHanging) end("hang", `nothing went on for ${Math.round(silentMs)} ms`);
  }, LOOK_MS);
  const stop = (): void => void child.kill("SIGKILL");
  signal?.addEventListener("abort", stop, { once: true });
  const code = await new Promise<number | string | null>((resolve) => {
    child.on("close", (ended, by) => resolve(ended ?? by));
  });
  clearInterval(timer);
  signal?.removeEventListener("abort", stop);
  if (finding === null && !isDone && signal?.aborted !== true) {
    const isMemory = stderr.includes("heap out of memory");
    found(isMemory ? "memory" : "crash", `it ended with ${String(code)}: ${stderr}`, inputIn(order.inputFile));
  }
  rmSync(folder, { recursive: true, force: true });
  return { finding, progress, peakBytes, ms: performance.now() - startedAt };
}

/** The input that it was about to read. */
function inputIn(path: string): Uint8Array {
  const length = Buffer.alloc(4);
  let file;
  try {
    file = openSync(path, "r");
    readSync(file, length, 0, 4, 0);
    const input = Buffer.alloc(length.readUInt32LE());
    readSync(file, input, 0, input.length, 4);
    return input;
  } catch {
    return Buffer.alloc(0);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function residentBytes(pid: number | undefined): number {
  try {
    const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid ?? 0}/status`, "utf8"))?.[1] ?? "0";
    return Number(kib) * 1024;
  } catch {
    return 0;
  }
}
