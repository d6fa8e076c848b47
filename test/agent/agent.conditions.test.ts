import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import { SCORE_STATES } from "../../src/wire/status.ts";
import { AgentRig, CONVERGED } from "./support/agent-rig.ts";
import { probe, unknownKind } from "./support/manifests.ts";

describe("every state of a Score that this version tells is told by some agent:", () => {
  test("each but Drifted, which nothing sets yet", async () => {
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
    expect([...seen].toSorted()).toEqual(SCORE_STATES.filter((state) => state !== "Drifted").toSorted());
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
