import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import { file, free, service } from "./support/manifests.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

const services = (count: number, environment = {}): Record<string, ReturnType<typeof service>> =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`s${at}`, service(`unit${at}`, environment)]));

describe("what serves many is done once", () => {
  test("for as many services as there are: to make them, to change them, and to remove them", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { ...services(100), f: file("/f") } });
    expect(new Set(Object.values(rig.states))).toEqual(new Set(["Ready"]));
    expect(rig.systemd.reloads).toBe(1);
    await rig.accept({ generation: 2, scores: services(100, { A: "1" }) });
    expect(rig.status("s99")).toMatchObject({ state: "Ready", outcome: "SUCCESS", generation: 2 });
    expect(rig.systemd.reloads).toBe(2);
    await rig.accept({ generation: 3, scores: {} });
    expect([rig.states, rig.systemd.tree()]).toEqual([{}, {}]);
    expect(rig.systemd.reloads).toBe(3);
    expect(rig.clock.timers).toBe(0);
  });

  test("and once more for what comes after", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: services(4), after: { s3: ["s0", "s1"], s2: ["s0"] } });
    expect(new Set(Object.values(rig.states))).toEqual(new Set(["Ready"]));
    expect(rig.systemd.reloads).toBe(2);
  });

  test("although one of them fails on the way there", async () => {
    const rig = await ReconcilerRig.open();
    rig.systemd.put("unit1.service", { obstacle: "directory" });
    await rig.accept({ generation: 1, scores: services(3) });
    expect(rig.states).toEqual({ s0: "Ready", s1: "Failed", s2: "Ready" });
    expect(rig.systemd.reloads).toBe(1);
  });

  test("in the order of removal: all is stopped and taken away, newest first, before any goes on", async () => {
    const rig = await ReconcilerRig.open();
    const probes = { a: free("a", { parts: 2, gathersAt: 0 }), b: free("b", { parts: 2, gathersAt: 1 }) };
    await rig.accept({ generation: 1, scores: { ...probes, c: free("c", { parts: 2, gathersAt: 1 }) } });
    expect(rig.probe.did.slice(0, 2)).toEqual(["set b/0=x", "set c/0=x"]);
    rig.probe.did.length = 0;
    await rig.accept({ generation: 2, scores: {} });
    expect(rig.probe.did.slice(0, 2).toSorted()).toEqual(["remove b/0", "remove c/0"]);
    expect(rig.probe.did.slice(2).toSorted()).toEqual(["remove a/0", "remove a/1", "remove b/1", "remove c/1"]);
  });
});

describe("whoever waits for others", () => {
  test("does not wait for what will never come to such a step, nor long for what may", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.hangs("slow/0");
    const { f, ...scores } = { f: file("/f"), ...services(2) };
    await rig.accept({ generation: 1, scores: { slow: free("slow", { parts: 2, gathersAt: 1 }), f, ...scores } });
    expect(rig.states).toEqual({ slow: "Reconciling", f: "Ready", s0: "Reconciling", s1: "Reconciling" });
    await rig.clock.advance(4999);
    expect(rig.systemd.reloads).toBe(0);
    await rig.clock.advance(1);
    expect(rig.states).toEqual({ slow: "Reconciling", f: "Ready", s0: "Ready", s1: "Ready" });
    expect(rig.systemd.reloads).toBe(1);
  });

  test("loses none of its own time by it", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.hangs("slow/0");
    rig.probe.hangs("a/0");
    const scores = { slow: free("slow", { parts: 2, gathersAt: 1 }), a: free("a", { gathersAt: 0 }) };
    await rig.accept({ generation: 1, scores });
    await rig.clock.advance(30_000);
    expect(rig.states).toEqual({ slow: "Failed", a: "Reconciling" });
    await rig.clock.advance(4999);
    expect(rig.states["a"]).toBe("Reconciling");
    await rig.clock.advance(1);
    expect(rig.status("a")).toMatchObject({ state: "Failed", error: { reason: "TimedOut" } });
  });

  test("ends at once when the agent stops", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.hangs("slow/0");
    const scores = { slow: free("slow", { parts: 2, gathersAt: 1 }), a: free("a", { gathersAt: 0 }) };
    await rig.accept({ generation: 1, scores });
    rig.stop.abort();
    await rig.reconciler.idle();
    expect([rig.probe.did, rig.clock.timers]).toEqual([["set slow/0=x"], 0]);
  });

  test("ends when it is out of date, and the newer one does not wait for it", async () => {
    const rig = await ReconcilerRig.open();
    const release = rig.probe.hangs("slow/0");
    const slow = free("slow", { parts: 2, gathersAt: 1 });
    await rig.accept({
      generation: 1,
      scores: { slow, a: free("a", { gathersAt: 0 }), b: free("b", { gathersAt: 0 }) },
    });
    await rig.accept({ generation: 2, scores: { slow, a: free("a", { value: "2" }) } });
    expect(rig.probe.did).toEqual(["set slow/0=x", "set a/0=2"]);
    release();
    await settle();
    expect(rig.states).toEqual({ slow: "Ready", a: "Ready" });
    expect([...rig.probe.values.keys()].toSorted()).toEqual(["a/0", "slow/0", "slow/1"]);
  });
});
