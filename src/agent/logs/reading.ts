import { PortError } from "../../capabilities/port-error.ts";
import type { Clock } from "../../scores/context.ts";
import { type LogItem, MOST_LINES, READER_MS } from "../../wire/logs.ts";
import type { Clean, Within } from "./cleaning.ts";
import type { LogEntry, LogGap, LogQuery, LogSource } from "./log-source.ts";

/** Bytes of one answer, and so of what is kept for one reader. */
export const PAGE_BYTES = 192 * 1024;
/** Lines of it. */
const PAGE_LINES = 1000;
/** What a reader gets of one log in a second, over time. */
export const LINES_A_SECOND = 500;
const BYTES_A_SECOND = 128 * 1024;
/** Who follows, and is so far behind what is logged, is told how much is left out instead, */
const BEHIND_MS = READER_MS;
/** until it is no further behind than that. */
const CAUGHT_UP_MS = 1000;
/** For more of the same to come: one answer for many lines. */
const GATHER_MS = 50;

export interface ReadingParts {
  readonly source: LogSource;
  readonly query: LogQuery;
  /** Asked for each line, since secrets come and go. */
  readonly clean: () => Clean;
  readonly clock: Clock;
  /** Of one answer, where the server takes less than {@link PAGE_BYTES}. */
  readonly pageBytes?: number | undefined;
}

export interface Page {
  readonly items: readonly LogItem[];
  readonly cursor: string | null;
  readonly isEnd: boolean;
}

/**
 * One reader's way through one log. It reads ahead by one page and then waits for the reader, so that a slow one costs no more
 * than that: what it has not read yet stays where it is.
 */
export class Reading {
  readonly #parts: ReadingParts;
  readonly #over = new AbortController();
  readonly #began: string;
  #items: LogItem[] = [];
  #bytes = 0;
  /** Of the last of them. */
  #cursor: string | null;
  #handed: string | null;
  /** Left out behind the last of them. */
  #skipped = 0;
  #skippedWhy: LogGap["why"] = "TooFast";
  /** Of the lines that were there before it began, how many more are told. */
  #old: number;
  #state: "reading" | "ended" | PortError = "reading";
  #wakeReader = (): void => {};
  #wakePump = (): void => {};
  readonly #within: Within = { key: false };
  #isBehind = false;
  #notBefore = 0;
  #cancelLease = (): void => {};

  constructor(parts: ReadingParts) {
    this.#parts = parts;
    const { clock, query } = parts;
    this.#began = clock.now().toISOString();
    this.#cursor = query.after;
    this.#handed = query.after;
    this.#old = MOST_LINES;
    this.#renew();
    void this.#pump();
  }

  /** Whether a reader that has read up to there goes on here. */
  isAt(cursor: string | null): boolean {
    return this.#handed === cursor;
  }

  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  close(): void {
    this.#over.abort();
    this.#cancelLease();
    this.#wakeReader();
    this.#wakePump();
  }

