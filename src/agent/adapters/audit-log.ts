import { constants } from "node:fs";
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { SHELL_ENDINGS, type ShellRun } from "../../capabilities/audited-shell.ts";
import { PortError } from "../../capabilities/port-error.ts";
import { sha256Of } from "../../wire/event-chain.ts";
import { asName, type Event } from "../../wire/events.ts";
import { errnoOf } from "./file-system-errors.ts";
import { safeParse } from "../../wire/safe-parse.ts";

/** A file is closed when it would grow beyond this, and so many closed ones are kept. */
const FILE_BYTES = 1024 * 1024;
const CLOSED_FILES = 7;

const about = { at: z.string(), job: z.string(), runAs: z.string(), approver: z.string() };
const ofRun = { ...about, run: z.string(), purpose: z.enum(["run", "undo"]) };

const AuditRecord = z.discriminatedUnion("event", [
  /** A check was run for the first time since the agent's start. */
  z.object({ ...about, event: z.literal("checks"), argv: z.array(z.string()), expires: z.string() }),
  /** A command is about to be started. */
  z.object({ ...ofRun, event: z.literal("begins"), argv: z.array(z.string()), expires: z.string() }),
  z.object({
    ...ofRun,
    event: z.literal("ended"),
    began: z.string(),
    ending: z.enum(SHELL_ENDINGS),
    exitCode: z.number().nullable(),
    durationMs: z.number(),
    outputBytes: z.number(),
    outputSha256: z.string(),
    /** The end of it, without secrets. */
    output: z.string(),
  }),
  /** It could not be started. */
  z.object({ ...ofRun, event: z.literal("not-started"), because: z.string() }),
  /** The agent ended first; told at its next start. `began`: when the command was about to be started. */
  z.object({ ...ofRun, event: z.literal("interrupted"), began: z.string() }),
]);
export type AuditRecord = z.infer<typeof AuditRecord>;

/** Puts an event on the agent's own record first, which keeps its hash and tells the fleet. Rejects where it cannot. */
export type PutOnRecord = (event: Event) => Promise<void>;

/**
 * What was run on this device: one JSON object a line, in `audit.jsonl` and, older ones, `audit.1.jsonl` to
 * `audit.7.jsonl`. Written by appending alone; at most 8 MiB.
 */
export class AuditLog {
  readonly #directory: string;
  readonly #putOnRecord: PutOnRecord;
  readonly #lastRuns = new Map<string, ShellRun>();
  readonly #open = new Map<string, Extract<AuditRecord, { event: "begins" }>>();
  #unreadable = 0;
  #writing: Promise<void> = Promise.resolve();

  private constructor(directory: string, putOnRecord: PutOnRecord) {
    this.#directory = directory;
    this.#putOnRecord = putOnRecord;
  }

  /** Rejects with a PortError. The directory must be there. */
  static async open(directory: string, putOnRecord: PutOnRecord = async () => {}): Promise<AuditLog> {
    const log = new AuditLog(directory, putOnRecord);
    await log.#told("read", () => log.#load());
    return log;
  }

  /** The newest run of the job that has ended, or was interrupted. */
  lastRun(job: string): ShellRun | null {
    return this.#lastRuns.get(job) ?? null;
  }

  /** What has begun and is not known to have ended. */
  get unended(): readonly Extract<AuditRecord, { event: "begins" }>[] {
    return [...this.#open.values()];
  }

  /** Lines that make no sense, as those that a crash cut short. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** Resolves when it is on disk. Rejects with a PortError. */
  append(record: AuditRecord): Promise<void> {
    const line = JSON.stringify(record);
    const written = this.#writing.then(async () => {
      const event = asEvent(record, sha256Of(line));
      await this.#putOnRecord(event);
      try {
        await this.#told("written", () => this.#write(Buffer.from(`${line}\n`)));
      } catch (error) {
        // Then it is not begun.
        if (event.type === "JobBegins") await this.#putOnRecord(notStarted(event)).catch(() => {});
        throw error;
      }
    });
    this.#writing = written.catch(() => {});
    return written.then(() => this.#fold(record));
  }

