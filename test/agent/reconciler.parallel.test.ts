import { describe, expect, test } from "vitest";
import { MOST_WORKERS } from "../../src/agent/workers.ts";
import { settle } from "../../src/testing/fake-clock.ts";
import { file, free, lane, probe } from "./support/manifests.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

const many = (count: number): Record<string, ReturnType<typeof free>> =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`s${at}`, free(`s${at}`)]));

describe("side by side", () => {
  test("a slow Score of a free kind holds up nobody, and nothing is said to be carried through before it is done", async () => {
    const rig = await ReconcilerRig.open();
    const release = rig.probe.hangs("slow/0");
    const scores = { slow: free("slow"), a: free("a"), f: file("/f"), p: probe("p"), l: lane("l") };
    await rig.accept({ generation: 1, scores });
    expect(rig.states).toEqual({ slow: "Reconciling", a: "Ready", f: "Ready", p: "Ready", l: "Ready" });
    expect(rig.reconciler.observedGeneration).toBe(0);
    expect(rig.reconciler.isWorking).toBe(true);
    release();
    await settle();
    expect(rig.states["slow"]).toBe("Ready");
    expect(rig.reconciler.observedGeneration).toBe(1);
    expect(rig.told.at(-1)).toBe("settled");
  });

  test("drift is repaired, and a newer manifest taken up, while a Score takes long", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { slow: free("slow"), a: free("a"), f: file("/f", "f") } });
    const release = rig.probe.hangs("slow/0");
    rig.probe.tamper("slow/0", "wrong");
    rig.probe.tamper("a/0", "wrong");
    await rig.clock.advance(1000);
    expect(rig.probe.values.get("a/0")).toBe("x");
    rig.files.put("/f", { type: "file", text: "wrong" });
    await rig.clock.advance(1000);
    expect(rig.tree["/f"]).toBe("f");
    await rig.accept({ generation: 2, scores: { slow: free("slow"), b: free("b") } });
    expect(rig.states).toEqual({ slow: "Ready", b: "Ready", a: "Retiring", f: "Retiring" });
    release();
    await settle();
    expect(rig.states).toEqual({ slow: "Ready", b: "Ready" });
    expect(rig.reconciler.observedGeneration).toBe(2);
  });

  test(`at most ${MOST_WORKERS} are under way`, async () => {
    const rig = await ReconcilerRig.open();
    const releases = Array.from({ length: MOST_WORKERS + 8 }, (_, at) => rig.probe.hangs(`s${at}/0`));
    await rig.accept({ generation: 1, scores: many(MOST_WORKERS + 8) });
    expect(rig.probe.did).toHaveLength(MOST_WORKERS);
    releases[0]?.();
    releases[1]?.();
    await settle();
    expect(rig.probe.did).toHaveLength(MOST_WORKERS + 2);
    for (const release of releases) release();
    await settle();
    expect(new Set(Object.values(rig.states))).toEqual(new Set(["Ready"]));
  });

  test("a kind in order holds up what comes later, and a lane only what is in it, up to a step that may take long", async () => {
    const rig = await ReconcilerRig.open();
    const [lane1, inOrder] = [rig.probe.hangs("l1/0"), rig.probe.hangs("p/0")];
    const scores = { l1: lane("l1", 2), l2: lane("l2"), a: free("a"), p: probe("p"), b: free("b") };
    await rig.accept({ generation: 1, scores });
    expect(rig.probe.did.toSorted()).toEqual(["set a/0=x", "set l1/0=x", "set p/0=x"]);
    const aside = rig.probe.hangs("l1/1");
    inOrder();
    await settle();
    expect(rig.probe.did.slice(3)).toEqual(["set b/0=x"]);
    lane1();
    await settle();
    expect(new Set(rig.probe.did.slice(4))).toEqual(new Set(["set l1/1=x", "set l2/0=x"]));
    expect(rig.states).toMatchObject({ l1: "Reconciling", l2: "Ready" });
    aside();
    await settle();
    expect(rig.states["l1"]).toBe("Ready");
  });

  test("what comes after a Score that is under way waits, without being Blocked, and begins when that is Ready", async () => {
    const rig = await ReconcilerRig.open();
    const release = rig.probe.hangs("a/0");
    await rig.accept({
      generation: 1,
      scores: { c: free("c"), b: free("b"), a: free("a") },
      after: { b: ["a"], c: ["b"] },
    });
    expect(rig.states).toEqual({ a: "Reconciling", b: "Pending", c: "Pending" });
    release();
    await settle();
    expect(rig.probe.did).toEqual(["set a/0=x", "set b/0=x", "set c/0=x"]);
    await rig.ledger.flush();
    expect(rig.disk.text("journal.jsonl")).not.toContain("Blocked");
  });

  test("two never work on one thing: not for a newer spec, nor under another id, nor to remove it", async () => {
    const rig = await ReconcilerRig.open();
    const release = rig.probe.hangs("a/0");
    await rig.accept({ generation: 1, scores: { one: free("a", { value: "1", parts: 2 }) } });
    await rig.accept({ generation: 2, scores: { one: free("a", { value: "2", parts: 2 }) } });
    await rig.accept({ generation: 3, scores: { two: free("a", { value: "3", parts: 2 }) } });
    await rig.accept({ generation: 4, scores: {} });
    expect(rig.probe.did).toEqual(["set a/0=1"]);
    release();
    await settle();
    expect(rig.probe.did).toEqual(["set a/0=1", "remove a/0"]);
    expect(rig.states).toEqual({});
    expect(rig.reconciler.observedGeneration).toBe(4);
  });

  test("a stop ends all that is under way, and a pause lets each end its step", async () => {
    const rig = await ReconcilerRig.open();
    for (const name of ["a", "b", "c"]) rig.probe.hangs(`${name}/0`);
    const scores = { a: free("a", { parts: 2 }), b: free("b", { parts: 2 }), c: free("c", { parts: 2, gathersAt: 0 }) };
    await rig.accept({ generation: 1, scores });
    rig.stop.abort();
    await rig.reconciler.idle();
    expect(rig.probe.did).toHaveLength(2);
    expect(rig.clock.timers).toBe(0);

    const paused = await ReconcilerRig.open();
    const release = paused.probe.hangs("a/0");
    await paused.accept({ generation: 1, scores });
    paused.reconciler.pause();
    release();
    await paused.reconciler.idle();
    expect(paused.probe.did).not.toContain("set a/1=x");
    expect(paused.clock.timers).toBe(0);
  });

  test("a bug of the agent's own in one of them is told, and the others go on", async () => {
    const rig = await ReconcilerRig.open();
    const { notices } = rig.ledger;
    let bugs = 0;
    rig.ledger.own = () => {
      bugs += 1;
      throw new TypeError("a bug in the ledger");
    };
    await rig.accept({ generation: 1, scores: { a: free("a") } });
    expect(rig.logged.filter(({ message }) => message.startsWith("a Score failed"))).toHaveLength(1);
    expect([bugs, [...notices]]).toEqual([1, []]);
  });
});

