import { describe, expect, test } from "vitest";
import * as z from "zod";
import { SystemdServiceScore } from "../../src/scores/index.ts";
import { settle } from "../../src/testing/fake-clock.ts";
import { file, service } from "./support/manifests.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

const asked = { type: "http", port: 80, path: "/health", intervalSeconds: 10, failureThreshold: 3 } as const;
const ready = new SystemdServiceScore({ name: "web", exec: ["/bin/web"], readiness: asked });
const alive = new SystemdServiceScore({ name: "web", exec: ["/bin/web"], liveness: asked });
const UNIT = "web.service";

const accept = async (score: SystemdServiceScore, unit = {}): Promise<ReconcilerRig> => {
  const rig = await ReconcilerRig.open();
  rig.systemd.put(UNIT, unit);
  await rig.accept({ generation: 1, scores: { web: score, page: file("/page", "") }, after: { page: ["web"] } });
  await rig.clock.advance(0);
  return rig;
};
const Did = z.array(z.looseObject({ do: z.string() })).catch([]);
const restarts = (rig: ReconcilerRig): readonly unknown[] =>
  rig.logged.flatMap(({ fields: { did } }) => Did.parse(did).filter((step) => step.do === "restartHung"));

describe("readiness", () => {
  test("keeps a service from being Ready until it answers, and what comes after it waits for that", async () => {
    const rig = await accept(ready, { mute: true });
    expect(rig.states).toEqual({ web: "Reconciling", page: "Blocked" });
    expect(rig.status("web")).toMatchObject({ outcome: "SUCCESS", details: { state: "getting-ready" }, error: null });
    expect(rig.reconciler.isWorking).toBe(false);
    await rig.clock.advance(3000);
    rig.systemd.put(UNIT, { mute: false });
    await rig.clock.advance(1000);
    expect(rig.states).toEqual({ web: "Ready", page: "Ready" });
    expect(rig.status("web")).toMatchObject({ outcome: "SUCCESS", change: "intentional" });
  });

  test("that never comes is told as a failure, is no reason for a restart, and is waited for all the same", async () => {
    const rig = await accept(ready, { mute: true });
    await rig.clock.advance(60_000);
    expect(rig.states).toEqual({ web: "Failed", page: "Blocked" });
    expect(rig.status("web").error).toMatchObject({
      reason: "Unhealthy",
      message: "web.service runs and is not ready: nothing answers",
    });
    rig.systemd.put(UNIT, { mute: false });
    await rig.clock.advance(10_000);
    expect(rig.states).toEqual({ web: "Ready", page: "Ready" });
    expect(restarts(rig)).toEqual([]);
  });

  test("that is lost later makes it not Ready, after as many bad answers as declared, and restarts nothing", async () => {
    const rig = await accept(ready);
    await rig.clock.advance(60_000);
    const before = rig.systemd.tree();
    rig.systemd.put(UNIT, { mute: true });
    await rig.clock.advance(29_000);
    expect(rig.states["web"]).toBe("Ready");
    await rig.clock.advance(2_000);
    expect(rig.status("web")).toMatchObject({ state: "Failed", details: { state: "unready" } });
    expect(rig.systemd.tree()).toEqual(before);
    rig.systemd.put(UNIT, { mute: false });
    await rig.clock.advance(11_000);
    expect(rig.states["web"]).toBe("Ready");
  });

  test("a newer manifest need not wait for it", async () => {
    const rig = await accept(ready, { mute: true });
    await rig.accept({ generation: 2, scores: { web: service("web") } });
    expect(rig.states).toEqual({ web: "Ready" });
    await rig.accept({ generation: 3, scores: {} });
    await rig.clock.advance(0);
    expect(rig.clock.timers).toBe(0);
  });

  test("is asked for as long as the Score is, without a word and without a write while nothing changes", async () => {
    const rig = await accept(ready);
    // Its own work was a hint that something may have changed.
    await rig.clock.advance(1000);
    await rig.ledger.flush();
    const before = [
      rig.reconciler.statuses(),
      rig.reconciler.changes,
      rig.disk.writes.length,
      rig.told.length,
    ] as const;
    const { questions } = rig.systemd;
    await rig.clock.advance(600_000);
    await rig.ledger.flush();
    expect(rig.systemd.questions - questions).toBe(60);
    const after = [rig.reconciler.statuses(), rig.reconciler.changes, rig.disk.writes.length, rig.told.length] as const;
    expect(after).toEqual(before);
  });
});

describe("liveness", () => {
  test("that fails as often as declared restarts the service, as corrective and with the reason", async () => {
    const rig = await accept(alive);
    await rig.clock.advance(60_000);
    rig.systemd.put(UNIT, { hung: true });
    await rig.clock.advance(29_000);
    expect(restarts(rig)).toEqual([]);
    await rig.clock.advance(5_000);
    expect(restarts(rig)).toEqual([
      { do: "restartHung", unit: UNIT, because: "its liveness failed: nothing answers", times: 1 },
    ]);
    expect(rig.status("web")).toMatchObject({
      state: "Ready",
      outcome: "SUCCESS",
      change: "corrective",
      repairs: 1,
      details: { state: "running", revived: { times: 1, why: "nothing answers" } },
    });
  });

  test("that no restart helps is Failed from the second time on, and restarted ever more rarely", async () => {
    const rig = await accept(alive);
    await rig.clock.advance(60_000);
    rig.systemd.put(UNIT, { mute: true });
    await rig.clock.advance(70_000);
    expect(rig.status("web")).toMatchObject({ state: "Failed", error: { reason: "Unhealthy" } });
    await rig.clock.advance(1_000_000);
    expect(rig.states["web"]).toBe("Failed");
    const times = restarts(rig).length;
    expect(times).toBeGreaterThan(4);
    expect(times).toBeLessThan(10);
    // Each a repair of another number, so that nobody is said to undo them.
    expect(rig.status("web").contested).toBeUndefined();
    rig.systemd.put(UNIT, { mute: false });
    await rig.clock.advance(300_000);
    expect(rig.status("web")).toMatchObject({ state: "Ready", error: null });
  });

  test("of a service that is to be told of alone restarts nothing", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { web: alive }, policies: { web: { drift: "report" } } });
    await rig.clock.advance(60_000);
    rig.systemd.put(UNIT, { hung: true });
    await rig.clock.advance(40_000);
    expect(rig.status("web")).toMatchObject({ state: "Drifted", wouldDo: [{ do: "restartHung" }] });
    await settle();
    expect(restarts(rig)).toEqual([]);
  });
});