  async #load(): Promise<void> {
    for (const file of this.#files().toReversed()) {
      const text = await readFile(file, { encoding: "utf8", flag: READ }).catch(noneIsEmpty);
      for (const line of text.split("\n")) {
        if (line === "") continue;
        const read = safeParse(AuditRecord, parse(line));
        if (read.success) this.#fold(read.data);
        else this.#unreadable += 1;
      }
    }
  }

  #fold(record: AuditRecord): void {
    if (record.event === "checks") return;
    if (record.event === "begins") {
      this.#open.set(record.run, record);
      return;
    }
    this.#open.delete(record.run);
    if (record.event === "not-started") return;
    const { job, purpose, runAs, approver, began: at } = record;
    const unknown = { exitCode: null, durationMs: null, output: "", outputBytes: null, outputSha256: null } as const;
    if (record.event === "interrupted") {
      this.#lastRuns.set(job, { purpose, at, ending: "interrupted", ...unknown, runAs, approver });
      return;
    }
    const { ending, exitCode, durationMs, output, outputBytes, outputSha256 } = record;
    const run = { purpose, at, ending, exitCode, durationMs, output, outputBytes, outputSha256, runAs, approver };
    this.#lastRuns.set(job, run);
  }

  async #write(bytes: Buffer): Promise<void> {
    const [file = ""] = this.#files();
    const size = await stat(file).then((found) => found.size, noneIsZero);
    if (size > 0 && size + bytes.length > FILE_BYTES) await this.#rotate();
    const handle = await open(file, APPEND, 0o600);
    try {
      const { size: before } = await handle.stat();
      // A crash may have cut the last line short. What comes now must not be lost with it.
      const last = before === 0 ? NEWLINE : (await handle.read(Buffer.alloc(1), 0, 1, before - 1)).buffer[0];
      await handle.appendFile(last === NEWLINE ? bytes : Buffer.concat([Buffer.of(NEWLINE), bytes]));
      await handle.datasync();
      if (before === 0) await this.#syncDirectory();
    } finally {
      await handle.close();
    }
  }

  async #rotate(): Promise<void> {
    const files = this.#files();
    await rm(files.at(-1) ?? "", { force: true });
    for (let at = files.length - 1; at > 0; at -= 1) {
      await rename(files[at - 1] ?? "", files[at] ?? "").catch(noneIsEmpty);
    }
    await this.#syncDirectory();
  }

  async #syncDirectory(): Promise<void> {
    const handle = await open(this.#directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** Newest first. */
  #files(): readonly string[] {
    const older = Array.from({ length: CLOSED_FILES }, (_, at) => `audit.${at + 1}.jsonl`);
    return ["audit.jsonl", ...older].map((name) => join(this.#directory, name));
  }

  async #told<T>(what: "read" | "written", run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined) throw error;
      const isFull = errno === "ENOSPC" || errno === "EDQUOT";
      throw new PortError(
        {
          code: isFull ? "NoSpace" : errno === "EROFS" ? "ReadOnly" : "Failed",
          message: `the record of what is run, in ${this.#directory}, cannot be ${what} (${errno}), so nothing is run`,
          blame: "device",
          next: isFull
            ? "Free some space on the device; the agent tries again by itself."
            : "See to it that the agent can read and write audit*.jsonl in its state directory, and that they are regular files.",
        },
        { cause: error },
      );
    }
  }
}

/** What it says without the words of the command and its output, which stay on the device. */
function asEvent(record: AuditRecord, recordSha256: string): Event {
  const job = {
    job: asName(record.job),
    runAs: asName(record.runAs),
    approver: asName(record.approver),
    recordSha256,
  };
  if (record.event === "checks") return { type: "JobChecked", ...job };
  const run = { ...job, run: asName(record.run), purpose: record.purpose };
  switch (record.event) {
    case "begins":
      return { type: "JobBegins", ...run };
    case "ended":
      return { type: "JobEnded", ...run, ending: record.ending, exitCode: record.exitCode };
    case "not-started":
      return { type: "JobEnded", ...run, ending: "not-started", exitCode: null };
    case "interrupted":
      return { type: "JobInterrupted", ...run };
  }
}

const notStarted = (begun: Extract<Event, { type: "JobBegins" }>): Event => ({
  ...begun,
  type: "JobEnded",
  ending: "not-started",
  exitCode: null,
});

const NEWLINE = 0x0a;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW;
const APPEND = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;

function noneIsEmpty(error: unknown): string {
  if (errnoOf(error) === "ENOENT") return "";
  throw error;
}

const noneIsZero = (error: unknown): number => noneIsEmpty(error).length;

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
