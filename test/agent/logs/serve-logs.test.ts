import { describe, expect, test } from "vitest";
import { LINES_A_SECOND } from "../../../src/agent/logs/reading.ts";
import type { LogEntry } from "../../../src/agent/logs/log-source.ts";
import { MOST_READERS } from "../../../src/agent/logs/serve-logs.ts";
import { PortError } from "../../../src/capabilities/port-error.ts";
import {
  ContainerScore,
  FileScore,
  secret,
  ShellJobScore,
  SystemdServiceScore,
  SystemdTimerScore,
  SystemdUnitScore,
} from "../../../src/index.ts";
import { logsSubject } from "../../../src/wire/keys.ts";
import { LogReply, READER_MS } from "../../../src/wire/logs.ts";
import { Opener } from "../../../src/wire/secrets/opener.ts";
import { makeKeyPair } from "../../../src/wire/secrets/hpke.ts";
import { keyIdOf, sealFor, sealingKeyOf } from "../../../src/wire/secrets/sealed.ts";
import { encodeScore } from "../../../src/wire/encode.ts";
import { canary, foundIn } from "../../support/canary.ts";
import { scoreStatus } from "../../fleet/scripted-agent.ts";
import { AGENT, payloadOf } from "../support/manifests.ts";
import { desk, given } from "./desk.ts";

const web = new SystemdServiceScore({ name: "web", exec: ["/usr/bin/web"] });
const job = new ShellJobScore({
  name: "job",
  check: ["/bin/true"],
  run: ["/bin/true"],
  runAs: "root",
  environment: { TOKEN: "hunter2-hunter2" },
  redact: ["TOKEN"],
  approver: "Ada",
  expires: new Date("2030-01-01"),
});
const numbered = (count: number, text = "line"): readonly string[] =>
  Array.from({ length: count }, (_, nth) => `${text} ${nth}`);
const entry = (nth: number, at: Date, text = `line ${nth}`): LogEntry => ({
  _tag: "Entry",
  cursor: String(nth),
  at: at.toISOString(),
  text,
});

describe("which log", () => {
  test("without a Score, the agent's own: of its memory, or of the journal where it is a service", async () => {
    const inMemory = await desk();
    inMemory.log("one", "two");
    const reader = inMemory.reads();
    await reader.ended();
    expect(reader.news).toMatchObject([{ _tag: "Lines", source: "memory", units: [], isEnd: true }]);
    expect(reader.texts()).toEqual(["one", "two"]);

    const service = await desk({ ownUnit: "harmony-agent.service" });
    service.logUnit("of a start before");
    const other = service.reads();
    await other.ended();
    expect(other.news).toMatchObject([{ source: "journal", units: ["harmony-agent.service"] }]);
    expect(other.texts()).toEqual(["of a start before"]);
  });

  test.each([
    ["SystemdService", web, ["web.service"]],
    [
      "SystemdTimer",
      new SystemdTimerScore({ name: "poll", onCalendar: ["daily"], unit: "job.service" }),
      ["poll.timer", "job.service"],
    ],
    ["SystemdUnit", new SystemdUnitScore({ unit: "ssh.service" }), ["ssh.service"]],
    ["Container", new ContainerScore({ name: "app", image: "registry.example/app:1" }), ["app.service"]],
  ])("of a %s, that of its units", async (_, score, units) => {
    const { own, reads, logUnit, watched } = await desk();
    own("it", score);
    logUnit("hello");
    const reader = reads({ scoreId: "it", tail: 5 });
    await reader.ended();
    expect(reader.news).toMatchObject([{ _tag: "Lines", source: "journal", units }]);
    expect(reader.texts()).toEqual(["hello"]);
    expect(watched?.queries).toMatchObject([{ units, tail: 5, since: null, after: null, follow: false }]);
  });

  test.each([
    ["is not there", "wbe", { reason: "NoSuchScore", scores: ["later", "motd", "job", "web"] }],
    ["is a file", "motd", { reason: "RunsNothing", message: expect.stringContaining('"motd" is a File') }],
    ["is a job", "job", { reason: "RunsNothing", next: expect.stringContaining("harmony agent audit") }],
    [
      "was not put on the device yet",
      "later",
      { reason: "NotThere", message: expect.stringContaining("it is Failed") },
    ],
  ])("one that %s is told to be so", async (_, scoreId, refusal) => {
    const { own, reads, ledger } = await desk();
    own("motd", new FileScore({ path: "/etc/motd", content: "" }));
    own("job", job);
    own("web", web);
    ledger.remember("later", scoreStatus("Failed", { kind: "Container" }));
    const reader = reads({ scoreId });
    await reader.ended();
    expect(reader.news).toMatchObject([{ _tag: "Refused", ...refusal }]);
  });

  test("where there is no journal, or it cannot be read, that is told", async () => {
    const none = await desk({ journal: null });
    none.own("web", web);
    const reader = none.reads({ scoreId: "web" });
    await reader.ended();
    expect(reader.news).toMatchObject([{ _tag: "Refused", reason: "NoJournal" }]);

    const problem = { code: "Failed", message: "it is damaged", blame: "device", next: "Look." } as const;
    const broken = await desk({
      journal: {
        async *read() {
          yield [entry(1, new Date(0))];
          await Promise.reject(new PortError(problem));
        },
      },
    });
    broken.own("web", web);
    const other = broken.reads({ scoreId: "web" });
    await other.ended();
    expect(other.texts()).toEqual(["line 1"]);
    expect(other.others()).toMatchObject([
      { _tag: "Refused", reason: "Failed", message: "it is damaged", next: "Look." },
    ]);
    expect(broken.clock.timers).toBe(0);
  });
});

