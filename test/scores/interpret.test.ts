import { describe, expect, test } from "vitest";
import { PortError } from "../../src/capabilities/port-error.ts";
import { interpret, preview, previewRetire } from "../../src/scores/interpret.ts";
import { FakeClock, FaultyPorts } from "../../src/testing/index.ts";
import { Cabinet, FakeCabinet, LOCKED, sound } from "./drawer.ts";
import { build, full, kind, label, never, ports, problem, score } from "./one-drawer.ts";
import { around } from "./surroundings.ts";

describe("an interpretation", () => {
  test("that finds it so does nothing and claims nothing", async () => {
    expect(await interpret(score, around(ports({ a: "mine" }, { build: full, label: full }), { claim: full }))).toEqual(
      {
        outcome: "NOOP",
        observed: { state: "present", text: "mine" },
      },
    );
  });

  test("tells what it did, and what it saw after that", async () => {
    expect(await interpret(score, around(ports()))).toEqual({
      outcome: "SUCCESS",
      did: [build, label],
      observed: { state: "present", text: "mine" },
    });
  });

  test("looks, claims, takes the steps in order, and looks again", async () => {
    const told: string[] = [];
    const tells = (what: string) => async (): Promise<void> => void told.push(what);
    const cabinet = new FakeCabinet();
    await interpret(
      kind({
        observe: async (...given) => (await tells("observe")(), sound.observe(...given)),
        apply: async (step, ...given) => (await tells(step.do)(), sound.apply(step, ...given)),
      }),
      around({ Cabinet: cabinet }, { claim: async (claims) => void told.push(`claim ${claims.join()}`) }),
    );
    expect(told).toEqual(["observe", "claim a", "build", "label", "observe"]);
  });

  test("takes no step before its claims are kept", async () => {
    const cabinet = new FakeCabinet();
    const clock = new FakeClock();
    const claim = (): Promise<void> => new Promise((resolve) => void clock.after(10, resolve));
    const running = interpret(score, around({ Cabinet: cabinet }, { clock, claim }));
    await clock.advance(9);
    expect([...cabinet.labels]).toEqual([]);
    await clock.advance(1);
    expect((await running).outcome).toBe("SUCCESS");
  });
});

describe("a FAILURE", () => {
  test("tells the steps that were taken before it, and the last that was seen", async () => {
    expect(await interpret(score, around(ports({}, { label: full })))).toMatchObject({
      did: [build],
      observed: { state: "absent" },
    });
  });

  test("has seen nothing when the first look failed", async () => {
    expect(await interpret(score, around(ports({}, { look: full })))).toMatchObject({ did: [], observed: null });
  });

  test("comes of a second look that fails although all steps were taken", async () => {
    const faulty = new FaultyPorts([Cabinet], ports());
    faulty.arm({ at: 3, when: "before", how: "fails" });
    expect(await interpret(score, around(faulty.table))).toMatchObject({
      outcome: "FAILURE",
      did: [build, label],
      failure: { _tag: "PortFailed", during: "observe" },
    });
  });

  test("comes of a second look that finds something in the way", async () => {
    const labelled = async (): Promise<void> => void cabinet.labels.set("a", LOCKED);
    const cabinet: FakeCabinet = Object.assign(new FakeCabinet(), { label: labelled });
    expect(await interpret(score, around({ Cabinet: cabinet }))).toMatchObject({
      outcome: "FAILURE",
      did: [build, label],
      observed: { text: LOCKED },
      failure: { _tag: "Obstructed" },
    });
  });
});

describe("a kind that lies", () => {
  test("about what it did is not believed: success is only said after looking again", async () => {
    expect((await interpret(kind({ apply: async () => {} }), around(ports()))).outcome).toBe("FAILURE");
  });

  test("about reading only finds nothing to write with", async () => {
    const sly = kind({
      observe(given, cabinets, context) {
        const remove: unknown = Reflect.get(cabinets.Cabinet, "remove");
        if (typeof remove !== "function") throw new TypeError("nothing to write with");
        Reflect.apply(remove, cabinets.Cabinet, ["other"]);
        return sound.observe(given, cabinets, context);
      },
    });
    const cabinet = new FakeCabinet({ other: "theirs" });
    expect(await interpret(sly, around({ Cabinet: cabinet }))).toMatchObject({
      failure: { _tag: "Bug", message: "nothing to write with" },
    });
    expect(cabinet.labels.get("other")).toBe("theirs");
  });
});

