import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import { writeDocument } from "../../src/wire/status.ts";
import { AGENT } from "./support/manifests.ts";
import { report, statusOf } from "./support/report.ts";

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
            happens: fc.constantFrom(
              "urgent",
              "later",
              "before",
              "after",
              "both",
              "conflict",
              "deleted",
              "cut",
              "back",
              "time",
            ),
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

/** Somebody else's start. */
const by = (status: ReturnType<typeof statusOf>, bootId: string) => ({ ...status, agent: { ...status.agent, bootId } });

test("of two starts with one epoch, as after the loss of a store, the higher boot id holds here too", async () => {
  const it = report();
  it.reporter.begin(0);
  await it.tell(1);
  await it.other.put("actual-state", AGENT, writeDocument(by(statusOf(5), "a lower one")));
  await it.tell(2);
  expect([it.fenced, await it.stored()]).toEqual([[], statusOf(2)]);
  await it.other.put("actual-state", AGENT, writeDocument(by(statusOf(5), "the higher one")));
  await it.tell(3);
  await it.clock.advance(60_000);
  expect([it.fenced, await it.stored()]).toEqual([[1], by(statusOf(5), "the higher one")]);
});

describe("a look whether the key still holds what was stored", () => {
  test("writes nothing where it does", async () => {
    const it = report();
    it.reporter.begin(0);
    await it.reporter.verify();
    await it.tell(1);
    await it.reporter.verify();
    await settle();
    expect([it.puts.length, await it.stored()]).toEqual([1, statusOf(1)]);
  });

  test("writes it again where another start wrote over it, which compare-and-set did not see, or where it is gone", async () => {
    const it = report();
    it.reporter.begin(0);
    await it.tell(2);
    await it.other.put("actual-state", AGENT, writeDocument(by(statusOf(1), "a lower one")));
    await it.reporter.verify();
    await settle();
    expect(await it.stored()).toEqual(statusOf(2));
    await it.other.delete("actual-state", AGENT);
    await it.reporter.verify();
    await settle();
    expect(await it.stored()).toEqual(statusOf(2));
  });

  test("fences where the other start holds, and then writes nothing", async () => {
    const it = report();
    it.reporter.begin(0);
    await it.tell(2);
    await it.other.put("actual-state", AGENT, writeDocument(statusOf(1, {}, 7)));
    await it.reporter.verify();
    await it.clock.advance(60_000);
    expect([it.fenced, it.puts.length, await it.stored()]).toEqual([[7], 1, statusOf(1, {}, 7)]);
  });
});
