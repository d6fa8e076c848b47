import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { AgentRig, CONVERGED, wipe } from "./support/agent-rig.ts";
import { AGENT, file, probe } from "./support/manifests.ts";

describe("the server", () => {
  test("that comes back empty is told everything again, and nothing is removed", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 2, scores: { a: file("/a", "kept") } });
    await rig.status();
    rig.store.disconnect();
    wipe(rig.server);
    await rig.clock.advance(20_000);
    rig.store.reconnect();
    await settle();
    expect(await rig.status()).toMatchObject({ generation: 2, epoch: 1, scores: { a: { state: "Ready" } } });
    expect(await rig.conditions()).toEqual({ ...CONVERGED, Accepted: "Unknown NoDesiredState" });
    expect((await rig.capabilities()).agentId).toBe(AGENT);
    expect((await rig.heartbeat()).epoch).toBe(1);
    expect(rig.tree).toEqual({ "/a": "kept" });
  });

  test("that loses everything without the connection noticing is told again with one of the next heartbeats", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 2, scores: {} });
    await rig.status();
    wipe(rig.server);
    await rig.clock.advance(20_000);
    expect(await rig.status()).toMatchObject({ generation: 2 });
    expect((await rig.capabilities()).agentId).toBe(AGENT);
  });

  test("that was away for a moment is told at once what happened meanwhile", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: probe("a") } });
    await rig.clock.advance(60_000);
    rig.store.disconnect();
    rig.device.probe.tamper("a/0", "theirs");
    await rig.clock.advance(1500);
    const before = rig.statusWrites;
    expect(before).toBeGreaterThan(0);
    rig.store.reconnect();
    await settle();
    expect(rig.statusWrites).toBe(before + 1);
    expect(await rig.status()).toMatchObject({ scores: { a: { change: "corrective" } } });
  });

  test("whose buckets are made only later is waited for", async () => {
    const rig = await AgentRig.start({ server: new MemoryServer({ buckets: false }) });
    await rig.clock.advance(60_000);
    await rig.operator.ensureBuckets();
    await rig.clock.advance(10_000);
    expect(await rig.conditions()).toMatchObject({ Accepted: "Unknown NoDesiredState" });
    await rig.send({ generation: 1, scores: { a: file("/a") } });
    expect(await rig.conditions()).toEqual(CONVERGED);
  });

  test("that goes and comes during many changes has every one told right at the end", async () => {
    const rig = await AgentRig.start();
    for (let generation = 1; generation <= 20; generation += 1) {
      if (generation % 3 === 0) rig.store.disconnect();
      if (generation % 3 === 1) rig.store.fail(generation % 2 === 0 ? "after" : "before", { times: 2 });
      await rig.send({ generation, scores: { a: file("/a", String(generation)) } });
      await rig.clock.advance(700);
      if (generation % 3 === 0) rig.store.reconnect();
    }
    await rig.clock.advance(30_000);
    expect(rig.tree).toEqual({ "/a": "20" });
    expect(await rig.status()).toMatchObject({
      generation: 20,
      observedGeneration: 20,
      scores: { a: { generation: 20, state: "Ready" } },
    });
  });
});

describe("two agents with one id", () => {
  test("exactly one goes on: the other stops interpreting, reporting, beating and answering, and does not come back", async () => {
    const first = await AgentRig.start({ bootId: "first" });
    await first.send({ generation: 1, scores: { a: probe("a") } });
    await first.status();
    const second = await AgentRig.start({ server: first.server, clock: first.clock, bootId: "second" });
    await first.clock.advance(20_000);
    expect([first.agent.isFenced, second.agent.isFenced]).toEqual([true, false]);
    expect(first.logged.some((message) => message.startsWith("Fenced"))).toBe(true);

    const told = [first.statusWrites, first.device.probe.did.length];
    await second.send({ generation: 2, scores: { a: probe("a", "new") } });
    first.device.probe.tamper("a/0", "theirs");
    await first.clock.advance(600_000);
    expect([first.statusWrites, first.device.probe.did.length]).toEqual(told);
    expect(first.device.probe.values.get("a/0")).toBe("theirs");
    expect(second.device.probe.values.get("a/0")).toBe("new");
    expect(await second.status()).toMatchObject({ epoch: 2, agent: { bootId: "second" }, generation: 2 });
    expect([first.agent.isFenced, second.agent.isFenced]).toEqual([true, false]);
    expect(await second.heartbeat()).toMatchObject({ bootId: "second" });
  });

  test("the one in the middle of a step takes no other", async () => {
    const first = await AgentRig.start({ bootId: "first" });
    const release = first.device.probe.hangs("a/0");
    await first.send({ generation: 1, scores: { a: probe("a", "x", 3) } });
    const second = await AgentRig.start({ server: first.server, clock: first.clock, bootId: "second" });
    await first.clock.advance(10_000);
    expect(first.agent.isFenced).toBe(true);
    release();
    await first.clock.advance(10_000);
    expect(first.device.probe.did).toEqual(["set a/0=x"]);
    expect(second.agent.isFenced).toBe(false);
  });

  test("that start in the same moment: one of them is fenced", async () => {
    const server = new MemoryServer();
    const one = await AgentRig.open({ server, bootId: "one" });
    const two = await AgentRig.open({ server, bootId: "two", clock: one.clock });
    one.agent.start();
    two.agent.start();
    await one.clock.advance(60_000);
    expect([one, two].filter(({ agent }) => agent.isFenced)).toHaveLength(1);
  });
});
