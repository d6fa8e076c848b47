import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import { AgentRig } from "./support/agent-rig.ts";
import { AGENT, file, probe } from "./support/manifests.ts";

/** What the prototype of this agent did wrong, one by one. */
describe("the prototype", () => {
  test("polled: this one takes a manifest up when it is written, and reads the key at most once a minute besides", async () => {
    const rig = await AgentRig.start();
    let gets = 0;
    const get = rig.store.get.bind(rig.store);
    rig.store.get = (...given) => {
      if (given[0] === "desired-state") gets += 1;
      return get(...given);
    };
    const before = rig.clock.monotonicMs();
    await rig.send({ generation: 1, scores: { a: file("/a", "now") } });
    expect([rig.tree, rig.clock.monotonicMs() - before, gets]).toEqual([{ "/a": "now" }, 0, 1]);
    await rig.clock.advance(600_000);
    expect(gets).toBe(11);
  });

  test("never noticed when its watch died: this one finds a manifest whose hint was lost", async () => {
    const rig = await AgentRig.start();
    rig.server.watchers.clear();
    await rig.send({ generation: 1, scores: { a: file("/a", "late") } });
    expect(rig.tree).toEqual({});
    await rig.clock.advance(61_000);
    expect(rig.tree).toEqual({ "/a": "late" });
  });

  test("re-ran its jobs after a restart: this one finds them done", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: probe("a", "x", 3), b: file("/b") } });
    await rig.status();
    const before = [rig.device.probe.did.length, rig.device.files.writes];
    let next = rig;
    for (let restart = 0; restart < 5; restart += 1) next = await next.restart();
    expect([next.device.probe.did.length, next.device.files.writes]).toEqual(before);
    expect(await next.states()).toEqual({ a: "Ready", b: "Ready" });
  });

  test("ran older generations: this one refuses them, before and after a restart", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 7, scores: { a: file("/a", "7") } });
    await rig.send({ generation: 6, scores: { a: file("/a", "6"), evil: file("/evil") } });
    expect(rig.tree).toEqual({ "/a": "7" });
    const next = await rig.restart();
    await next.clock.advance(120_000);
    expect(next.tree).toEqual({ "/a": "7" });
    expect(await next.conditions()).toMatchObject({ Ready: "True Converged", Accepted: "False StaleGeneration" });
  });

  test("lost statuses on a conflict: this one reads, decides and writes again", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: file("/a", "1") } });
    await rig.status();
    await rig.operator.put("actual-state", AGENT, Buffer.from("somebody else's"));
    await rig.send({ generation: 2, scores: { a: file("/a", "2") } });
    expect(await rig.status()).toMatchObject({ generation: 2, scores: { a: { state: "Ready", generation: 2 } } });
  });

  test("took a generation for told although the write of its status had failed: this one tries until it is stored", async () => {
    const rig = await AgentRig.start();
    rig.store.fail("before", { only: ["put"], times: 30 });
    await rig.send({ generation: 1, scores: { a: file("/a") } });
    await rig.clock.advance(60_000);
    expect(await rig.status()).toMatchObject({
      generation: 1,
      observedGeneration: 1,
      scores: { a: { state: "Ready" } },
    });
  });

  test("had no timeout: this one gives a hanging port up at the deadline, says so, and goes on with the others", async () => {
    const rig = await AgentRig.start();
    rig.device.probe.hangs("a/0");
    await rig.send({ generation: 1, scores: { a: probe("a"), b: probe("b") } });
    await rig.clock.advance(28_000);
    expect(await rig.states()).toEqual({ a: "Reconciling", b: "Pending" });
    await rig.clock.advance(1000);
    expect(await rig.states()).toEqual({ a: "Failed", b: "Ready" });
    expect((await rig.status()).scores["a"]?.error).toMatchObject({
      reason: "TimedOut",
      during: "apply",
      step: { do: "set", part: "a/0" },
    });
  });

  test("had no removal: this one removes what a newer manifest does not have", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: file("/a"), b: probe("b") } });
    await rig.send({ generation: 2, scores: { a: file("/a") } });
    expect(rig.device.probe.values.size).toBe(0);
    await rig.send({ generation: 3, scores: {} });
    expect(rig.tree).toEqual({});
  });

  test("had no notion of drift: this one repairs it and tells it from a change that was ordered", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: file("/a", "mine") } });
    await rig.clock.advance(60_000);
    rig.device.files.put("/a", { type: "file", text: "theirs" });
    await rig.clock.advance(100);
    expect(rig.tree).toEqual({ "/a": "mine" });
    expect((await rig.status()).scores["a"]).toMatchObject({
      state: "Ready",
      outcome: "SUCCESS",
      change: "corrective",
      generation: 1,
    });
  });

  test("stopped beating while a Score took long: this one beats every ten seconds", async () => {
    const rig = await AgentRig.start();
    rig.device.probe.hangs("a/0");
    await rig.send({ generation: 1, scores: { a: probe("a") } });
    for (let sequence = 2; sequence <= 3; sequence += 1) {
      await rig.clock.advance(10_000);
      expect(await rig.heartbeat()).toMatchObject({ sequence, observedGeneration: 0 });
      expect((await rig.heartbeat()).at).toBe(rig.clock.now().toISOString());
    }
  });

  test("declared that a job runs and never said so: this one tells within a second", async () => {
    const rig = await AgentRig.start();
    rig.device.probe.hangs("a/0");
    await rig.send({ generation: 1, scores: { a: probe("a") } });
    expect(await rig.states()).toEqual({ a: "Reconciling" });
  });

  test("ran a command and told its result: so does this one, of a failing one with its cause", async () => {
    const rig = await AgentRig.start();
    rig.device.files.put("/dir", { type: "directory" });
    await rig.send({ generation: 1, scores: { good: file("/good"), bad: file("/dir") } });
    expect((await rig.status()).scores).toMatchObject({
      good: { state: "Ready", outcome: "SUCCESS" },
      bad: {
        state: "Failed",
        outcome: "FAILURE",
        error: { reason: "Obstructed", blame: "device", message: expect.stringContaining("/dir") },
      },
    });
  });

  test("found nothing to do where no desired state was written: so does this one, and it says why", async () => {
    const rig = await AgentRig.start();
    await settle();
    expect(await rig.conditions()).toMatchObject({ Ready: "False NoDesiredState", Accepted: "Unknown NoDesiredState" });
    expect([rig.device.files.writes, rig.device.probe.did]).toEqual([0, []]);
  });
});
