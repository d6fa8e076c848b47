import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import { directory, file, probe, unknownKind } from "./support/manifests.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

describe("drift", () => {
  test("is repaired as corrective when a hint tells of it", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: file("/a", "mine"), b: file("/b", "mine") } });
    const before = rig.status("a");
    expect(before).toMatchObject({ outcome: "SUCCESS", change: "intentional" });
    await rig.clock.advance(60_000);
    rig.files.put("/a", { type: "file", text: "theirs" });
    await rig.clock.advance(0);
    expect(rig.tree["/a"]).toBe("mine");
    expect(rig.status("a")).toMatchObject({
      state: "Ready",
      outcome: "SUCCESS",
      change: "corrective",
      since: rig.clock.now().toISOString(),
    });
    expect(rig.status("b")).toMatchObject({ change: "intentional" });
  });

  test("that is none, but changes what there is to be told of a Score, is told", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { d: directory("/d") } });
    const before = rig.status("d");
    expect(before.details).toMatchObject({ empty: true });
    rig.files.put("/d/theirs", { type: "file", text: "" });
    await rig.clock.advance(1000);
    expect(rig.status("d")).toEqual({ ...before, details: { ...Object(before.details), empty: false } });
  });

  test("that no hint told of is found by the pass", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    rig.probe.values.set("a/0", "theirs");
    await rig.clock.advance(60_000);
    expect(rig.probe.values.get("a/0")).toBe("theirs");
    rig.reconciler.lookAtAll();
    await settle();
    expect(rig.probe.values.get("a/0")).toBe("x");
    expect(rig.status("a")).toMatchObject({ outcome: "SUCCESS", change: "corrective" });
  });

  test("that comes about after the last look and before that look is over is repaired, and need not wait for the pass", async () => {
    const rig = await ReconcilerRig.open();
    const { probe: host } = rig;
    const read = host.read.bind(host);
    let looks = 0;
    host.read = (name) => {
      const seen = read(name);
      looks += 1;
      if (looks !== 2) return seen;
      // The look after the work: as it is answered, somebody else changes what it was about.
      host.values.set("a/0", "theirs");
      host.hint("a");
      return seen;
    };
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    expect(rig.status("a")).toMatchObject({ state: "Ready", outcome: "SUCCESS", change: "intentional" });
    expect(host.values.get("a/0")).toBe("theirs");
    await rig.clock.advance(1000);
    expect(host.values.get("a/0")).toBe("x");
    expect(rig.status("a")).toMatchObject({ state: "Ready", outcome: "SUCCESS", change: "corrective" });
  });

  test("told of by a storm of hints costs one look, and no timer for each", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    await rig.clock.advance(1000);
    const { reads } = rig.probe;
    for (let storm = 0; storm < 1000; storm += 1) rig.probe.hint("a");
    await rig.clock.advance(0);
    for (let storm = 0; storm < 1000; storm += 1) rig.probe.hint("a");
    expect(rig.clock.timers).toBe(1);
    await rig.clock.advance(1000);
    expect(rig.probe.reads - reads).toBe(2);
    expect(rig.clock.timers).toBe(0);
  });

  test("that comes back after each repair is repaired ever more rarely, and at once again after a quiet time", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    await rig.clock.advance(60_000);
    rig.probe.did.length = 0;
    const tamper = (): void => {
      rig.probe.values.set("a/0", "theirs");
      rig.probe.hint("a");
    };
    for (let turn = 0; turn < 6000; turn += 1) {
      if (rig.probe.values.get("a/0") !== "theirs") tamper();
      await rig.clock.advance(100);
    }
    expect(rig.probe.did.length).toBeGreaterThan(8);
    expect(rig.probe.did.length).toBeLessThan(15);
    await rig.clock.advance(600_000);
    expect(rig.probe.values.get("a/0")).toBe("x");
    tamper();
    await rig.clock.advance(20);
    expect(rig.probe.values.get("a/0")).toBe("x");
  });

  test("of a Score that the manifest no longer has is nobody's business", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    rig.probe.hint("a");
    await rig.accept({ generation: 2, scores: {} });
    await rig.clock.advance(1000);
    expect(rig.probe.watched).toEqual([]);
    expect(rig.clock.timers).toBe(0);
    expect(rig.probe.did).toEqual(["set a/0=x", "remove a/0"]);
  });

  test("a pass that finds all well changes no status, writes nothing and tells nothing but that it is over", async () => {
    const rig = await ReconcilerRig.open();
    const scores = { a: probe("a"), b: file("/b", "b"), c: directory("/c"), r: unknownKind() };
    await rig.accept({ generation: 1, scores, after: { b: ["a"] } });
    await rig.ledger.flush();
    const before = [
      rig.reconciler.statuses(),
      rig.reconciler.changes,
      rig.disk.writes.length,
      rig.files.writes,
      rig.probe.did.length,
    ] as const;
    for (let pass = 0; pass < 20; pass += 1) {
      rig.reconciler.lookAtAll();
      await rig.clock.advance(1000);
      await rig.ledger.flush();
    }
    const after = [
      rig.reconciler.statuses(),
      rig.reconciler.changes,
      rig.disk.writes.length,
      rig.files.writes,
      rig.probe.did.length,
    ] as const;
    expect(after).toEqual(before);
    for (const [id, status] of Object.entries(before[0])) expect(after[0][id]).toBe(status);
  });

  test("does not undercut the pauses between the attempts at what fails", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.fails("a/0");
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    const { attempts } = rig.status("a");
    for (let pass = 0; pass < 5; pass += 1) {
      rig.reconciler.lookAtAll();
      await settle();
    }
    expect(rig.status("a")).toMatchObject({ state: "Failed", attempts });
    await rig.clock.advance(1500);
    expect(rig.status("a").attempts).toBe(attempts + 1);
  });
});
