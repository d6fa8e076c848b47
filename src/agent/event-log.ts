import type { Clock } from "../scores/context.ts";
import { type Entry, readEntry, RECORD_LIMIT_BYTES, sha256Of } from "../wire/event-chain.ts";
import { type Event, EventRecord } from "../wire/events.ts";
import type { AgentId } from "../wire/keys.ts";
import type { Disk } from "./disk.ts";

/** The files of the record, written one after the other and over again. A file is left when it would grow beyond its share. */
const FILES = 8;
const FILE_BYTES = 512 * 1024;
export const EVENT_FILES: readonly string[] = Array.from({ length: FILES }, (_, at) => `events.${at}.jsonl`);
/** The newest records are kept in memory, so that telling of one does not cost the reading of a file. */
const RECENT = 64;

/** What is in one of the files. */
export interface EventFile {
  readonly name: string;
  /** Those that can be read, in order. */
  readonly entries: readonly Entry[];
  /** Whole lines that make no sense, by their number from 1. */
  readonly unreadable: readonly number[];
  /** How many of them come after all that can be read. */
  readonly damaged: number;
  /** What stands after the last end of a line: a write that a crash cut short, or that is under way. */
  readonly stump: string;
  /** Without the stump. */
  readonly bytes: number;
}

export async function readEventFile(disk: Pick<Disk, "read">, name: string): Promise<EventFile | null> {
  const bytes = await disk.read(name);
  if (bytes === null) return null;
  const whole = bytes.lastIndexOf(NEWLINE) + 1;
  const lines = Buffer.from(bytes.subarray(0, whole)).toString("utf8").split("\n").slice(0, -1);
  const read = lines.map((line) => readEntry(line));
  return {
    name,
    entries: read.flatMap((each) => (each._tag === "Entry" ? [each] : [])),
    unreadable: read.flatMap((each, at) => (each._tag === "Entry" ? [] : [at + 1])),
    damaged: read.length - 1 - read.findLastIndex(({ _tag }) => _tag === "Entry"),
    stump: Buffer.from(bytes.subarray(whole)).toString("utf8"),
    bytes: whole,
  };
}

const NEWLINE = 0x0a;

/** Where a log has come to. */
export interface Tail {
  readonly log: string;
  readonly sequence: number;
  readonly sha256: string | null;
}

/** Of the start of the agent, for each record. */
export interface About {
  readonly agentId: AgentId;
  readonly bootId: string;
  epoch: number;
}

export interface EventLogParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly about: About;
  /** Sixteen characters of hexadecimal that no other log has. */
  readonly newLog: () => string;
  /** What was told of it last: where the files were lost, it goes on from there. */
  readonly told?: Tail | null;
  /** Of each of the eight files, at most. Default 512 KiB. */
  readonly fileBytes?: number;
}

/**
 * The agent's record of events: appended to, each record with the hash of the one before it. Eight files, 4 MiB at the most;
 * the oldest is written over, and the first record that stays still names the last that went. A record counts when it is on
 * disk, so what a crash has cut short never was one.
 */
export class EventLog {
  readonly #parts: EventLogParts;
  #tail: Tail;
  #file: number;
  #bytes: number;
  /** The file ends in what a failed write has left. */
  #isTorn: boolean;
  /** Lines that nobody can read at the end of what was found. */
  readonly damaged: number;
  /** What was found, oldest first, until somebody has looked at it. */
  #recent: Entry[] = [];
  #writing: Promise<unknown> = Promise.resolve();
  readonly #startedAt: number;
  readonly #fileBytes: number;
  /** Called when there is a new one. */
  onRecord: () => void = () => {};

  private constructor(parts: EventLogParts, found: Found) {
    this.#parts = parts;
    this.#tail = found.tail;
    this.#file = found.file;
    this.#bytes = found.bytes;
    this.#isTorn = found.isTorn;
    this.damaged = found.damaged;
    this.#startedAt = parts.clock.monotonicMs();
    this.#fileBytes = parts.fileBytes ?? FILE_BYTES;
  }

  /** `onEntry` is called with each record that is found, oldest first. Rejects with a PortError. */
  static async open(parts: EventLogParts, onEntry: (entry: Entry) => void = () => {}): Promise<EventLog> {
    return new EventLog(parts, await find(parts, onEntry));
  }

  get tail(): Tail {
    return this.#tail;
  }

  /** Resolves when it is on disk; what was appended before is then too. Rejects with a PortError, and then it is not. */
  append(event: Event): Promise<Entry> {
    const written = this.#writing.then(() => this.#append(event));
    this.#writing = written.catch(() => {});
    return written;
  }

