import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import { SCORE_STATES } from "../../src/wire/status.ts";
import { AgentRig, CONVERGED } from "./support/agent-rig.ts";
import { probe, unknownKind } from "./support/manifests.ts";

describe("every state of a Score that this version tells is told by some agent:", () => {
  test("each", async () => {
    const seen = new Set<string>();
    const rig = await AgentRig.start();
    const look = async (): Promise<void> => {
      for (const state of Object.values(await rig.states())) seen.add(state);
    };
    rig.device.probe.fails("f/0");
    const release = rig.device.probe.hangs("h/0");
    const scores = { f: probe("f"), b: probe("b"), u: unknownKind(), h: probe("h"), later: probe("later") };
    await rig.send({ generation: 1, scores, after: { b: ["f"] } });
    await look();
    release();
    await look();
    rig.device.probe.fails("later/0");
    await rig.send({ generation: 2, scores: { h: probe("h") } });
    await look();
    await rig.send({ generation: 3, scores: { h: probe("h", "y") }, policies: { h: { ownership: "observe" } } });
    await look();
    expect([...seen].toSorted()).toEqual([...SCORE_STATES].toSorted());
  });

  test("while a Score takes long, its own and those of the others", async () => {
    const rig = await AgentRig.start();
    rig.device.probe.hangs("b/0");
    await rig.send({ generation: 1, scores: { a: probe("a"), b: probe("b"), c: probe("c") } });
    expect(await rig.states()).toEqual({ a: "Ready", b: "Reconciling", c: "Pending" });
    expect(await rig.conditions()).toMatchObject({ Ready: "False Working", Reconciling: "True Working" });
    expect(await rig.status()).toMatchObject({ generation: 1, observedGeneration: 0 });
  });
});

