import { expect, test } from "vitest";
import { ReconcileLoop, type Work } from "../../src/agent/reconcile-loop.ts";
import { FakeClock, settle } from "../../src/testing/fake-clock.ts";

function looping(work: Partial<Work>) {
  const clock = new FakeClock();
  const told: string[] = [];
  const stop = new AbortController();
  const loop = new ReconcileLoop(
    {
      clock,
      log: (message) => void told.push(message),
      stop: stop.signal,
      breathe: () => Promise.resolve(),
      onChange: (how) => void told.push(how),
    },
    {
      turn: () => false,
      finish: () => Promise.resolve(),
      onCarriedThrough: () => void told.push("carried through"),
      isLeft: () => false,
      ...work,
    },
  );
  return { loop, clock, told, stop };
}

test("it turns until nothing is left, and says so once", async () => {
  let left = 3;
  const { loop, told } = looping({ turn: () => (left -= 1) > 0 });
  loop.kick();
  await loop.idle();
  expect([left, ...told]).toEqual([0, "carried through", "settled"]);
});

test("a kick from within a turn, or while one waits, begins no second round beside it", async () => {
  let [under, most, turns] = [0, 0, 0];
  const { loop } = looping({
    turn: async () => {
      most = Math.max(most, (under += 1));
      loop.kick();
      await Promise.resolve();
      under -= 1;
      return (turns += 1) < 4;
    },
  });
  loop.kick();
  loop.kick();
  await loop.idle();
  expect([most, turns]).toEqual([1, 4]);
});

test("what becomes due while it ends is done in another round", async () => {
  const due = [false, true];
  const { loop, told } = looping({ isLeft: () => due.pop() ?? false });
  loop.kick();
  await loop.idle();
  expect(told).toEqual(["carried through", "carried through", "settled"]);
});

test("after a bug it rests for a second, and has carried nothing through", async () => {
  let turns = 0;
  const { loop, clock, told } = looping({
    turn: () => {
      turns += 1;
      throw new Error("a bug");
    },
    isLeft: () => turns === 1,
  });
  loop.kick();
  await settle();
  expect([turns, loop.isWorking]).toEqual([1, true]);
  await clock.advance(999);
  expect(turns).toBe(1);
  await clock.advance(1);
  expect(turns).toBe(2);
  expect(told).not.toContain("carried through");
});

test("paused it begins no other turn, waits for what is under way, and has carried nothing through", async () => {
  let [turns, finished] = [0, false];
  const { loop, told } = looping({
    turn: () => {
      loop.pause();
      return (turns += 1) < 3;
    },
    finish: async () => {
      await Promise.resolve();
      finished = true;
    },
  });
  loop.kick();
  await loop.idle();
  loop.kick();
  expect([turns, finished, ...told]).toEqual([1, true, "settled"]);
});
