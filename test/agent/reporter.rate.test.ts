import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import { report, statusOf } from "./support/report.ts";

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
