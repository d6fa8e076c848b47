import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import type { Policy } from "../../src/topology/policies.ts";
import { file, free, probe } from "./support/manifests.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

/** One file, `/a`, with `mine` in it. */
const wanted = (generation: number, policy: Policy, content = "mine") => ({
  generation,
  scores: { a: file("/a", content) },
  policies: { a: policy },
});
const theirs = { type: "file", text: "theirs" } as const;

describe("drift that is to be reported", () => {
  const report = { drift: "report" } as const;

  test("is told with the steps that would repair it, and nothing is written, until it is gone", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(wanted(1, report));
    const { writes } = rig.files;
    rig.files.put("/a", theirs);
    await rig.clock.advance(1000);
    const told = rig.status("a");
    expect(told).toMatchObject({ state: "Drifted", outcome: "NOOP", change: "corrective", error: null, attempts: 0 });
    expect(told.wouldDo).toMatchObject([{ do: "write", path: "/a" }]);
    for (let pass = 0; pass < 5; pass += 1) {
      rig.reconciler.lookAtAll();
      await rig.clock.advance(60_000);
    }
    expect(rig.status("a")).toBe(told);
    expect(rig.files.writes).toBe(writes);
    rig.files.put("/a", { type: "file", text: "mine" });
    await rig.clock.advance(1000);
    expect(rig.status("a")).toMatchObject({ state: "Ready", outcome: "NOOP" });
    expect(rig.status("a")).not.toHaveProperty("wouldDo");
  });

  test("stays reported over a restart, an unrelated generation, and while it waits for others", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(wanted(1, report));
    rig.files.put("/a", theirs);
    await rig.clock.advance(1000);
    await rig.ledger.flush();
    const next = await rig.crash();
    await next.accept(wanted(1, report), "corrective");
    expect(next.states).toEqual({ a: "Drifted" });
    next.probe.fails("b/0");
    const both = { ...wanted(2, report), scores: { a: file("/a", "mine"), b: probe("b") }, after: { a: ["b"] } };
    await next.accept(both);
    expect(next.states).toEqual({ a: "Blocked", b: "Failed" });
    next.probe.heals("b/0");
    await next.clock.advance(5000);
    expect(next.states).toEqual({ a: "Drifted", b: "Ready" });
    expect(next.status("a")).toMatchObject({ generation: 2 });
    expect(next.tree).toEqual({ "/a": "theirs" });
  });

  test("is undone by a new content, and by another policy", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(wanted(1, report));
    rig.files.put("/a", theirs);
    await rig.clock.advance(1000);
    await rig.accept(wanted(2, report, "new"));
    expect([rig.tree["/a"], rig.states]).toEqual(["new", { a: "Ready" }]);
    rig.files.put("/a", theirs);
    await rig.clock.advance(1000);
    expect(rig.states).toEqual({ a: "Drifted" });
    await rig.accept(wanted(3, {}, "new"));
    expect([rig.tree["/a"], rig.states]).toEqual(["new", { a: "Ready" }]);
  });

  test("holds up nothing that comes after it, and no restart that was ordered", async () => {
    const rig = await ReconcilerRig.open();
    const scores = (value: string) => ({ a: free("a"), b: probe("b"), by: probe("by", value) });
    const rest = { after: { b: ["a"] }, restartOn: { a: ["by"] }, policies: { a: report } };
    await rig.accept({ generation: 1, scores: scores("1"), ...rest });
    rig.probe.tamper("a/0", "theirs");
    await rig.clock.advance(1000);
    rig.probe.tamper("b/0", "theirs");
    await rig.clock.advance(1000);
    expect(rig.states).toEqual({ a: "Drifted", b: "Ready", by: "Ready" });
    expect(rig.probe.values.get("b/0")).toBe("x");
    rig.probe.did.length = 0;
    await rig.accept({ generation: 2, scores: scores("2"), ...rest });
    expect(rig.probe.did).toEqual(["set by/0=2", "set a/0=x", "restart a"]);
    expect([...rig.ledger.notices]).toEqual([]);
    expect(rig.states).toEqual({ a: "Ready", b: "Ready", by: "Ready" });
  });

  test("is begun with what was Ready before the policy came, and was not touched since", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(wanted(1, {}));
    rig.files.put("/a", theirs);
    await rig.accept(wanted(2, report));
    expect([rig.states, rig.tree["/a"]]).toEqual([{ a: "Drifted" }, "theirs"]);
  });
});

