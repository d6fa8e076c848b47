import assert from "node:assert/strict";
import type { LogEntry, LogGap, LogQuery, LogSource } from "../../../src/agent/logs/log-source.ts";

/** What every source of logs keeps to. Without vitest, so that it can also be run on a machine that is booted for it. */

export interface LogPlace {
  readonly source: LogSource;
  readonly units: readonly string[];
  /** Logs these lines, and resolves once they can be read. */
  readonly log: (...texts: readonly string[]) => Promise<void>;
}

export interface Rule {
  readonly name: string;
  readonly run: (place: LogPlace) => Promise<void>;
}

const ALL: Omit<LogQuery, "units"> = { after: null, tail: null, since: null, follow: false };
const IN_TIME_MS = 10_000;

const isEntry = (each: LogEntry | LogGap): each is LogEntry => each._tag === "Entry";

async function read(place: LogPlace, query: Partial<LogQuery> = {}): Promise<readonly LogEntry[]> {
  const found: LogEntry[] = [];
  const signal = AbortSignal.timeout(IN_TIME_MS);
  for await (const entries of place.source.read({ ...ALL, units: place.units, ...query }, signal)) {
    found.push(...entries.filter(isEntry));
  }
  assert(!signal.aborted, "it did not end");
  return found;
}
const textsOf = (entries: readonly LogEntry[]): readonly string[] => entries.map(({ text }) => text);

/** A reader that follows, and what it has got. */
function following(place: LogPlace, query: Partial<LogQuery> = {}) {
  const over = new AbortController();
  const got: LogEntry[] = [];
  const ended = (async (): Promise<void> => {
    for await (const entries of place.source.read(
      { ...ALL, units: place.units, follow: true, ...query },
      over.signal,
    )) {
      got.push(...entries.filter(isEntry));
    }
  })();
  const has = async (count: number): Promise<readonly string[]> => {
    for (let waited = 0; got.length < count; waited += 10) {
      assert(waited < IN_TIME_MS, `it got ${textsOf(got).join(", ")} and not ${count}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return textsOf(got);
  };
  const stop = async (): Promise<void> => {
    over.abort();
    await Promise.race([
      ended,
      new Promise((_, late) => setTimeout(() => late(new Error("it did not end")), IN_TIME_MS).unref()),
    ]);
  };
  return { has, stop };
}

export const logSourceContract: readonly Rule[] = [
  {
    name: "all lines come in order, each once, with a time, and then it ends",
    async run(place) {
      await place.log("one", "two", "three");
      const entries = await read(place);
      assert.deepEqual(textsOf(entries), ["one", "two", "three"]);
      const times = entries.map(({ at }) => at);
      assert.deepEqual(times, times.toSorted());
      assert(times.every((at) => new Date(at).toISOString() === at));
      assert.equal(new Set(entries.map(({ cursor }) => cursor)).size, 3);
    },
  },
  {
    name: "the newest so many are those, none of them where that is none, and no more than there are",
    async run(place) {
      await place.log("one", "two", "three");
      assert.deepEqual(textsOf(await read(place, { tail: 2 })), ["two", "three"]);
      assert.deepEqual(textsOf(await read(place, { tail: 0 })), []);
      assert.deepEqual(textsOf(await read(place, { tail: 50 })), ["one", "two", "three"]);
    },
  },
  {
    name: "behind a place comes what was logged after it, however much that is",
    async run(place) {
      await place.log("one", "two");
      const [first, second] = await read(place);
      assert(first !== undefined && second !== undefined);
      assert.deepEqual(textsOf(await read(place, { after: first.cursor })), ["two"]);
      assert.deepEqual(textsOf(await read(place, { after: second.cursor })), []);
      const more = Array.from({ length: 15 }, (_, nth) => `more ${nth}`);
      await place.log(...more);
      assert.deepEqual(textsOf(await read(place, { after: second.cursor })), more);
    },
  },
  {
    name: "none is older than it was asked for, with a number of lines too",
    async run(place) {
      await place.log("old one", "old two");
      await new Promise((resolve) => setTimeout(resolve, 1100));
      const since = new Date();
      await place.log("new one", "new two");
      assert.deepEqual(textsOf(await read(place, { since })), ["new one", "new two"]);
      assert.deepEqual(textsOf(await read(place, { since, tail: 3 })), ["new one", "new two"]);
      assert.deepEqual(textsOf(await read(place, { since, tail: 1 })), ["new two"]);
    },
  },
  {
    name: "who follows gets what was there, and then each line as it comes",
    async run(place) {
      await place.log("one", "two", "three");
      const reader = following(place, { tail: 2 });
      assert.deepEqual(await reader.has(2), ["two", "three"]);
      await place.log("four");
      assert.deepEqual(await reader.has(3), ["two", "three", "four"]);
      await place.log("five", "six");
      assert.deepEqual(await reader.has(5), ["two", "three", "four", "five", "six"]);
      await reader.stop();
    },
  },
  {
    name: "who follows from a place on gets all that is behind it first",
    async run(place) {
      await place.log("one");
      const [first] = await read(place);
      const more = Array.from({ length: 15 }, (_, nth) => `more ${nth}`);
      await place.log(...more);
      const reader = following(place, { after: first?.cursor ?? null });
      assert.deepEqual(await reader.has(15), more);
      await place.log("last");
      assert.deepEqual(await reader.has(16), [...more, "last"]);
      await reader.stop();
    },
  },
  {
    name: "who follows from now on, or where nothing was logged yet, gets the first line that comes",
    async run(place) {
      await place.log("one");
      const reader = following(place, { tail: 0 });
      // Until it listens, a line would be none that comes.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await place.log("two");
      assert.deepEqual(await reader.has(1), ["two"]);
      await reader.stop();
    },
  },
  {
    name: "a text comes as it is",
    async run(place) {
      const texts = [
        `long ${"x".repeat(5000)}`,
        "Grüße, 日本 🙂",
        '{"json": "in \\"it\\""}',
        "tab\tand  spaces",
        "\u001B[31mred\u001B[0m",
      ];
      await place.log(...texts);
      assert.deepEqual(textsOf(await read(place)), texts);
    },
  },
  {
    name: "whoever goes away at once holds nothing",
    async run(place) {
      await place.log("one", "two");
      const query = { ...ALL, units: place.units, follow: true };
      const gone = new AbortController();
      gone.abort();
      for await (const _ of place.source.read(query, gone.signal)) assert.fail("it gave something");
      const over = new AbortController();
      for await (const entries of place.source.read(query, over.signal)) {
        assert(entries.length > 0);
        break;
      }
      over.abort();
    },
  },
];