describe("a reading", () => {
  test("comes in parts that the server takes, all of it and in order", async () => {
    const { log, reads, server, clock } = await desk({ maxPayload: 64 * 1024 });
    const texts = numbered(900, "é".repeat(150));
    log(...texts);
    const reader = reads({ tail: 10_000 });
    await reader.ended();
    expect(reader.news.length).toBeGreaterThan(3);
    expect(reader.texts()).toEqual(texts);
    expect(server.maxPayload).toBe(64 * 1024);
    expect(clock.timers).toBe(0);
  });

  test("goes on with each line as it comes, each once", async () => {
    const { log, reads } = await desk();
    log("before", "just before");
    const reader = reads({ tail: 1, follow: true });
    await reader.until(() => reader.texts().length === 1);
    log("first", "second");
    await reader.until(() => reader.texts().length === 3);
    log("third");
    await reader.until(() => reader.texts().length === 4);
    expect(reader.texts()).toEqual(["just before", "first", "second", "third"]);
    expect(reader.others()).toEqual([]);
  });

  test("goes on where it was after an outage of either side, which is told once", async () => {
    const { log, reads, device, operator, clock } = await desk();
    log("one");
    const reader = reads({ follow: true });
    await reader.until(() => reader.texts().length === 1);
    for (const store of [operator, device]) {
      const before = reader.others().length;
      store.disconnect();
      log(`during the outage ${before}`);
      await clock.advance(60_000);
      expect(reader.others()).toHaveLength(before + 1);
      store.reconnect();
      const [last] = [`during the outage ${before}`];
      await reader.until(() => reader.texts().at(-1) === last);
    }
    expect(reader.texts()).toEqual(["one", "during the outage 0", "during the outage 1"]);
  });

  test("goes on at another start of the agent, and tells what is not known any more", async () => {
    const first = await desk();
    first.log("one");
    const reader = first.reads({ follow: true });
    await reader.until(() => reader.texts().length === 1);
    first.again();
    first.log("two");
    await reader.until(() => reader.texts().length === 2);
    expect(reader.texts()).toEqual(["one", "two"]);
  });

  test("ends on the device when the reader goes, or is not heard of any more", async () => {
    const { own, reads, logUnit, watched, clock, operator } = await desk();
    own("web", web);
    logUnit("one");
    const polite = reads({ scoreId: "web", follow: true });
    await polite.until(() => polite.texts().length === 1);
    expect(watched?.readers).toBe(1);
    polite.goes();
    await polite.ended();
    expect(watched?.readers).toBe(0);

    const gone = reads({ scoreId: "web", follow: true });
    await gone.until(() => gone.texts().length === 1);
    operator.disconnect();
    await clock.advance(READER_MS - 1000);
    expect(watched?.readers).toBe(1);
    await clock.advance(READER_MS);
    expect(watched?.readers).toBe(0);
  });

  test("of as many readers as there may be, each gets all; the next one is refused until one goes", async () => {
    const { own, reads, logUnit, watched } = await desk();
    own("web", web);
    logUnit("one");
    const readers = Array.from({ length: MOST_READERS }, () => reads({ scoreId: "web", follow: true }));
    for (const reader of readers) await reader.until(() => reader.texts().length === 1);
    const late = reads({ scoreId: "web", follow: true });
    await late.ended();
    expect(late.news).toMatchObject([{ _tag: "Refused", reason: "Busy" }]);
    readers[0]?.goes();
    await readers[0]?.ended();
    const next = reads({ scoreId: "web", follow: true });
    await next.until(() => next.texts().length === 1);
    expect(watched?.readers).toBe(MOST_READERS);
  });

  test("ends when the agent stops", async () => {
    const { own, reads, logUnit, watched, stop, clock } = await desk();
    own("web", web);
    logUnit("one");
    const reader = reads({ scoreId: "web", follow: true });
    await reader.until(() => reader.texts().length === 1);
    stop();
    await clock.advance(10);
    expect(watched?.readers).toBe(0);
  });
});