describe("conditions", () => {
  test("tell of failed, blocked and refused Scores, and of their recovery", async () => {
    const rig = await AgentRig.start();
    rig.device.probe.fails("f/0");
    await rig.send({ generation: 1, scores: { f: probe("f"), b: probe("b") }, after: { b: ["f"] } });
    expect(await rig.conditions()).toEqual({
      Ready: "False ScoresFailed",
      Reconciling: "False Idle",
      Degraded: "True ScoresFailed",
      Accepted: "True Accepted",
    });
    const since = (await rig.status()).conditions.find(({ type }) => type === "Degraded")?.since;
    await rig.clock.advance(60_000);
    expect((await rig.status()).conditions.find(({ type }) => type === "Degraded")?.since).toBe(since);
    rig.device.probe.heals("f/0");
    await rig.clock.advance(300_000);
    expect(await rig.conditions()).toEqual(CONVERGED);
    await rig.send({ generation: 2, scores: { u: unknownKind() } });
    expect(await rig.conditions()).toEqual({
      Ready: "False ScoresRefused",
      Reconciling: "False Idle",
      Degraded: "True ScoresRefused",
      Accepted: "True Accepted",
    });
  });

  test("Ready: drift that is only to be told is converged, and says so", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: probe("a") }, policies: { a: { drift: "report" } } });
    expect(await rig.conditions()).toEqual(CONVERGED);
    rig.device.probe.tamper("a/0", "theirs");
    expect(await rig.conditions()).toEqual({ ...CONVERGED, Ready: "True DriftReported" });
  });

  test("Contested: as long as somebody undoes the same again and again", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: probe("a") } });
    for (let time = 0; time < 2; time += 1) {
      await rig.clock.advance(5000);
      rig.device.probe.tamper("a/0", "theirs");
      await rig.clock.advance(100);
    }
    expect(await rig.conditions()).toEqual({ ...CONVERGED, Contested: "True UndoneByOthers" });
    await rig.clock.advance(1_300_000);
    expect(await rig.conditions()).toEqual(CONVERGED);
  });

  test("DiskPressure: as long as the ledger cannot be saved, and what was begun goes on after it", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: probe("a") } });
    rig.device.disk.fail("NoSpace");
    await rig.send({ generation: 2, scores: { a: probe("a", "y") } });
    expect(await rig.conditions()).toMatchObject({ Ready: "False ScoresFailed", DiskPressure: "True NoSpace" });
    rig.device.disk.fail("ReadOnly");
    await rig.clock.advance(10_000);
    expect(await rig.conditions()).toMatchObject({ DiskPressure: "True NotSaved" });
    rig.device.disk.heal();
    await rig.clock.advance(60_000);
    expect(await rig.conditions()).toEqual(CONVERGED);
    expect(rig.device.probe.values.get("a/0")).toBe("y");
  });

  test("DiskPressure: also before the disk is full, and not over with the first byte that is freed", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: probe("a") } });
    const pressed = async (freeMiB: number) => {
      rig.device.disk.free = { freeBytes: freeMiB * 2 ** 20, totalBytes: 8 * 2 ** 30 };
      await rig.clock.advance(61_000);
      const told = (await rig.status()).conditions.find(({ type }) => type === "DiskPressure");
      return told && `${told.status} ${told.reason} ${told.message}`;
    };
    expect(await pressed(32)).toBeUndefined();
    const low = await pressed(31);
    expect(low).toMatch(/^True LowSpace .* 31 MiB of 8192 MiB were left/);
    expect(await pressed(33)).toBe(low);
    expect(await pressed(41)).toBeUndefined();
    // A small file system is not full for being small.
    rig.device.disk.free = { freeBytes: 20 * 2 ** 20, totalBytes: 64 * 2 ** 20 };
    await rig.clock.advance(61_000);
    expect(await rig.conditions()).toEqual(CONVERGED);
  });

  test("Offline: known on the device while the link is down, and told with since and until when it is back", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: probe("a") } });
    await rig.status();
    const offline = () => rig.agent.conditions.find(({ type }) => type === "Offline");
    rig.store.disconnect();
    const since = rig.clock.now().toISOString();
    await rig.clock.advance(30_000);
    rig.store.reconnect();
    await settle();
    expect([offline(), await rig.conditions()]).toEqual([undefined, CONVERGED]);
    rig.store.disconnect();
    const again = rig.clock.now().toISOString();
    await rig.clock.advance(40_000);
    expect(offline()).toMatchObject({ status: "True", reason: "NoLink", message: expect.stringContaining(again) });
    const until = rig.clock.now().toISOString();
    rig.store.reconnect();
    await settle();
    expect(await rig.conditions()).toEqual({ ...CONVERGED, Offline: "False LinkBack" });
    expect(offline()?.message).toBe(`out of reach from ${again} until ${until}`);
    expect(again > since).toBe(true);
  });

  test("Offline: also where the server was not there yet when the agent started", async () => {
    const rig = await AgentRig.start({ offline: true });
    await rig.clock.advance(40_000);
    expect(rig.agent.conditions).toContainEqual(expect.objectContaining({ type: "Offline", status: "True" }));
    rig.store.reconnect();
    await settle();
    expect(await rig.conditions()).toMatchObject({ Offline: "False LinkBack" });
  });

  test("Fenced: known on the device alone, since the key is the other one's", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: probe("a") } });
    const other = await AgentRig.start({ server: rig.server, clock: rig.clock, bootId: "boot-2" });
    await rig.clock.advance(20_000);
    expect([rig.agent.isFenced, other.agent.isFenced]).toEqual([true, false]);
    expect(rig.agent.conditions).toMatchObject([{ type: "Fenced", status: "True", reason: "TakenOver" }]);
    expect(await other.conditions()).toEqual(CONVERGED);
  });

  test("do not stay at Reconciling when a status happened to be written in the middle of a pass that found all well", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: probe("a") } });
    await rig.status();
    // A look that takes its time, and meanwhile somebody writes something that has to be told.
    const release = rig.device.probe.blinds("a/0");
    rig.device.probe.hint("a");
    await settle();
    await rig.send(Buffer.from("{"));
    expect(await rig.conditions()).toMatchObject({ Reconciling: "True Working" });
    release();
    expect(await rig.conditions()).toMatchObject({ Ready: "True Converged", Reconciling: "False Idle" });
  });
});