test("what becomes due in the moment in which a pass begins starts no second one: of two that are dropped the later goes first", async () => {
  let rig = await ReconcilerRig.open();
  const kept = (text: string) => ({ f: file("/f", text), g: file("/g"), web: free("web") });
  const dropped = { a: probe("a"), b: probe("b") };
  const how = { after: { web: ["g"] }, restartOn: { web: ["f"] } };
  await rig.accept({ generation: 1, scores: { ...dropped, ...kept("1") }, ...how });
  // A restart is owed, and held up: the look at what it is owed for makes it due, and nothing of that needs waiting.
  rig.probe.fails("web");
  await rig.accept({ generation: 2, scores: { ...dropped, ...kept("2") }, ...how });
  expect(rig.states).toMatchObject({ f: "Ready", web: "Failed" });
  rig.files.put("/g", { type: "link", target: "/elsewhere" });
  await rig.ledger.flush();
  rig = await rig.crash();
  const before = rig.probe.did.length;
  const finish = rig.probe.hangs("b/0");
  await rig.accept({ generation: 3, scores: kept("2"), ...how }, "corrective");
  const removed = () => rig.probe.did.slice(before).filter((did) => did.startsWith("remove"));
  expect(removed()).toEqual(["remove b/0"]);
  finish();
  await settle();
  expect(removed()).toEqual(["remove b/0", "remove a/0"]);
});
