import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { type EventFinding, events, type EventsOptions, type ToldEvent } from "../../src/fleet/events.ts";
import { FakeClock, settle } from "../../src/testing/fake-clock.ts";
import { sha256Of } from "../../src/wire/event-chain.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";

const [PI, OTHER] = [AgentId.parse("pi-7"), AgentId.parse("pi-8")];

/** What an agent would write, one after the other. */
class Log {
  readonly #agentId: string;
  readonly #log: string;
  #previous: string | null = null;
  #sequence = 0;

  constructor(agentId: string, log = "0123456789abcdef") {
    this.#agentId = agentId;
    this.#log = log;
  }

  next(event: object = { type: "Fenced", by: 1 }): string {
    this.#sequence += 1;
    const [agentId, log, sequence, previous] = [this.#agentId, this.#log, this.#sequence, this.#previous];
    const at = "2026-11-24T08:00:00.000Z";
    const line = JSON.stringify({
      v: 1,
      agentId,
      log,
      sequence,
      previous,
      at,
      uptimeMs: 1,
      bootId: "b",
      epoch: 1,
      ...event,
    });
    this.#previous = sha256Of(line);
    return line;
  }
}

const tell = (server: MemoryServer, agentId: string, line: string): void =>
  void server.events.tell(agentId, Buffer.from(line), sha256Of(line));

type News = Awaited<ReturnType<typeof read>>[number];
async function read(server: MemoryServer, options: Omit<EventsOptions, "signal"> = {}) {
  const { signal } = new AbortController();
  const all: (ToldEvent | EventFinding | { readonly _tag: "Unreachable"; readonly reason: string })[] = [];
  const parts = { stream: new MemoryStore(server), clock: new FakeClock() };
  for await (const each of events(parts, { ...options, signal })) all.push(each);
  return all;
}
const short = (each: News): string => {
  if (each._tag === "Event") return `${each.head.agentId} ${each.head.sequence}`;
  return each._tag === "Finding" ? `${each.reason} ${each.agentId}: ${each.message}` : each.reason;
};

test("events come in the order of the server, each once, of all agents or of one", async () => {
  const server = new MemoryServer();
  const [pi, other] = [new Log(PI), new Log(OTHER)];
  const first = pi.next();
  for (const [id, line] of [
    [PI, first],
    [OTHER, other.next()],
    [PI, pi.next()],
    [OTHER, other.next()],
  ] as const) {
    tell(server, id, line);
  }
  // As after an outage longer than the server remembers.
  server.events.tell(PI, Buffer.from(first), "another id");
  expect((await read(server)).map(short)).toEqual(["pi-7 1", "pi-8 1", "pi-7 2", "pi-8 2"]);
  expect((await read(server, { agentId: OTHER })).map(short)).toEqual(["pi-8 1", "pi-8 2"]);
});

test("the newest so many, those since a time, and those of a type", async () => {
  const server = new MemoryServer();
  const pi = new Log(PI);
  for (let at = 1; at <= 300; at += 1) {
    server.events.now = () => new Date(at * 1000);
    tell(server, PI, pi.next(at % 100 === 0 ? { type: "RecordDamaged", lines: at } : undefined));
  }
  expect((await read(server, { limit: 2 })).map(short)).toEqual(["pi-7 299", "pi-7 300"]);
  const isWanted = (type: string): boolean => type === "RecordDamaged";
  expect((await read(server, { limit: 2, isWanted })).map(short)).toEqual(["pi-7 200", "pi-7 300"]);
  expect((await read(server, { isWanted })).map(short)).toEqual(["pi-7 100", "pi-7 200", "pi-7 300"]);
  expect((await read(server, { since: new Date(299_000) })).map(short)).toEqual(["pi-7 299", "pi-7 300"]);
  expect(await read(server, { since: new Date(999_000) })).toEqual([]);
});

test("a gap, a record that was changed, one that is none, one of somebody else and a new log are told", async () => {
  const server = new MemoryServer();
  const [pi, forged, anew] = [new Log(PI), new Log(PI), new Log(PI, "fedcba9876543210")];
  tell(server, PI, pi.next());
  pi.next();
  tell(server, PI, pi.next());
  for (let left = 3; left > 0; left -= 1) forged.next();
  tell(server, PI, forged.next({ type: "Fenced", by: 9 }));
  tell(server, PI, "{}");
  tell(server, OTHER, pi.next());
  tell(server, PI, anew.next());
  expect((await read(server)).map(short)).toEqual([
    "pi-7 1",
    "Gap pi-7: 1 records before record 3 were never told",
    "pi-7 3",
    "pi-7 4",
    "Unreadable pi-7: it is no record: not a record",
    "Foreign pi-8: it says that it is of pi-7",
    "Anew pi-7: the device has begun another log, fedcba9876543210",
    "pi-7 1",
  ]);
  const other = new Log(PI);
  other.next({ type: "Fenced", by: 5 });
  tell(server, PI, other.next());
  expect((await read(server)).map(short)).toContainEqual(expect.stringMatching(/^Gap|^Broken pi-7/));
});

test("a record of a newer version is shown with its head, and counts for the chain", async () => {
  const server = new MemoryServer();
  const pi = new Log(PI);
  tell(server, PI, pi.next({ type: "MoonLanded", crater: "x" }));
  tell(server, PI, pi.next());
  const all = await read(server);
  expect(all.map(short)).toEqual(["pi-7 1", "pi-7 2"]);
  expect(all[0]).toMatchObject({ record: null, head: { type: "MoonLanded" } });
});

test("who follows hears of what comes, also after the line was cut and the stream was made anew", async () => {
  const server = new MemoryServer();
  const [stream, clock] = [new MemoryStore(server), new FakeClock()];
  const end = new AbortController();
  onTestFinished(() => end.abort());
  const pi = new Log(PI);
  tell(server, PI, pi.next());
  const seen: string[] = [];
  const following = (async () => {
    for await (const each of events({ stream, clock }, { follow: true, signal: end.signal })) seen.push(short(each));
  })();
  await settle();
  tell(server, PI, pi.next());
  await settle();
  expect(seen).toEqual(["pi-7 1", "pi-7 2"]);
  stream.disconnect();
  tell(server, PI, pi.next());
  await clock.advance(30_000);
  expect(seen.slice(2)).toEqual(["Disconnected"]);
  stream.reconnect();
  await settle();
  expect(seen.slice(3)).toEqual(["pi-7 3"]);
  server.events.lose();
  tell(server, PI, pi.next());
  await settle();
  expect(seen.slice(4)).toEqual(["Anew *: the stream was made anew; what agents tell again comes once more", "pi-7 4"]);
  end.abort();
  await following;
});

test("whatever lies in the stream, reading ends, and all that is there is seen or told of", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(fc.string(), fc.json()), { maxLength: 20 }), async (lines) => {
      const server = new MemoryServer();
      for (const [at, line] of lines.entries()) server.events.tell(PI, Buffer.from(line), String(at));
      expect(await read(server)).toHaveLength(lines.length);
    }),
  );
});
