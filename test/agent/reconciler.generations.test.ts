import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import { file, probe, unknownKind } from "./support/manifests.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

describe("a newer generation", () => {
  test("supersedes a Score that it changes between two steps, and leaves the work on the others alone", async () => {
    const rig = await ReconcilerRig.open();
    const release = rig.probe.hangs("a/0");
    await rig.accept({ generation: 1, scores: { a: probe("a", "old", 3), b: probe("b") } });
    expect(rig.states).toEqual({ a: "Reconciling", b: "Pending" });
    await rig.accept({ generation: 2, scores: { a: probe("a", "new", 3), b: probe("b") } });
    release();
    await settle();
    expect(rig.probe.did).toEqual(["set a/0=old", "set a/0=new", "set a/1=new", "set a/2=new", "set b/0=x"]);
    expect(rig.states).toEqual({ a: "Ready", b: "Ready" });
    expect(rig.status("a")).toMatchObject({ generation: 2, outcome: "SUCCESS" });
    expect(rig.reconciler.observedGeneration).toBe(2);
  });

  test("does not interrupt the work on a Score that it does not change", async () => {
    const rig = await ReconcilerRig.open();
    const release = rig.probe.hangs("a/0");
    await rig.accept({ generation: 1, scores: { a: probe("a", "x", 3), b: probe("b", "old") } });
    await rig.accept({ generation: 2, scores: { a: probe("a", "x", 3), b: probe("b", "new") } });
    release();
    await settle();
    expect(rig.probe.did).toEqual(["set a/0=x", "set a/1=x", "set a/2=x", "set b/0=new"]);
    const applied = rig.logged.filter(
      ({ message, fields }) => message === "a Score was applied" && fields["id"] === "a",
    );
    expect(applied.map(({ fields }) => fields["did"])).toEqual([
      ["a/0", "a/1", "a/2"].map((part) => ({ do: "set", part })),
    ]);
    expect(rig.status("a")).toMatchObject({ state: "Ready", generation: 2 });
    expect(rig.reconciler.observedGeneration).toBe(2);
  });

  test("that drops a Score in the middle of its work removes what it has made so far", async () => {
    const rig = await ReconcilerRig.open();
    const release = rig.probe.hangs("a/1");
    await rig.accept({ generation: 1, scores: { a: probe("a", "x", 3) } });
    expect(rig.probe.values).toEqual(new Map([["a/0", "x"]]));
    await rig.accept({ generation: 2, scores: {} });
    release();
    await settle();
    expect(rig.probe.values.size).toBe(0);
    expect(rig.states).toEqual({});
  });

  test("has every Score looked at for it, also those that it does not change", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    const { since } = rig.status("a");
    await rig.clock.advance(5000);
    await rig.accept({ generation: 2, scores: { a: probe("a") } });
    expect(rig.status("a")).toMatchObject({ generation: 2, outcome: "NOOP", change: "intentional", since });
    expect(rig.probe.did).toEqual(["set a/0=x"]);
  });
});

