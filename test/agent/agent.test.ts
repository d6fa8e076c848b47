import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import { AgentRig, CONVERGED } from "./support/agent-rig.ts";
import { AGENT, directory, envelopeOf, file, probe } from "./support/manifests.ts";

describe("an agent", () => {
  test("takes a manifest from its key, makes its device so, and tells", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { motd: file("/etc/motd", "hello\n", { parents: true }), a: probe("a") } });
    expect(rig.tree).toEqual({ "/etc": null, "/etc/motd": "hello\n" });
    expect(await rig.conditions()).toEqual(CONVERGED);
    const status = await rig.status();
    expect(status).toMatchObject({
      agentId: AGENT,
      generation: 1,
      observedGeneration: 1,
      observedRevision: 1,
      epoch: 1,
      agent: { bootId: "boot-1", topology: "TestTopology" },
    });
    expect(status.scores["motd"]).toMatchObject({
      kind: "File",
      state: "Ready",
      outcome: "SUCCESS",
      change: "intentional",
      generation: 1,
      error: null,
      details: { path: "/etc/motd", size: 6 },
    });
    expect(await rig.heartbeat()).toMatchObject({ epoch: 1, bootId: "boot-1" });
    expect(await rig.capabilities()).toMatchObject({
      topology: "TestTopology",
      capabilities: { FileSystemHost: { root: "/" }, ProbeHost: {} },
      kinds: { File: [1], Directory: [1], Probe: [1] },
    });
  });

  test("removes what an empty set no longer has", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: file("/a") } });
    await rig.send({ generation: 2, scores: {} });
    expect(rig.tree).toEqual({});
    expect(await rig.status()).toMatchObject({ generation: 2, observedGeneration: 2, scores: {} });
    expect(await rig.conditions()).toEqual(CONVERGED);
  });

  test.each([
    ["was never written", null, { Ready: "False NoDesiredState", Accepted: "Unknown NoDesiredState" }],
    ["is unreadable", Buffer.from("]"), { Ready: "False NoDesiredState", Accepted: "False Malformed" }],
    [
      "is for another agent",
      envelopeOf({ generation: 1, scores: {}, agentId: "pi-8" }),
      { Accepted: "False WrongAgent" },
    ],
  ])("whose key %s says so and does nothing", async (_, bytes, conditions) => {
    const rig = await AgentRig.start();
    if (bytes !== null) await rig.send(bytes);
    expect(await rig.conditions()).toMatchObject(conditions);
    expect(await rig.status()).toMatchObject({ generation: 0, observedGeneration: 0, scores: {} });
    expect(rig.device.files.writes).toBe(0);
  });

  test("goes on after each kind of bad manifest as if it had never come, and says which one it was", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 5, scores: { a: file("/a", "kept") } });
    const { writes } = rig.device.files;
    const bad: readonly (readonly [Uint8Array, string])[] = [
      [Buffer.from("{"), "Malformed"],
      [envelopeOf({ generation: 4, scores: {} }), "StaleGeneration"],
      [envelopeOf({ generation: 5, scores: {} }), "StaleGeneration"],
      [envelopeOf({ generation: 6, scores: {}, agentId: "pi-8" }), "WrongAgent"],
      [Buffer.from(JSON.stringify({ wire: 1, payloadSha256: "0".repeat(64), signatures: [] })), "MissingPayload"],
    ];
    for (const [bytes, reason] of bad) {
      await rig.send(bytes);
      expect(await rig.conditions()).toEqual({ ...CONVERGED, Accepted: `False ${reason}` });
    }
    expect(await rig.status()).toMatchObject({
      generation: 5,
      observedRevision: 6,
      scores: { a: { state: "Ready", generation: 5 } },
    });
    expect([rig.tree, rig.device.files.writes]).toEqual([{ "/a": "kept" }, writes]);
  });

  test("takes the deletion of its key for no order at all", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: file("/a", "kept") } });
    await rig.operator.delete("desired-state", AGENT);
    await settle();
    expect(await rig.conditions()).toEqual({ ...CONVERGED, Accepted: "Unknown DesiredStateDeleted" });
    await rig.clock.advance(700_000);
    expect(rig.tree).toEqual({ "/a": "kept" });
    rig.device.files.put("/a", { type: "file", text: "theirs" });
    await rig.clock.advance(100);
    expect(rig.tree).toEqual({ "/a": "kept" });
  });

  test("that is idle and converged writes nothing anywhere but its heartbeat", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: file("/a"), d: directory("/d"), p: probe("p") } });
    await rig.status();
    const before = [
      rig.statusWrites,
      rig.device.disk.writes.length,
      rig.device.files.writes,
      rig.device.probe.did.length,
    ];
    await rig.clock.advance(3_600_000);
    expect([
      rig.statusWrites,
      rig.device.disk.writes.length,
      rig.device.files.writes,
      rig.device.probe.did.length,
    ]).toEqual(before);
    expect(await rig.heartbeat()).toMatchObject({ sequence: 361 });
    expect(rig.device.probe.reads).toBeGreaterThan(10);
  });

  test("that never got through to its server stops at once as well", async () => {
    const rig = await AgentRig.open();
    rig.store.fail("before", { times: Infinity });
    rig.agent.start();
    await rig.clock.advance(1200);
    await rig.agent.stop();
    expect(rig.clock.timers).toBe(0);
    expect(rig.logged.filter((message) => message.startsWith("the server cannot be used yet"))).toHaveLength(1);
  });

  test("stops at once, saves its ledger, and leaves no timer behind", async () => {
    const rig = await AgentRig.start();
    rig.device.probe.fails("a/0");
    await rig.send({ generation: 1, scores: { a: probe("a"), b: probe("b") } });
    await rig.agent.stop();
    expect(rig.clock.timers).toBe(0);
    expect(rig.device.disk.text("journal.jsonl")).toContain('"state":"Failed"');
    const { did } = rig.device.probe;
    const before = did.length;
    await rig.send({ generation: 2, scores: {} });
    await rig.clock.advance(600_000);
    expect(did).toHaveLength(before);
    expect(await rig.plan({ generation: 3, scores: {} })).toBe("NobodyThere");
  });
});

test("a ledger that cannot be saved at the end of the work is saved as soon as it can be", async () => {
  const rig = await AgentRig.start();
  rig.device.files.put("/a", { type: "file", text: "as it should be" });
  rig.device.disk.fail("NoSpace");
  // Nothing has to be done, so that nothing has to be claimed first.
  await rig.send({ generation: 1, scores: { a: file("/a", "as it should be") } });
  expect(await rig.conditions()).toEqual({ ...CONVERGED, DiskPressure: "True NoSpace" });
  expect(rig.device.disk.files.size).toBe(0);
  expect(rig.logged).toContain("the ledger could not be saved");
  rig.device.disk.heal();
  await rig.clock.advance(600_000);
  expect(rig.device.disk.text("manifest.json")).toContain('"generation":1');
  expect(await rig.conditions()).toEqual(CONVERGED);
});
