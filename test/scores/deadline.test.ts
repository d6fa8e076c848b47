import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { Deadline, type Expired } from "../../src/scores/deadline.ts";
import { FileScore } from "../../src/scores/file.ts";
import { interpret, interpretNow } from "../../src/scores/interpret.ts";
import { FakeClock, FakeFileSystem, settle } from "../../src/testing/index.ts";
import { around } from "./surroundings.ts";

/** Counts the timers that were ever set. */
class CountingClock extends FakeClock {
  set = 0;
  override after(ms: number, then: () => void): () => void {
    this.set += 1;
    return super.after(ms, then);
  }
}

const listeners = (signal: AbortSignal): number => getEventListeners(signal, "abort").length;
const never = (): Promise<never> => new Promise(() => {});
const expired = (why: Expired["why"]): unknown => expect.objectContaining({ name: "Expired", why });

/** What work throws, at once or later. */
const thrownBy = async (run: () => unknown): Promise<unknown> => {
  try {
    return ["nothing was thrown", await run()];
  } catch (thrown) {
    return thrown;
  }
};

const deadline = (ms = 1000) => {
  const clock = new CountingClock();
  const agent = new AbortController();
  return { clock, agent, of: new Deadline(clock, () => {}, agent.signal, ms) };
};

describe("synchronous work", () => {
  test("costs no timer, no listener and no promise", () => {
    const { clock, agent, of } = deadline();
    expect(of.withinNow(() => 7)).toBe(7);
    of.end();
    expect([clock.set, listeners(agent.signal)]).toEqual([0, 0]);
  });

  test("is what a look at a file that is as it should be consists of", () => {
    const fs = new FakeFileSystem();
    fs.put("/a", { type: "file", text: "x" });
    const clock = new CountingClock();
    const outcome = interpretNow(new FileScore({ path: "/a", content: "x" }), {
      ...around({ FileSystemHost: fs }, { clock }),
      permit: () => "take",
    });
    expect(outcome).toMatchObject({ outcome: "NOOP" });
    expect(clock.set).toBe(0);
  });

  test("that throws, throws through", () => {
    const { of } = deadline();
    expect(() => of.withinNow(() => "x".repeat(-1))).toThrow(RangeError);
  });
});

describe("work that waits", () => {
  test("ends at the deadline, also when it ignores the signal", async () => {
    const { clock, of } = deadline();
    const waiting = thrownBy(() => of.within(never));
    await clock.advance(1000);
    expect(await waiting).toEqual(expired("TimedOut"));
  });

  test("has what is left of the time, not all of it", async () => {
    const { clock, of } = deadline();
    await clock.advance(900);
    const waiting = thrownBy(() => of.within(never));
    await clock.advance(100);
    expect(await waiting).toEqual(expired("TimedOut"));
  });

  test("has no time at all once it has passed while nobody waited", async () => {
    const { clock, of } = deadline();
    await clock.advance(5000);
    const waiting = thrownBy(() => of.within(never));
    await clock.advance(0);
    expect(await waiting).toEqual(expired("TimedOut"));
  });

  test("comes back with its answer, and its error, when they are in time", async () => {
    const { clock, of } = deadline();
    expect(await of.within(() => Promise.resolve(7))).toBe(7);
    expect(await thrownBy(() => of.within(() => Promise.reject(new RangeError("no"))))).toBeInstanceOf(RangeError);
    expect(clock.set).toBe(1);
  });

  test("ends when the agent stops, and the signal tells why", async () => {
    const { agent, of } = deadline();
    const { signal } = of;
    const waiting = thrownBy(() => of.within(never));
    agent.abort();
    expect(await waiting).toEqual(expired("Stopped"));
    expect([signal.aborted, signal.reason]).toEqual([true, expired("Stopped")]);
  });

  test("is not begun once the agent has stopped", async () => {
    const { agent, of } = deadline();
    agent.abort();
    let begun = false;
    expect(await thrownBy(() => of.within(() => (begun = true)))).toEqual(expired("Stopped"));
    expect(begun).toBe(false);
  });

  test("finds the signal fired when it asks for it only after the agent has stopped", () => {
    const { agent, of } = deadline();
    agent.abort();
    expect(of.signal.aborted).toBe(true);
  });
});

describe("time that is not the work's own", () => {
  test("does not count, however long it is, and what is left counts on", async () => {
    const { clock, of } = deadline();
    await clock.advance(900);
    const others = of.without(() => new Promise<void>((resume) => void clock.after(5000, resume)));
    await clock.advance(5000);
    await others;
    const waiting = thrownBy(() => of.within(never));
    await clock.advance(99);
    expect(of.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(await waiting).toEqual(expired("TimedOut"));
  });

  test("ends when the agent stops, and leaves nothing behind", async () => {
    const { clock, agent, of } = deadline();
    const waiting = thrownBy(() => of.without(never));
    agent.abort();
    expect(await waiting).toEqual(expired("Stopped"));
    of.end();
    expect([clock.timers, listeners(agent.signal)]).toEqual([0, 0]);
  });
});

describe("the end", () => {
  test("lets go of the timer and the listener, and can come twice", async () => {
    const { clock, agent, of } = deadline();
    await of.within(() => Promise.resolve());
    expect([clock.timers, listeners(agent.signal)]).toEqual([1, 1]);
    of.end();
    of.end();
    expect([clock.timers, listeners(agent.signal)]).toEqual([0, 0]);
  });

  test("of a thousand interpretations leaves nothing on the agent's signal, however they ended", async () => {
    const clock = new FakeClock();
    const agent = new AbortController();
    const fs = new FakeFileSystem();
    for (let each = 0; each < 1000; each += 1) {
      const FileSystemHost =
        each % 2 === 0 ? fs : Object.assign(new FakeFileSystem(), { writeFile: () => Promise.reject(new Error("no")) });
      await interpret(
        new FileScore({ path: `/${each}`, content: "" }),
        around({ FileSystemHost }, { clock, stop: agent.signal }),
      );
    }
    expect([clock.timers, listeners(agent.signal)]).toEqual([0, 0]);
  });

  test("leaves no rejection that nobody handles", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    try {
      const { clock, of } = deadline();
      expect(of.signal.aborted).toBe(false);
      await clock.advance(1000);
      await settle();
      expect([of.signal.aborted, unhandled]).toEqual([true, []]);
    } finally {
      process.off("unhandledRejection", note);
    }
  });
});
