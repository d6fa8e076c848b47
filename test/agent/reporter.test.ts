import * as fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { Reporter } from "../../src/agent/reporter.ts";
import { FakeClock, settle } from "../../src/testing/fake-clock.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import { AgentStatus, readDocument, type ScoreStatus, writeDocument } from "../../src/wire/status.ts";
import { AGENT } from "./support/manifests.ts";

const score = (details: ScoreStatus["details"] = null, message = "no"): ScoreStatus => ({
  kind: "File", version: 1, digest: "sha256:0", generation: 1, state: "Failed", outcome: "FAILURE", change: "intentional",
  since: "2026-01-01T00:00:00.000Z", details, attempts: 1, retryAfter: null, blockedOn: [],
  error: { reason: "Bug", message, during: "apply", step: { big: message }, blame: "platform", next: message, retryable: true },
});
const statusOf = (generation: number, scores: AgentStatus["scores"] = {}, epoch = 1): AgentStatus => ({
  agentId: AGENT, generation, observedGeneration: generation, observedRevision: 1, epoch, conditions: [], scores,
  agent: { version: "0", bootId: "here", topology: "TestTopology" },
});

function report({ maxPayload }: { readonly maxPayload?: number } = {}) {
  const server = new MemoryServer(maxPayload === undefined ? {} : { maxPayload });
  const store = new MemoryStore(server);
  const other = new MemoryStore(server);
  const clock = new FakeClock();
  const it = { status: statusOf(1), puts: [] as number[], fenced: [] as number[], logged: [] as string[] };
  const { put } = store;
  store.put = (...given) => {
    it.puts.push(clock.monotonicMs());
    return put.apply(store, given);
  };
  const reporter = new Reporter({
    store,
    agentId: AGENT,
    clock,
    log: (message) => void it.logged.push(message),
    status: () => it.status,
    onFenced: (epoch) => void it.fenced.push(epoch),
  });
  onTestFinished(() => reporter.stop());
  const stored = async (): Promise<AgentStatus | null> => {
    const found = await other.get("actual-state", AGENT);
    if (found._tag !== "Value") return null;
    const read = readDocument(AgentStatus, found.value);
    if (read._tag === "Unreadable") throw new Error(read.message);
    return read.document;
  };
  const tell = async (generation: number, urgent = true): Promise<void> => {
    it.status = statusOf(generation);
    reporter.report(urgent);
    await settle();
  };
  const revision = async (): Promise<number> => {
    const found = await other.get("actual-state", AGENT);
    return found._tag === "Value" ? found.revision : 0;
  };
  return Object.assign(it, { server, store, other, clock, reporter, stored, tell, revision });
}

describe("a status is never lost", () => {
  test("it waits until the agent has its epoch, and then goes out", async () => {
    const it = report();
    await it.tell(1);
    await it.clock.advance(10_000);
    expect(await it.stored()).toBeNull();
    it.reporter.begin(0);
    await settle();
    expect(await it.stored()).toEqual(statusOf(1));
  });

  test("when somebody else wrote the key: it is read, and written over what is older", async () => {
    const it = report();
    it.reporter.begin(0);
    await it.tell(1);
    await it.other.put("actual-state", AGENT, writeDocument(statusOf(99, {}, 0)));
    await it.tell(2);
    expect(await it.stored()).toEqual(statusOf(2));
    await it.other.put("actual-state", AGENT, Buffer.from("garbage"));
    await it.tell(3);
    expect(await it.stored()).toEqual(statusOf(3));
    await it.other.delete("actual-state", AGENT);
    await it.tell(4);
    // By now the burst is used up.
    await it.clock.advance(2000);
    expect(await it.stored()).toEqual(statusOf(4));
    expect(it.fenced).toEqual([]);
  });

  test("when the answer is lost: what was stored all the same is recognised and not written twice", async () => {
    const it = report();
    it.reporter.begin(0);
    it.store.fail("after", { only: ["put"] });
    await it.tell(1);
    expect(await it.stored()).toEqual(statusOf(1));
    expect(await it.revision()).toBe(1);
    await it.tell(2);
    expect([await it.stored(), await it.revision()]).toEqual([statusOf(2), 2]);
  });

  test("when the server is away: it is tried each second, and the newest counts", async () => {
    const it = report();
    it.reporter.begin(0);
    it.store.disconnect();
    await it.tell(1);
    await it.tell(2);
    await it.clock.advance(60_000);
    expect(it.puts.length).toBeLessThanOrEqual(5 + 60);
    it.store.reconnect();
    it.reporter.retryNow();
    await settle();
    expect([await it.stored(), await it.revision()]).toEqual([statusOf(2), 1]);
  });

  test("when it is told in any moment of a write before it, also in the very last", async () => {
    for (let turns = 0; turns < 40; turns += 1) {
      const it = report();
      it.reporter.begin(0);
      it.status = statusOf(1);
      it.reporter.report(true);
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      await it.tell(2);
      await it.clock.advance(1000);
      expect((await it.stored())?.generation).toBe(2);
    }
  });

  test("whatever goes wrong on the way, in whatever order", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            happens: fc.constantFrom("urgent", "later", "before", "after", "both", "conflict", "deleted", "cut", "back", "time"),
            ms: fc.nat(1500),
          }),
          { maxLength: 25 },
        ),
        async (events) => {
          const it = report();
          it.reporter.begin(0);
          let generation = 0;
          for (const { happens, ms } of events) {
            if (happens === "urgent" || happens === "later") await it.tell((generation += 1), happens === "urgent");
            if (happens === "before" || happens === "after") it.store.fail(happens, { only: ["put"] });
            if (happens === "both") it.store.fail("before", { times: 3 });
            if (happens === "conflict") await it.other.put("actual-state", AGENT, writeDocument(statusOf(1000, {}, 0)));
            if (happens === "deleted") await it.other.delete("actual-state", AGENT);
            if (happens === "cut") it.store.disconnect();
            if (happens === "back") it.store.reconnect();
            if (happens === "time") await it.clock.advance(ms);
          }
          it.store.heal();
          it.store.reconnect();
          await it.tell((generation += 1));
          await it.clock.advance(10_000);
          expect((await it.stored())?.generation).toBe(generation);
          // Never more than the burst and one a second.
          const seconds = it.clock.monotonicMs() / 1000;
          expect(it.puts.length).toBeLessThanOrEqual(5 + Math.ceil(seconds));
        },
      ),
      { numRuns: 150 },
    ));
});