describe("the bounds", () => {
  test("of what was logged before, so many lines are told, and the rest is counted", async () => {
    const old = Array.from({ length: 10_312 }, (_, nth) => entry(nth, new Date(0)));
    const { own, reads } = await desk({ journal: given(old) });
    own("web", web);
    const reader = reads({ scoreId: "web", since: new Date(0) });
    await reader.ended();
    expect(reader.texts()).toHaveLength(10_001);
    expect(reader.texts().at(-1)).toBe("left out 312 TooMany");
  });

  test("what comes faster than it is told is counted in its place, once the reader is too far behind", async () => {
    const { own, reads, clock, watched } = await desk({
      journal: {
        async *read(_, signal) {
          // A flood: two thousand lines a second, for a minute.
          for (let second = 0; second < 60 && !signal.aborted; second += 1) {
            while (clock.monotonicMs() < second * 1000) await new Promise((resume) => setImmediate(resume));
            yield Array.from({ length: 2000 }, (__, nth) =>
              entry(second * 2000 + nth, new Date(Date.parse("2026-01-01T00:00:00.000Z") + second * 1000)),
            );
          }
          await new Promise((end) => signal.addEventListener("abort", end));
        },
      },
    });
    own("web", web);
    const reader = reads({ scoreId: "web", tail: 0, follow: true });
    const began = clock.monotonicMs();
    const told = (): number =>
      reader.items().reduce((sum, item) => sum + ("text" in item ? 1 : (item.leftOut ?? 0)), 0);
    await reader.until(() => told() === 120_000, 250);
    const lines = reader.items().filter((item) => "text" in item).length;
    const seconds = (clock.monotonicMs() - began) / 1000;
    // A page at once, and then at that pace.
    expect(lines).toBeLessThanOrEqual(1000 + seconds * LINES_A_SECOND);
    expect(lines).toBeGreaterThan(seconds * LINES_A_SECOND * 0.5);
    const gaps = reader.items().filter((item) => "leftOut" in item);
    expect(gaps).toContainEqual({ leftOut: expect.any(Number), why: "TooFast" });
    // In few pieces: it catches up, and does not stay behind.
    expect(gaps.length).toBeLessThan(8);
    expect(watched?.readers).toBe(1);
  });

  test("what is no question is refused, whatever it is", async () => {
    const { operator } = await desk();
    const question = { reader: "reader-1", score: null, tail: 1, since: null, after: null, follow: false };
    for (const asked of [
      "",
      "no json",
      "[]",
      "null",
      "{".repeat(10_000),
      JSON.stringify({ ...question, reader: "x" }),
      JSON.stringify({ ...question, tail: -1 }),
      JSON.stringify({ ...question, tail: 1e9 }),
      JSON.stringify({ ...question, since: "yesterday" }),
      JSON.stringify({ ...question, after: "x".repeat(5000) }),
      JSON.stringify({ ...question, after: "s=1\0--file=/etc/shadow" }),
    ]) {
      const reply = await operator.request(logsSubject(AGENT), Buffer.from(asked));
      const read = reply._tag === "Reply" ? LogReply.parse(JSON.parse(Buffer.from(reply.value).toString())) : reply;
      expect(read).toMatchObject({ _tag: "Refused", reason: "Malformed" });
    }
  });
});

describe("secrets", () => {
  const SECRET = canary("in-a-log");
  const own = makeKeyPair();
  const key = sealingKeyOf(own);
  const opener = new Opener({ agentId: AGENT, keys: () => new Map([[keyIdOf(key), own]]) });
  const sealed = sealFor(Buffer.from(SECRET), [key], { agentId: AGENT, name: "token" });
  const service = new SystemdServiceScore({
    name: "web",
    exec: ["/usr/bin/web"],
    credentials: { token: secret("token") },
  });
  const wire = { ...encodeScore(service), secrets: { token: sealed } };

  test("that the device can open, and what Scores hide, are in no log of any Score, nor in the agent's own", async () => {
    const { ledger, reads, logUnit, log, own: owns } = await desk({ gate: { opener } });
    ledger.own("web", "unit:web.service", wire, []);
    owns("job", job);
    owns("other", new SystemdUnitScore({ unit: "ssh.service" }));
    const texts = [`token=${SECRET}`, `${JSON.stringify({ SECRET })} hunter2-hunter2`, "harmless"];
    logUnit(...texts);
    log(...texts);
    for (const scoreId of ["web", "other", undefined]) {
      const reader = reads({ scoreId });
      await reader.ended();
      expect(reader.texts()).toHaveLength(3);
      expect(reader.texts().at(-1)).toBe("harmless");
      const all = JSON.stringify(reader.news);
      expect(foundIn(all, SECRET)).toEqual([]);
      expect(all).not.toContain("hunter2");
    }
  });

  test("that come while somebody reads are taken out from then on", async () => {
    const { ledger, reads, log } = await desk({ gate: { opener } });
    log("one");
    const reader = reads({ follow: true });
    await reader.until(() => reader.texts().length === 1);
    const payload = payloadOf({ generation: 1, scores: { web: { wire } } });
    ledger.accept({ generation: 1, revision: 1, payload });
    log(`printed: ${SECRET}`);
    await reader.until(() => reader.texts().length === 2);
    expect(reader.texts()).toEqual(["one", "printed: [redacted]"]);
  });
});