describe("the deadline", () => {
  test("is one for the whole interpretation, not one for each call", async () => {
    const clock = new FakeClock();
    const slow = <T>(answer: T): Promise<T> => new Promise((resolve) => void clock.after(2_000, () => resolve(answer)));
    const slowly = { look: () => slow(null), build: () => slow(undefined), label: () => slow(undefined) };
    const running = interpret(score, around(ports({}, slowly), { clock }));
    await clock.advance(5_000);
    expect(await running).toMatchObject({ failure: { _tag: "TimedOut", step: label }, did: [build] });
  });

  test("fires the signal that calls were given, with the cause", async () => {
    const clock = new FakeClock();
    const signals: AbortSignal[] = [];
    const look = (_: string, signal: AbortSignal): Promise<never> => (signals.push(signal), never());
    const running = interpret(score, around(ports({}, { look }), { clock }));
    await clock.advance(4_999);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    await clock.advance(1);
    expect(signals.map(({ aborted, reason }) => [aborted, String(reason)])).toEqual([[true, "Expired: TimedOut"]]);
    expect((await running).outcome).toBe("FAILURE");
  });

  test("is told as such although the call gives up on the signal with an error of its own", async () => {
    const clock = new FakeClock();
    const look = (_: string, signal: AbortSignal): Promise<never> =>
      new Promise((__, reject) => {
        signal.addEventListener("abort", () =>
          reject(new PortError({ ...problem, message: `at ${clock.monotonicMs()}` })),
        );
      });
    const running = interpret(score, around(ports({}, { look }), { clock }));
    await clock.advance(5_000);
    expect(await running).toMatchObject({ failure: { _tag: "TimedOut" } });
  });

  test("lets a failure that comes after it go unheard", async () => {
    const clock = new FakeClock();
    const look = (): Promise<never> =>
      new Promise((_, reject) => void clock.after(6_000, () => reject(new Error("nobody listens any more"))));
    const running = interpret(score, around(ports({}, { look }), { clock }));
    // A rejection that nobody handles would fail the whole file.
    await clock.advance(6_000);
    expect(await running).toMatchObject({ failure: { _tag: "TimedOut" } });
  });
});

describe("being superseded", () => {
  test("is asked before each step, and nothing after it is done", async () => {
    let asked = 0;
    const cabinet = new FakeCabinet();
    const superseded = (): boolean => (asked += 1) > 1;
    expect(await interpret(score, around({ Cabinet: cabinet }, { superseded }))).toMatchObject({
      did: [build],
      failure: { _tag: "Interrupted", remaining: [label] },
    });
    expect(Object.fromEntries(cabinet.labels)).toEqual({ a: "" });
  });
});

describe("a preview", () => {
  test("tells the steps to be taken", async () => {
    expect(await preview(score, around(ports()))).toEqual({
      _tag: "Planned",
      observed: { state: "absent" },
      steps: [build, label],
    });
    expect(await preview(score, around(ports({ a: "mine" })))).toMatchObject({ _tag: "Planned", steps: [] });
  });

  test("tells why there is none", async () => {
    expect(await preview(score, around(ports({ a: LOCKED })))).toMatchObject({
      _tag: "Impossible",
      observed: { text: LOCKED },
      failure: { _tag: "Obstructed", during: "plan" },
    });
    expect(await preview(score, around(ports({}, { look: full })))).toMatchObject({
      _tag: "Impossible",
      observed: null,
      failure: { _tag: "PortFailed", during: "observe" },
    });
  });

  test("of a removal tells what would be removed, by what was claimed", async () => {
    expect(await previewRetire(score, new Set("a"), around(ports({ a: "" })))).toMatchObject({
      steps: [{ do: "remove", drawer: "a" }],
    });
    expect(await previewRetire(score, new Set(), around(ports({ a: "" })))).toMatchObject({ steps: [] });
  });
});

test("where no adapter provides a port that the kind requires, it is named", async () => {
  await expect(interpret(score, around({}))).rejects.toThrow("no adapter provides Cabinet");
});
