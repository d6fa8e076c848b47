import { describe, expect, test } from "vitest";
import { probe, unknownKind } from "./support/manifests.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

describe("order", () => {
  test("each Score comes after those it names, whatever the order in the manifest", async () => {
    const rig = await ReconcilerRig.open();
    const scores = { d: probe("d"), c: probe("c"), b: probe("b"), a: probe("a") };
    await rig.accept({ generation: 1, scores, after: { d: ["c"], c: ["a", "b"], b: ["a"] } });
    expect(rig.probe.did).toEqual(["set a/0=x", "set b/0=x", "set c/0=x", "set d/0=x"]);
    expect(new Set(Object.values(rig.states))).toEqual(new Set(["Ready"]));
    // None of them was looked at too early.
    await rig.ledger.flush();
    expect(rig.disk.text("journal.jsonl")).not.toContain("Blocked");
  });

  test("the status tells of the Scores in the manifest's order, whichever of them changed", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a"), b: probe("b"), c: probe("c") } });
    await rig.accept({ generation: 2, scores: { c: probe("c"), a: probe("a", "new"), b: probe("b") } });
    expect(Object.keys(rig.states)).toEqual(["c", "a", "b"]);
  });

  test("what comes after a failed Score is Blocked on it, is not touched, and goes on as soon as that is Ready", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.fails("a/0");
    await rig.accept({
      generation: 1,
      scores: { a: probe("a"), b: probe("b"), c: probe("c"), z: probe("z") },
      after: { b: ["a"], c: ["b"] },
    });
    expect(rig.states).toEqual({ a: "Failed", b: "Blocked", c: "Blocked", z: "Ready" });
    expect(rig.status("b").blockedOn).toEqual(["a"]);
    expect(rig.status("c").blockedOn).toEqual(["b"]);
    expect(rig.reconciler.observedGeneration).toBe(1);

    rig.probe.heals("a/0");
    await rig.clock.advance(1000);
    expect(rig.states).toEqual({ a: "Ready", b: "Ready", c: "Ready", z: "Ready" });
    expect(rig.probe.did.slice(-3)).toEqual(["set a/0=x", "set b/0=x", "set c/0=x"]);
    expect(rig.status("c")).toMatchObject({ change: "intentional", outcome: "SUCCESS", blockedOn: [] });
  });

  test("what comes after a refused Score is Blocked, and what has nothing to do with it goes on", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({
      generation: 1,
      scores: { a: unknownKind(), b: probe("b"), c: probe("c") },
      after: { b: ["a"] },
    });
    expect(rig.states).toEqual({ a: "Refused", b: "Blocked", c: "Ready" });
    expect(rig.status("a").error).toMatchObject({
      reason: "UnknownKind",
      during: "decode",
      blame: "author",
      retryable: false,
    });
    await rig.accept({ generation: 2, scores: { a: probe("a"), b: probe("b"), c: probe("c") }, after: { b: ["a"] } });
    expect(rig.states).toEqual({ a: "Ready", b: "Ready", c: "Ready" });
  });

  test("a Score that becomes due again keeps what comes after it waiting only if it is not Ready", async () => {
    const rig = await ReconcilerRig.open();
    const scores = { a: probe("a"), b: probe("b") };
    await rig.accept({ generation: 1, scores, after: { b: ["a"] } });
    rig.probe.fails("a/0");
    rig.probe.tamper("a/0", "wrong");
    rig.probe.tamper("b/0", "wrong");
    await rig.clock.advance(500);
    expect(rig.states).toEqual({ a: "Failed", b: "Blocked" });
    rig.probe.heals("a/0");
    await rig.clock.advance(5000);
    expect(rig.states).toEqual({ a: "Ready", b: "Ready" });
    expect(rig.status("b")).toMatchObject({ change: "corrective", outcome: "SUCCESS" });
  });
});
