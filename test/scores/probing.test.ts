import { expect, test } from "vitest";
import type { Probe } from "../../src/capabilities/probe.ts";
import { Probing } from "../../src/scores/probing.ts";
import { FakeClock, settle } from "../../src/testing/fake-clock.ts";

const probe: Probe = {
  type: "tcp",
  port: 80,
  intervalSeconds: 10,
  timeoutSeconds: 2,
  failureThreshold: 2,
  successThreshold: 1,
  startPeriodSeconds: 0,
};
const life = (id: string, ageMs = 3_600_000) => ({ id, ageMs });

/** Something that answers as it is told to, or not at all. */
class Asked {
  readonly clock = new FakeClock();
  /** Undefined: none ever. */
  answer: string | null | undefined = null;
  questions = 0;
  ended = 0;
  readonly told: string[] = [];
  readonly probing = new Probing(this.clock, (_, __, signal) => {
    this.questions += 1;
    signal.addEventListener("abort", () => (this.ended += 1));
    return this.answer === undefined ? new Promise(() => {}) : Promise.resolve(this.answer);
  });

  look(of = life("a")) {
    return this.probing.look("web", "liveness", probe, of);
  }
  watch(): () => void {
    return this.probing.watch("web", () => void this.told.push("web"));
  }
}

test("what nobody watches is asked at a look, at most once in an interval", async () => {
  const asked = new Asked();
  await asked.look();
  expect(await asked.look()).toEqual({ health: "healthy", why: null, restMs: 0, revived: null });
  expect(asked.questions).toBe(1);
  expect(asked.clock.timers).toBe(0);
  await asked.clock.advance(10_000);
  await asked.look();
  expect(asked.questions).toBe(2);
});

test("what is watched is asked each interval, looks cost nothing, and only a change of health is told", async () => {
  const asked = new Asked();
  await asked.look();
  const unwatch = asked.watch();
  await asked.clock.advance(100_000);
  expect(asked.questions).toBe(11);
  expect(asked.told).toEqual([]);
  asked.answer = "it is broken";
  await asked.clock.advance(10_000);
  expect(await asked.look()).toMatchObject({ health: "healthy", why: "it is broken" });
  expect(asked.told).toEqual([]);
  await asked.clock.advance(10_000);
  expect(await asked.look()).toMatchObject({ health: "unhealthy", why: "it is broken" });
  expect(asked.told).toEqual(["web"]);
  asked.answer = null;
  await asked.clock.advance(10_000);
  expect(asked.told).toEqual(["web", "web"]);
  unwatch();
  expect(asked.clock.timers).toBe(0);
});

test("until it is well for the first time it is asked every second, and is not given up sooner for it", async () => {
  const asked = new Asked();
  asked.answer = "not yet";
  await asked.look();
  asked.watch();
  await asked.clock.advance(9_000);
  expect(asked.questions).toBe(10);
  expect(await asked.look()).toMatchObject({ health: "starting" });
  await asked.clock.advance(1_000);
  expect(await asked.look()).toMatchObject({ health: "unhealthy" });
});

test("no answer in time is a bad one, and the question is ended", async () => {
  const asked = new Asked();
  asked.answer = undefined;
  const looking = asked.look();
  await settle();
  await asked.clock.advance(2_000);
  expect(await looking).toMatchObject({ why: "port 80 did not answer within 2 s" });
  expect(asked.ended).toBe(1);
  expect(asked.clock.timers).toBe(0);
});

test("another life begins anew, and a question about the one before ends", async () => {
  const asked = new Asked();
  asked.answer = "bad";
  await asked.look();
  await asked.clock.advance(10_000);
  expect(await asked.look()).toMatchObject({ health: "unhealthy" });
  expect(await asked.look(life("b"))).toMatchObject({ health: "starting" });
  asked.answer = undefined;
  await asked.clock.advance(10_000);
  const looking = asked.look(life("b"));
  await settle();
  asked.probing.ends("web");
  await looking;
  expect(asked.ended).toBe(1);
  expect(asked.clock.timers).toBe(0);
});

test("what hangs again after it was restarted for that rests, ever longer, and is told of when it has rested", async () => {
  const asked = new Asked();
  asked.answer = "it hangs";
  const rests: number[] = [];
  asked.watch();
  for (const id of ["a", "b", "c", "d"]) {
    await asked.look(life(id));
    await asked.clock.advance(10_000);
    const { health, restMs, revived } = await asked.look(life(id));
    expect(health).toBe("unhealthy");
    rests.push(restMs);
    if (id !== "a") expect(revived).toEqual({ times: rests.length - 1, why: "it hangs" });
    asked.told.length = 0;
    if (restMs > 0) {
      await asked.clock.advance(restMs - 1);
      expect(asked.told).toEqual([]);
      await asked.clock.advance(1);
      expect(asked.told).toEqual(["web"]);
    }
    expect((await asked.look(life(id))).restMs).toBe(0);
    asked.probing.revives("web");
  }
  expect(rests).toEqual([0, 10_000, 20_000, 40_000]);
  asked.answer = null;
  await asked.look(life("e"));
  await asked.clock.advance(600_000);
  asked.answer = "it hangs";
  await asked.clock.advance(20_000);
  expect(await asked.look(life("e"))).toMatchObject({ health: "unhealthy", restMs: 0, revived: null });
});

test("what is not watched any more is asked no more, and nothing is remembered of it", async () => {
  const asked = new Asked();
  await asked.look();
  const unwatch = asked.watch();
  asked.probing.revives("web");
  await asked.look(life("b"));
  unwatch();
  expect(asked.clock.timers).toBe(0);
  expect((await asked.look(life("b"))).revived).toBeNull();
});