describe("while it works", () => {
  test("it tells of a Score that takes long, and of a newer manifest that comes meanwhile", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.hangs("b/0");
    await rig.accept({ generation: 1, scores: { a: probe("a"), b: probe("b") } });
    expect(rig.states).toEqual({ a: "Ready", b: "Reconciling" });
    expect(rig.told.at(-1)).toBe("working");
    const { changes } = rig.reconciler;
    rig.told.length = 0;
    await rig.accept({ generation: 2, scores: { a: probe("a", "2"), b: probe("b") } });
    expect(rig.told).toEqual(["working"]);
    expect(rig.reconciler.changes).toBeGreaterThan(changes);
    expect(rig.reconciler.isWorking).toBe(true);
  });

  test("it lets others have their turn every few milliseconds", async () => {
    let extra = 0;
    const rig = await ReconcilerRig.open({
      clock: (clock) => ({
        now: () => clock.now(),
        after: (ms, then) => clock.after(ms, then),
        monotonicMs: () => clock.monotonicMs() + extra,
      }),
    });
    const scores = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`s${at}`, probe(`s${at}`)]));
    await rig.accept({ generation: 1, scores });
    await settle();
    rig.breaths = 0;
    // Each look takes one millisecond, so that sixty of them take at least ten slices.
    rig.probe.onRead = () => void (extra += 1);
    rig.reconciler.lookAtAll();
    while (rig.reconciler.isWorking) await settle();
    expect(rig.breaths).toBeGreaterThanOrEqual(10);
    expect(rig.breaths).toBeLessThanOrEqual(20);
  });

  test("it can be stopped between two steps: the Score goes on from there at the next start, as the same change", async () => {
    const rig = await ReconcilerRig.open();
    const release = rig.probe.hangs("a/1");
    await rig.accept({ generation: 1, scores: { a: probe("a", "x", 3), b: probe("b") } });
    rig.stop.abort();
    await rig.reconciler.idle();
    release();
    await settle();
    expect(rig.probe.did).toEqual(["set a/0=x", "set a/1=x"]);
    expect(rig.clock.timers).toBe(0);
    const next = await rig.crash();
    await next.accept({ generation: 1, scores: { a: probe("a", "x", 3), b: probe("b") } }, "corrective");
    expect(next.states).toEqual({ a: "Ready", b: "Ready" });
    expect(next.probe.did.slice(2)).toEqual(["set a/2=x", "set b/0=x"]);
  });

  test("a pause is for good: nothing is begun, retried, hinted or removed any more", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { gone: probe("gone") } });
    rig.probe.fails("gone/0");
    await rig.accept({ generation: 2, scores: {} });
    rig.probe.fails("f/0");
    const release = rig.probe.hangs("a/0");
    await rig.accept({ generation: 3, scores: { f: probe("f"), a: probe("a", "x", 2), b: probe("b") } });
    rig.probe.did.length = 0;
    rig.reconciler.pause();
    release();
    await rig.accept({ generation: 4, scores: { c: probe("c") } });
    rig.probe.hint("f");
    rig.reconciler.lookAtAll();
    await rig.clock.advance(600_000);
    expect(rig.probe.did).toEqual([]);
    expect(rig.clock.timers).toBe(0);
    expect(rig.reconciler.isWorking).toBe(false);
  });
});

describe("after a crash", () => {
  test("what was claimed and perhaps made is known to be the agent's, also if the Score is dropped meanwhile", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.hangs("a/1");
    await rig.accept({ generation: 1, scores: { a: probe("a", "x", 2) } });
    const next = await rig.crash();
    next.probe.heals("a/1");
    await next.accept({ generation: 2, scores: {} });
    expect(next.probe.values.size).toBe(0);
  });

  test("the same manifest finds all as it was: nothing is done, written or changed", async () => {
    const rig = await ReconcilerRig.open();
    const wanted = { generation: 1, scores: { a: probe("a"), b: file("/b", "b"), r: unknownKind() } };
    await rig.accept(wanted);
    await rig.ledger.flush();
    const before = rig.reconciler.statuses();
    const did = rig.probe.did.length;
    const next = await rig.crash();
    await next.accept(wanted, "corrective");
    await next.ledger.flush();
    expect(next.reconciler.statuses()).toEqual(before);
    expect(next.probe.did).toHaveLength(did);
    expect(next.disk.writes).toEqual([]);
    expect(next.reconciler.observedGeneration).toBe(1);
  });

  test("what was ordered and had not come about yet is no drift", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.fails("failed/0");
    rig.probe.hangs("cut/0");
    const wanted = { generation: 1, scores: { failed: probe("failed"), cut: probe("cut") } };
    await rig.accept(wanted);
    await rig.ledger.flush();
    const next = await rig.crash();
    next.probe.heals("failed/0");
    next.probe.heals("cut/0");
    await next.accept(wanted, "corrective");
    expect(next.status("failed")).toMatchObject({ state: "Ready", outcome: "SUCCESS", change: "intentional" });
    expect(next.status("cut")).toMatchObject({ state: "Ready", outcome: "SUCCESS", change: "intentional" });
  });

  test("a generation that was not carried through before counts as carried through only when it is", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a"), b: probe("b") } });
    rig.probe.hangs("b/0");
    await rig.accept({ generation: 2, scores: { a: probe("a"), b: probe("b", "new") } });
    const next = await rig.crash();
    const release = next.probe.hangs("b/0");
    await next.accept({ generation: 2, scores: { a: probe("a"), b: probe("b", "new") } }, "corrective");
    expect(next.reconciler.observedGeneration).toBe(0);
    release();
    await settle();
    expect(next.reconciler.observedGeneration).toBe(2);
  });

  test("the pauses of a failing Score go on where they were, with its first cause", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.fails("a/0", "Busy");
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    await rig.clock.advance(3000);
    await rig.ledger.flush();
    const { error } = rig.status("a");
    const next = await rig.crash();
    next.probe.throws("a/0");
    await next.accept({ generation: 1, scores: { a: probe("a") } }, "corrective");
    expect(next.status("a")).toMatchObject({ state: "Failed", attempts: 4, error });
    expect(next.clock.nextInMs).toBe(8000);
  });
});