describe("how often it writes", () => {
  test("at once when nothing more is coming", async () => {
    const it = report();
    it.reporter.begin(0);
    await it.tell(1);
    expect(it.puts).toEqual([0]);
  });

  test("once a second while work goes on", async () => {
    const it = report();
    it.reporter.begin(0);
    for (let step = 1; step <= 100; step += 1) {
      await it.tell(step, false);
      await it.clock.advance(50);
    }
    expect(it.puts).toEqual([1000, 2000, 3000, 4000, 5000]);
    expect((await it.stored())?.generation).toBe(100);
  });

  test("a few times at once and then once a second, however often it is urgent", async () => {
    const it = report();
    it.reporter.begin(0);
    for (let step = 1; step <= 200; step += 1) {
      await it.tell(step);
      await it.clock.advance(50);
    }
    expect(it.puts.filter((at) => at < 1000)).toHaveLength(5);
    expect(it.puts.filter((at) => at >= 1000)).toHaveLength(10);
    await it.clock.advance(1000);
    expect((await it.stored())?.generation).toBe(200);
  });

  test("never, while nothing changes", async () => {
    const it = report();
    it.reporter.begin(0);
    await it.tell(1);
    for (let step = 0; step < 100; step += 1) {
      it.reporter.report(step % 2 === 0);
      await it.clock.advance(1000);
    }
    expect(it.puts).toHaveLength(1);
    expect(it.clock.timers).toBe(0);
  });

  test("again, when the key has lost what it said", async () => {
    const it = report();
    it.reporter.begin(0);
    await it.tell(1);
    it.server.buckets?.get("actual-state")?.entries.clear();
    it.reporter.forgetStored();
    it.reporter.report(true);
    await settle();
    expect(await it.stored()).toEqual(statusOf(1));
  });

  test("not after a stop, nor does a timer stay", async () => {
    const it = report();
    it.reporter.begin(0);
    it.store.disconnect();
    await it.tell(1);
    it.reporter.report(false);
    it.reporter.stop();
    await settle();
    it.store.reconnect();
    const before = it.puts.length;
    await it.clock.advance(60_000);
    expect([it.puts.length, await it.stored(), it.clock.timers]).toEqual([before, null, 0]);
  });
});

test("a status of a higher epoch fences: it is told once, and nothing is written over it", async () => {
  const it = report();
  it.reporter.begin(0);
  await it.tell(1);
  await it.other.put("actual-state", AGENT, writeDocument(statusOf(5, {}, 2)));
  await it.tell(2);
  await it.clock.advance(60_000);
  expect(it.fenced).toEqual([2]);
  expect(await it.stored()).toEqual(statusOf(5, {}, 2));
});

describe("a status that is too large for the server", () => {
  const large = "x".repeat(3000);

  test("is cut in its details and says so; states and errors stay", async () => {
    const it = report({ maxPayload: 2000 });
    it.reporter.begin(0);
    it.status = statusOf(1, { a: score({ large }) });
    it.reporter.report(true);
    await settle();
    expect(await it.stored()).toEqual({ ...statusOf(1, { a: score() }), truncated: true });
    expect(it.logged).toEqual([expect.stringContaining("too large")]);
    // The same again is not written again, though what lies there is shorter.
    it.reporter.report(true);
    await it.clock.advance(5000);
    expect(await it.revision()).toBe(1);
  });

  test("is cut in its texts if that is not enough; states and reasons stay", async () => {
    const it = report({ maxPayload: 2000 });
    it.reporter.begin(0);
    it.status = statusOf(1, { a: score({ large }, large) });
    it.reporter.report(true);
    await settle();
    const stored = await it.stored();
    expect(stored).toMatchObject({ truncated: true, scores: { a: { state: "Failed", error: { reason: "Bug", step: null, next: "" } } } });
    expect(stored?.scores["a"]?.error?.message).toBe("");
  });

  test("even then is told in the log, and the next one that fits goes out", async () => {
    const it = report({ maxPayload: 500 });
    it.reporter.begin(0);
    it.status = statusOf(1, { a: score(), b: score() });
    it.reporter.report(true);
    await it.clock.advance(5000);
    expect(await it.stored()).toBeNull();
    expect(it.logged.at(-1)).toContain("cannot be cut small enough");
    await it.tell(2);
    expect(await it.stored()).toEqual(statusOf(2));
  });
});