  /**
   * What comes next, as soon as there is something; nothing after `waitMs`. Of two that ask, the first gets nothing. Rejects
   * with the PortError of the source once all before it is told.
   */
  async page(waitMs: number): Promise<Page> {
    const { clock, query } = this.#parts;
    this.#renew();
    this.#wakeReader();
    const asked = this.#asked();
    const pace = this.#notBefore - clock.monotonicMs();
    if (pace > 0) await this.#waits(asked, Math.min(pace, waitMs), () => false);
    await this.#waits(asked, waitMs, () => this.#hasSome || this.#state !== "reading");
    if (this.#hasSome && this.#state === "reading" && !this.#isFull) {
      await this.#waits(asked, GATHER_MS, () => this.#isFull || this.#state !== "reading");
    }
    if (asked.aborted || this.isOver) return { items: [], cursor: this.#handed, isEnd: false };
    this.#flushSkipped();
    if (this.#items.length === 0 && this.#state instanceof PortError) throw this.#state;
    const items = this.#items;
    const seconds = Math.max(items.length / LINES_A_SECOND, this.#bytes / BYTES_A_SECOND);
    this.#notBefore = query.follow ? clock.monotonicMs() + seconds * 1000 : 0;
    this.#items = [];
    this.#bytes = 0;
    this.#handed = this.#cursor;
    this.#wakePump();
    this.#renew();
    return { items, cursor: this.#handed, isEnd: this.#state === "ended" };
  }

  #asking = new AbortController();
  #asked(): AbortSignal {
    this.#asking.abort();
    this.#asking = new AbortController();
    return this.#asking.signal;
  }

  get #hasSome(): boolean {
    return this.#items.length > 0 || this.#skipped > 0;
  }
  get #isFull(): boolean {
    return this.#items.length >= PAGE_LINES || this.#bytes >= (this.#parts.pageBytes ?? PAGE_BYTES);
  }

  /** Resolves when it is so, after that time, when another one asks, or when the reading is over. */
  #waits(asked: AbortSignal, ms: number, isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (isSo() || asked.aborted || this.isOver) end();
      };
      const end = (): void => {
        cancel();
        if (this.#wakeReader === look) this.#wakeReader = () => {};
        resolve();
      };
      const cancel = this.#parts.clock.after(ms, end);
      asked.addEventListener("abort", end, { once: true });
      this.#wakeReader = look;
      look();
    });
  }

  #renew(): void {
    this.#cancelLease();
    if (!this.isOver) this.#cancelLease = this.#parts.clock.after(READER_MS, () => this.close());
  }

  async #pump(): Promise<void> {
    const { source, query } = this.#parts;
    const { signal } = this.#over;
    try {
      for await (const entries of source.read(query, signal)) {
        for (const entry of entries) {
          while (this.#isFull && !signal.aborted && !this.#isTooMany(entry)) {
            await new Promise<void>((resolve) => (this.#wakePump = resolve));
          }
          if (signal.aborted) return;
          this.#take(entry);
        }
        this.#wakeReader();
      }
      this.#state = "ended";
    } catch (error) {
      this.#state = error instanceof PortError ? error : bug(error);
    }
    this.#wakeReader();
  }

  #take(entry: LogEntry | LogGap): void {
    if (entry._tag === "Gap") {
      this.#flushSkipped();
      return this.#push({ leftOut: entry.lines, why: entry.why });
    }
    if (this.#isTooMany(entry)) {
      this.#skipped += 1;
      this.#skippedWhy = this.#isOld(entry) ? "TooMany" : "TooFast";
    } else {
      if (this.#isOld(entry)) this.#old -= 1;
      this.#flushSkipped();
      this.#push(this.#parts.clean()(entry, this.#within));
    }
    this.#cursor = entry.cursor;
  }

  #flushSkipped(): void {
    if (this.#skipped === 0) return;
    this.#push({ leftOut: this.#skipped, why: this.#skippedWhy });
    this.#skipped = 0;
  }

  #push(item: LogItem): void {
    this.#items.push(item);
    // As JSON takes it, at most and all but for what it escapes.
    this.#bytes += "text" in item ? Buffer.byteLength(JSON.stringify(item)) : 64;
  }

  #isOld({ at }: LogEntry): boolean {
    return at < this.#began;
  }

  #isTooMany(entry: LogEntry | LogGap): boolean {
    if (entry._tag === "Gap") return false;
    if (this.#isOld(entry)) return this.#old <= 0;
    const { clock, query } = this.#parts;
    const behindMs = clock.now().getTime() - Date.parse(entry.at);
    this.#isBehind = query.follow && behindMs > (this.#isBehind ? CAUGHT_UP_MS : BEHIND_MS);
    return this.#isBehind;
  }
}

const bug = (error: unknown): PortError =>
  new PortError({
    code: "Failed",
    message: `a bug: the log could not be read: ${error instanceof Error ? error.message : String(error)}`,
    blame: "platform",
    next: "Please report this.",
  });
