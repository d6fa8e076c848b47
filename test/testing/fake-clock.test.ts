import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { FakeClock, settle } from "../../src/testing/index.ts";

describe("a fake clock", () => {
  test("stands still until it is told to go on, and then tells both times", async () => {
    const clock = new FakeClock(new Date("2030-05-01T00:00:00Z"));
    await settle();
    expect([clock.now().toISOString(), clock.monotonicMs()]).toEqual(["2030-05-01T00:00:00.000Z", 0]);
    await clock.advance(1500);
    expect([clock.now().toISOString(), clock.monotonicMs()]).toEqual(["2030-05-01T00:00:01.500Z", 1500]);
  });

  test("runs timers in the order of their moments, then of their making, each at its moment", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(20), { maxLength: 8 }),
        fc.array(fc.nat(9), { maxLength: 4 }),
        async (delays, advances) => {
          const clock = new FakeClock();
          const ran: { nth: number; at: number }[] = [];
          for (const [nth, ms] of delays.entries()) {
            clock.after(ms, () => void ran.push({ nth, at: clock.monotonicMs() }));
          }
          for (const ms of advances) await clock.advance(ms);
          const end = advances.reduce((sum, ms) => sum + ms, 0);
          const due = delays.map((at, nth) => ({ nth, at })).filter(({ at }) => advances.length > 0 && at <= end);
          expect(ran).toEqual(due.toSorted((a, b) => a.at - b.at || a.nth - b.nth));
          expect(clock.timers).toBe(delays.length - due.length);
        },
      ),
    );
  });

  test("runs what a timer sets going before the next timer, also where that sets timers", async () => {
    const clock = new FakeClock();
    const told: string[] = [];
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
    const work = async (name: string): Promise<void> => {
      for (const round of [1, 2, 3]) {
        await sleep(10);
        told.push(`${name}${round} at ${clock.monotonicMs()}`);
      }
    };
    void work("a");
    clock.after(5, () => void work("b"));
    await clock.advance(25);
    expect(told).toEqual(["a1 at 10", "b1 at 15", "a2 at 20", "b2 at 25"]);
  });

  test("does not run a timer that was called off, by another one of the same moment either", async () => {
    const clock = new FakeClock();
    const told: string[] = [];
    clock.after(1, () => callOff());
    const callOff = clock.after(1, () => void told.push("called off"));
    callOff();
    clock.after(2, () => void told.push("kept"));
    await clock.advance(2);
    expect(told).toEqual(["kept"]);
    const second = new FakeClock();
    second.after(1, () => stop());
    const stop = second.after(1, () => void told.push("called off too late"));
    await second.advance(1);
    expect(told).toEqual(["kept"]);
  });

  test("tells when the next timer is due", async () => {
    const clock = new FakeClock();
    expect(clock.nextInMs).toBeNull();
    clock.after(30, () => {});
    clock.after(20, () => {});
    await clock.advance(5);
    expect(clock.nextInMs).toBe(15);
  });

  test("rings the next timer alone when it is asked to, and tells where there is none", () => {
    const clock = new FakeClock();
    const rung: number[] = [];
    for (const ms of [20, 10, 20]) clock.after(ms, () => void rung.push(ms));
    expect(clock.ringNext()).toBe(true);
    expect([rung, clock.monotonicMs(), clock.timers]).toEqual([[10], 10, 2]);
    expect([clock.ringNext(), clock.ringNext(), clock.ringNext()]).toEqual([true, true, false]);
    expect([rung, clock.monotonicMs()]).toEqual([[10, 20, 20], 20]);
  });

  test("jumps in wall time without running a timer", async () => {
    const clock = new FakeClock();
    let ran = false;
    clock.after(1000, () => (ran = true));
    clock.setWallTime(new Date("1999-01-01T00:00:00Z"));
    await clock.advance(999);
    expect([ran, clock.now().toISOString()]).toEqual([false, "1999-01-01T00:00:00.999Z"]);
  });

  test("goes on although the test framework has taken the global timers", async () => {
    vi.useFakeTimers();
    try {
      const clock = new FakeClock();
      let ran = false;
      clock.after(1, () => (ran = true));
      await clock.advance(1);
      expect(ran).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });
});
