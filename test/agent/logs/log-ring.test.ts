import { describe, expect, test } from "vitest";
import { LogRing, RING_CHARACTERS, RING_LINES } from "../../../src/agent/logs/log-ring.ts";
import type { LogEntry, LogGap, LogQuery } from "../../../src/agent/logs/log-source.ts";
import { logSourceContract } from "./log-source.contract.ts";

const ALL: LogQuery = { units: [], after: null, tail: null, since: null, follow: false };

describe("the agent's own log keeps to the contract of a source", () => {
  test.each(logSourceContract)("$name", async ({ run }) => {
    const ring = new LogRing("start");
    const log = (...texts: readonly string[]): Promise<void> => {
      for (const text of texts) ring.add(new Date().toISOString(), text);
      return Promise.resolve();
    };
    await expect(run({ source: ring, units: [], log })).resolves.toBeUndefined();
  });
});

async function read(ring: LogRing, query: Partial<LogQuery> = {}): Promise<readonly (LogEntry | LogGap)[]> {
  const found: (LogEntry | LogGap)[] = [];
  for await (const entries of ring.read({ ...ALL, ...query }, new AbortController().signal)) found.push(...entries);
  return found;
}
const at = (nth: number): string => new Date(nth).toISOString();

test("it keeps the newest lines, up to a number of them and of characters", async () => {
  const ring = new LogRing("start");
  for (let nth = 0; nth < RING_LINES + 100; nth += 1) ring.add(at(nth), `line ${nth}`);
  expect(ring.size.lines).toBe(RING_LINES);
  expect((await read(ring))[0]).toMatchObject({ text: "line 100" });
  for (let nth = 0; nth < 100; nth += 1) ring.add(at(nth), "x".repeat(20_000));
  expect(ring.size.characters).toBeLessThanOrEqual(RING_CHARACTERS);
  expect(ring.size.lines).toBe(RING_CHARACTERS / 8192);
});

test("what it has forgotten behind a place is counted; behind one of another start, it is not known", async () => {
  const ring = new LogRing("start");
  ring.add(at(0), "first");
  const [first] = await read(ring);
  const after = first?._tag === "Entry" ? first.cursor : null;
  for (let nth = 1; nth <= RING_LINES + 5; nth += 1) ring.add(at(nth), `line ${nth}`);
  const behind = await read(ring, { after });
  expect(behind[0]).toEqual({ _tag: "Gap", lines: 5, why: "Forgotten" });
  expect(behind[1]).toMatchObject({ text: "line 6" });

  const another = new LogRing("another");
  another.add(at(0), "begun");
  expect(await read(another, { after })).toEqual([
    { _tag: "Gap", lines: null, why: "Forgotten" },
    expect.objectContaining({ text: "begun" }),
  ]);
});

test("what is forgotten while somebody reads is counted", async () => {
  const ring = new LogRing("start");
  for (let nth = 0; nth < RING_LINES; nth += 1) ring.add(at(nth), `line ${nth}`);
  const reading = ring.read({ ...ALL, follow: true }, AbortSignal.timeout(5000));
  const { value: first } = await reading.next();
  expect(first?.[0]).toMatchObject({ text: "line 0" });
  for (let nth = 0; nth < RING_LINES; nth += 1) ring.add(at(nth), `later ${nth}`);
  const { value: second } = await reading.next();
  expect(second?.[0]).toEqual({ _tag: "Gap", lines: RING_LINES - (first?.length ?? 0), why: "Forgotten" });
  expect(second?.[1]).toMatchObject({ text: "later 0" });
});
