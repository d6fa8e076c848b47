import { describe, expect, test } from "vitest";
import { MOST_WORKERS, type Work, Workers } from "../../src/agent/workers.ts";
import { FakeClock, settle } from "../../src/testing/fake-clock.ts";

const workers = () => {
  const clock = new FakeClock();
  const all = new Workers(clock);
  const passed: string[] = [];
  /** Work that parks at once where it gathers, and ends when the returned function is called. */
  const begin = (key: string, work: Partial<Work> = {}): (() => void) => {
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => (end = resolve));
    const run = async (): Promise<void> => {
      await Promise.resolve();
      if (work.mayGather === true) {
        await all.gather(key);
        passed.push(key);
      }
      await ended;
    };
    void all.begin(
      { keys: [key], lane: null, mayGather: false, isStale: () => false, deadlineMs: 1000, ...work },
      run(),
    );
    return end;
  };
  return { clock, all, passed, begin };
};

describe("what is gathered", () => {
  test("does not wait for work that never comes to such a step", async () => {
    const { all, passed, begin } = workers();
    begin("slow");
    begin("a", { mayGather: true });
    await settle();
    all.releaseGathered();
    await settle();
    expect(passed).toEqual(["a"]);
  });

  test("goes on as far as there is room, and before anything else begins", async () => {
    const { clock, all, passed, begin } = workers();
    const count = MOST_WORKERS + 2;
    const ends = Array.from({ length: count }, (_, at) => begin(`w${at}`, { mayGather: true }));
    await settle();
    expect([all.size, all.hasRoom]).toEqual([count, true]);
    all.releaseGathered();
    await settle();
    expect([passed.length, all.hasRoom]).toEqual([MOST_WORKERS, false]);
    // Room for one, and one that waits for it.
    ends[0]?.();
    await settle();
    expect([passed.length, all.hasRoom]).toEqual([MOST_WORKERS + 1, false]);
    for (const end of ends) end();
    await settle();
    expect([passed.length, all.size, all.hasRoom, clock.timers]).toEqual([count, 0, true, 0]);
  });

  test("and ends while it waits for room takes none up", async () => {
    const { all, begin } = workers();
    const ends = Array.from({ length: MOST_WORKERS }, (_, at) => begin(`w${at}`));
    let stop = (): void => {};
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    await settle();
    const gathered = (async () => {
      await Promise.resolve();
      void all.gather("late");
      await stopped;
    })();
    void all.begin({ keys: ["late"], lane: null, mayGather: true, isStale: () => false, deadlineMs: 1000 }, gathered);
    begin("more");
    await settle();
    all.releaseGathered();
    stop();
    await settle();
    for (const end of ends) end();
    await settle();
    expect(all.size).toBe(1);
    for (let each = 0; each < MOST_WORKERS - 2; each += 1) begin(`x${each}`);
    expect(all.hasRoom).toBe(true);
  });

  test("does not begin to wait when it is out of date by then", async () => {
    const { clock, passed, begin } = workers();
    begin("a", { mayGather: true, isStale: () => true });
    await settle();
    expect([passed, clock.timers]).toEqual([["a"], 0]);
  });
});

test("what is thrown is handed on once", async () => {
  const { all } = workers();
  const bug = new TypeError("a bug");
  await all.begin(
    { keys: ["a"], lane: "l", mayGather: false, isStale: () => false, deadlineMs: 1000 },
    Promise.reject(bug),
  );
  expect(() => all.rethrow()).toThrow(bug);
  expect(() => all.rethrow()).not.toThrow();
  expect([all.size, all.isBusy("a"), all.isLaneBusy("l")]).toEqual([0, false, false]);
});
