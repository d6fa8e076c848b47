import type { LogEntry, LogGap, LogQuery, LogSource } from "./log-source.ts";

/** The newest so many lines are kept, and of them as many as have so many characters together. */
export const RING_LINES = 1000;
export const RING_CHARACTERS = 256 * 1024;
/** Of one line. */
const LINE_CHARACTERS = 8 * 1024;
const AT_ONCE = 200;

interface Kept {
  readonly number: number;
  readonly at: string;
  readonly text: string;
}

/** The newest lines of the agent's own log, in memory: there with no journal too, and gone when the agent ends. */
export class LogRing implements LogSource {
  readonly #start: string;
  readonly #kept: Kept[] = [];
  #characters = 0;
  #next = 1;
  readonly #waiting = new Set<() => void>();

  /** `start`: of this start of the agent, so that a place in the log of another one is told from one in this. */
  constructor(start: string) {
    this.#start = start.slice(0, 36);
  }

  get size(): { readonly lines: number; readonly characters: number } {
    return { lines: this.#kept.length, characters: this.#characters };
  }

  add(at: string, line: string): void {
    const text = line.slice(0, LINE_CHARACTERS);
    this.#kept.push({ number: this.#next, at, text });
    this.#next += 1;
    this.#characters += text.length;
    while (this.#kept.length > RING_LINES || this.#characters > RING_CHARACTERS) {
      this.#characters -= this.#kept.shift()?.text.length ?? 0;
    }
    for (const wake of [...this.#waiting]) wake();
  }

  async *read(query: LogQuery, signal: AbortSignal): AsyncGenerator<readonly (LogEntry | LogGap)[], void, void> {
    let { next, gap } = this.#begins(query);
    while (!signal.aborted) {
      const first = this.#kept[0]?.number ?? this.#next;
      const gone = Math.max(0, first - next);
      if (gone > 0) gap = { _tag: "Gap", lines: gone, why: "Forgotten" };
      const found = this.#kept.filter(({ number }) => number >= next).slice(0, AT_ONCE);
      const entries = found.map(({ number, at, text }): LogEntry => ({
        _tag: "Entry",
        cursor: this.#cursor(number),
        at,
        text,
      }));
      next = (found.at(-1)?.number ?? Math.max(next, first) - 1) + 1;
      if (gap !== null || entries.length > 0) yield [...(gap === null ? [] : [gap]), ...entries];
      gap = null;
      if (next < this.#next) continue;
      if (!query.follow) return;
      await this.#more(next, signal);
    }
  }

  #begins({ after, tail, since }: LogQuery): { readonly next: number; readonly gap: LogGap | null } {
    if (after !== null) {
      const [, start, number] = /^m:(.*):(\d{1,15})$/.exec(after) ?? [];
      if (start === this.#start) return { next: Number(number) + 1, gap: null };
      return { next: this.#kept[0]?.number ?? 1, gap: { _tag: "Gap", lines: null, why: "Forgotten" } };
    }
    const wanted = since === null ? this.#kept : this.#kept.filter(({ at }) => at >= since.toISOString());
    const [first] = tail === null ? wanted : wanted.slice(Math.max(0, wanted.length - tail));
    return { next: first?.number ?? this.#next, gap: null };
  }

  readonly #cursor = (number: number): string => `m:${this.#start}:${number}`;

  #more(next: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      if (signal.aborted || next < this.#next) return wake();
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake);
    });
  }
}