describe("drift that is ignored", () => {
  const ignore = { drift: "ignore" } as const;

  test("is not looked for, by no hint, pass, generation or restart; a new content is", async () => {
    const rig = await ReconcilerRig.open();
    const of = (generation: number, value = "x") => ({
      generation,
      scores: { a: probe("a", value), b: probe("b") },
      policies: { a: ignore },
    });
    await rig.accept(of(1));
    expect(rig.probe.watched).toEqual(["b"]);
    const read: string[] = [];
    rig.probe.onRead = (part) => void read.push(part);
    rig.probe.tamper("a/0", "theirs");
    rig.reconciler.lookAtAll();
    await rig.accept(of(2));
    expect(rig.status("a")).toMatchObject({ state: "Ready", generation: 2 });
    expect(rig.reconciler.observedGeneration).toBe(2);
    await rig.ledger.flush();
    const next = await rig.crash();
    await next.accept(of(2), "corrective");
    expect(read.filter((part) => part === "a/0")).toEqual([]);
    expect(next.reconciler.observedGeneration).toBe(2);
    await next.accept(of(3, "new"));
    expect([next.probe.values.get("a/0"), next.states]).toEqual(["new", { a: "Ready", b: "Ready" }]);
  });

  test("is looked for again when the policy says so, and the watch with it", async () => {
    const rig = await ReconcilerRig.open();
    const of = (generation: number, policy: Policy) => ({
      generation,
      scores: { a: probe("a") },
      policies: { a: policy },
    });
    await rig.accept(of(1, {}));
    await rig.accept(of(2, ignore));
    expect(rig.probe.watched).toEqual([]);
    rig.probe.tamper("a/0", "theirs");
    await rig.accept(of(3, {}));
    expect([rig.probe.values.get("a/0"), rig.probe.watched]).toEqual(["x", ["a"]]);
  });

  test("does not keep a failure from being tried again", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.fails("a/0");
    await rig.accept({ generation: 1, scores: { a: probe("a") }, policies: { a: ignore } });
    rig.probe.heals("a/0");
    await rig.clock.advance(1000);
    expect(rig.states).toEqual({ a: "Ready" });
  });
});

test("a Score with an interval of its own is looked at by that and not by the pass of all, until it is dropped", async () => {
  const rig = await ReconcilerRig.open();
  const scores = { a: probe("a"), b: probe("b") };
  await rig.accept({ generation: 1, scores, policies: { a: { lookEverySeconds: 60 } } });
  await rig.clock.advance(1000);
  const looks: string[] = [];
  rig.probe.onRead = (part) => void looks.push(part);
  rig.reconciler.lookAtAll();
  await settle();
  expect(looks).toEqual(["b/0"]);
  await rig.clock.advance(180_000);
  expect(looks).toEqual(["b/0", "a/0", "a/0", "a/0"]);
  await rig.accept({ generation: 2, scores: { b: probe("b") } });
  expect(rig.clock.timers).toBe(0);
});

describe("what is repaired again and again", () => {
  const undo = (rig: ReconcilerRig, to = "theirs"): Promise<void> => {
    rig.probe.tamper("a/0", to);
    return rig.clock.advance(20);
  };
  const calm = (rig: ReconcilerRig): Promise<void> => rig.clock.advance(10_000);

  test("is counted, and is contested from the second repair of the same in a row, ever more slowly", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    await calm(rig);
    await undo(rig);
    expect(rig.status("a")).toMatchObject({ state: "Ready", repairs: 1 });
    expect(rig.status("a")).not.toHaveProperty("contested");
    await calm(rig);
    const at = rig.clock.now().toISOString();
    await undo(rig);
    expect(rig.status("a")).toMatchObject({ repairs: 2, contested: { inARow: 2, since: at, last: at } });
    // At once it was undone, and rests for 1 s.
    await undo(rig);
    expect(rig.probe.values.get("a/0")).toBe("theirs");
    rig.reconciler.lookAtAll();
    await settle();
    expect(rig.probe.values.get("a/0")).toBe("theirs");
    await rig.clock.advance(1000);
    expect(rig.status("a")).toMatchObject({ repairs: 3, contested: { inARow: 3, since: at } });
    await undo(rig);
    await rig.clock.advance(1500);
    expect(rig.probe.values.get("a/0")).toBe("theirs");
    await rig.clock.advance(500);
    expect(rig.probe.values.get("a/0")).toBe("x");
  });

  test("is not contested any more after a quarter of an hour, nor where the content is another", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    for (let time = 0; time < 2; time += 1) {
      await calm(rig);
      await undo(rig);
    }
    expect(rig.status("a").contested).toBeDefined();
    await rig.clock.advance(890_000);
    rig.reconciler.lookAtAll();
    await settle();
    expect(rig.status("a").contested).toBeDefined();
    await rig.clock.advance(20_000);
    rig.reconciler.lookAtAll();
    await settle();
    expect(rig.status("a")).not.toHaveProperty("contested");
    expect(rig.status("a")).toMatchObject({ repairs: 2 });
    await rig.accept({ generation: 2, scores: { a: probe("a", "y") } });
    expect(rig.status("a")).not.toHaveProperty("repairs");
  });

  test("is not contested where two repairs are of two things, or far apart", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a", "x", 2) } });
    await calm(rig);
    await undo(rig);
    await calm(rig);
    rig.probe.tamper("a/1", "theirs");
    await rig.clock.advance(1_000_000);
    rig.probe.tamper("a/1", "theirs");
    await calm(rig);
    expect(rig.status("a")).toMatchObject({ repairs: 3 });
    expect(rig.status("a")).not.toHaveProperty("contested");
  });

  test("is still contested after a restart of the agent", async () => {
    const rig = await ReconcilerRig.open();
    const wants = { generation: 1, scores: { a: probe("a") } };
    await rig.accept(wants);
    for (let time = 0; time < 2; time += 1) {
      await calm(rig);
      await undo(rig);
    }
    await rig.ledger.flush();
    const next = await rig.crash({ clock: () => rig.clock });
    await next.accept(wants, "corrective");
    await calm(rig);
    await undo(rig);
    expect(next.status("a")).toMatchObject({ repairs: 3, contested: { inARow: 3 } });
  });
});
