import { type Profiler, Session } from "node:inspector";

/** By script: for each character of its text, whether it was reached. */
type Reached = ReadonlyMap<string, Uint8Array>;

/**
 * Which blocks of the sources were reached, as V8 counts them. V8 tells a block apart only where it ran another number of times
 * than what is around it; so blocks are what lies between two places where that was seen once.
 */
export class Coverage {
  readonly #session = new Session();
  readonly #isOurs: (url: string) => boolean;
  readonly #reached = new Map<string, Uint8Array>();
  readonly #borders = new Map<string, Set<number>>();

  constructor(isOurs: (url: string) => boolean) {
    this.#isOurs = isOurs;
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** What was reached since it was asked the last time. */
  take(): Reached {
    let scripts: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post("Profiler.takePreciseCoverage", (error, { result }) => {
      if (error === null) scripts = result;
    });
    const taken = new Map<string, Uint8Array>();
    for (const { url, functions } of scripts) if (this.#isOurs(url)) taken.set(url, this.#painted(url, functions));
    return taken;
  }

  hasNews(taken: Reached): boolean {
    return [...taken].some(([url, reached]) => isBeyond(reached, this.#reached.get(url)));
  }

  /** Adds it to what was reached; whether something of it is new. */
  add(taken: Reached): boolean {
    let isNews = false;
    for (const [url, reached] of taken) {
      const before = this.#reached.get(url);
      if (!isBeyond(reached, before)) continue;
      isNews = true;
      const all = new Uint8Array(Math.max(reached.length, before?.length ?? 0));
      all.set(before ?? []);
      for (let at = 0; at < reached.length; at += 1) if (reached[at] === 1) all[at] = 1;
      this.#reached.set(url, all);
    }
    return isNews;
  }

  /** How many blocks were reached, of those that are known. */
  blocks(): { readonly reached: number; readonly known: number } {
    let [reached, known] = [0, 0];
    for (const [url, borders] of this.#borders) {
      for (const at of borders) {
        known += 1;
        if (this.#reached.get(url)?.[at] === 1) reached += 1;
      }
    }
    return { reached, known };
  }

  /** Within a function the inner ranges come after the outer ones, and so do inner functions. */
  #painted(url: string, functions: readonly Profiler.FunctionCoverage[]): Uint8Array {
    const length = Math.max(0, ...functions.map(({ ranges: [whole] }) => whole?.endOffset ?? 0));
    const reached = new Uint8Array(length);
    const borders = this.#borders.get(url) ?? new Set();
    this.#borders.set(url, borders);
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges) {
        reached.fill(count > 0 ? 1 : 0, startOffset, endOffset);
        borders.add(startOffset);
      }
    }
    return reached;
  }
}

function isBeyond(reached: Uint8Array, before: Uint8Array | undefined): boolean {
  if (before === undefined) return reached.includes(1);
  for (let at = 0; at < reached.length; at += 1) if (reached[at] === 1 && before[at] !== 1) return true;
  return false;
}