  /** Those after `sequence`, oldest first: at least one where there is one, and not necessarily all. */
  async after(sequence: number): Promise<readonly Entry[]> {
    if (sequence >= this.#tail.sequence) return [];
    const [oldest] = this.#recent;
    if (oldest !== undefined && oldest.head.sequence <= sequence + 1) {
      return this.#recent.filter(({ head }) => head.sequence > sequence);
    }
    // Oldest first: the one that is written comes last.
    for (let step = 1; step <= FILES; step += 1) {
      const name = EVENT_FILES[(this.#file + step) % FILES];
      const found = name === undefined ? null : await readEventFile(this.#parts.disk, name);
      const later = (found?.entries ?? []).filter(
        ({ head }) => head.log === this.#tail.log && head.sequence > sequence && head.sequence <= this.#tail.sequence,
      );
      if (later.length > 0) return later;
    }
    return [];
  }

  async #append(event: Event): Promise<Entry> {
    const { disk, clock, about } = this.#parts;
    const { log, sequence, sha256 } = this.#tail;
    const record = EventRecord.parse({
      v: 1,
      agentId: about.agentId,
      log,
      sequence: sequence + 1,
      previous: sha256,
      at: clock.now().toISOString(),
      uptimeMs: Math.max(0, Math.round(clock.monotonicMs() - this.#startedAt)),
      bootId: about.bootId,
      epoch: about.epoch,
      ...event,
    });
    const line = JSON.stringify(record);
    const bytes = Buffer.from(`${line}\n`);
    if (bytes.length > RECORD_LIMIT_BYTES) throw new RangeError(`a record of ${bytes.length} bytes: ${event.type}`);
    await this.#write(disk, bytes);
    const entry: Entry = { head: record, record, line, sha256: sha256Of(line) };
    this.#tail = { log, sequence: record.sequence, sha256: entry.sha256 };
    this.#recent.push(entry);
    if (this.#recent.length > RECENT) this.#recent.shift();
    this.onRecord();
    return entry;
  }

  async #write(disk: Disk, bytes: Buffer): Promise<void> {
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#fileBytes) {
      // One replacement both ends the oldest file and begins the next.
      const next = (this.#file + 1) % FILES;
      await disk.replace(EVENT_FILES[next] ?? "", bytes);
      [this.#file, this.#bytes, this.#isTorn] = [next, bytes.length, false];
      return;
    }
    const name = EVENT_FILES[this.#file] ?? "";
    try {
      if (this.#isTorn) await disk.replace(name, Buffer.concat([await this.#whole(name), bytes]));
      else await disk.append(name, bytes);
    } catch (error) {
      this.#isTorn = true;
      throw error;
    }
    this.#isTorn = false;
    this.#bytes += bytes.length;
  }

  /** The file without what a failed write has left at its end. */
  async #whole(name: string): Promise<Uint8Array> {
    const found = ((await this.#parts.disk.read(name)) ?? new Uint8Array()).subarray(0, this.#bytes);
    // Shorter where somebody else has cut it; the chain tells of that.
    return found.subarray(0, found.lastIndexOf(NEWLINE) + 1);
  }
}

interface Found {
  readonly tail: Tail;
  readonly file: number;
  readonly bytes: number;
  readonly isTorn: boolean;
  readonly damaged: number;
}

/** Of the older files only what tells how things stood is read, and of that the newest. */
const STANDING = /"type":"(?:Manifest|Policy|Authors|AgentStarted)/;
const LOOKED_AT = 256;

async function find({ disk, newLog, told = null }: EventLogParts, onEntry: (entry: Entry) => void): Promise<Found> {
  // One file at a time is in memory.
  const order: { readonly at: number; readonly sequence: number }[] = [];
  const free: number[] = [];
  for (const [at, name] of EVENT_FILES.entries()) {
    const bytes = await disk.read(name);
    // What has no end of a line never was a record.
    if (bytes === null || !bytes.includes(NEWLINE)) free.push(at);
    const first = bytes === null ? null : firstIn(Buffer.from(bytes).toString("utf8"));
    if (first !== null) order.push({ at, sequence: first.head.sequence });
  }
  order.sort((a, b) => a.sequence - b.sequence);
  const newest = order.pop();
  for (const { at } of order) {
    const text = Buffer.from((await disk.read(EVENT_FILES[at] ?? "")) ?? []).toString("utf8");
    const lines = text.split("\n").filter((line) => STANDING.test(line));
    for (const entry of lines.slice(-LOOKED_AT).map((line) => readEntry(line))) {
      if (entry._tag === "Entry") onEntry(entry);
    }
  }
  const file = newest === undefined ? null : await readEventFile(disk, EVENT_FILES[newest.at] ?? "");
  for (const entry of file?.entries ?? []) onEntry(entry);
  const last = file?.entries.at(-1);
  const found: Tail | null = last ? { log: last.head.log, sequence: last.head.sequence, sha256: last.sha256 } : null;
  const isBehind = told !== null && (found === null || (told.log === found.log && told.sequence > found.sequence));
  const tail = isBehind ? told : (found ?? { log: newLog(), sequence: 0, sha256: null });
  if (newest === undefined || file === null) {
    return { tail, file: free[0] ?? 0, bytes: 0, isTorn: true, damaged: 0 };
  }
  const isTorn = file.stump !== "";
  return { tail, file: newest.at, bytes: file.bytes, isTorn, damaged: file.damaged };
}

/** The first line that is a record. */
function firstIn(text: string): Entry | null {
  for (let at = 0; at < text.length;) {
    const end = text.indexOf("\n", at);
    if (end === -1) return null;
    const entry = readEntry(text.slice(at, end));
    if (entry._tag === "Entry") return entry;
    at = end + 1;
  }
  return null;
}
