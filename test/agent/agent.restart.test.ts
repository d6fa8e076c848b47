import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import { AgentRig, CONVERGED, device } from "./support/agent-rig.ts";
import { AGENT, file, payloadOf, probe, unknownKind } from "./support/manifests.ts";

describe("after a restart", () => {
  test("with no server at all it goes on from its ledger: tampering is repaired, work is finished, drops are carried out", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: file("/a", "mine"), gone: file("/gone"), h: probe("h", "x", 3) } });
    const release = rig.device.probe.hangs("h/1");
    await rig.send({ generation: 2, scores: { a: file("/a", "mine"), h: probe("h", "y", 3) } });
    const offline = await rig.restart({ offline: true });
    release();
    offline.device.files.put("/a", { type: "file", text: "theirs" });
    await offline.clock.advance(1000);
    expect(offline.tree).toEqual({ "/a": "mine" });
    expect([...offline.device.probe.values.values()]).toEqual(["y", "y", "y"]);

    offline.store.reconnect();
    await settle();
    expect(await offline.status()).toMatchObject({
      epoch: 2,
      generation: 2,
      observedGeneration: 2,
      scores: { a: { state: "Ready", change: "corrective" } },
    });
    expect(await offline.conditions()).toEqual(CONVERGED);
  });

  test("with nothing changed it does nothing, and its status differs in epoch and boot id alone", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 3, scores: { a: file("/a"), p: probe("p"), u: unknownKind() } });
    const before = await rig.status();
    const writes = [rig.device.files.writes, rig.device.probe.did.length];
    const next = await rig.restart();
    expect([next.device.files.writes, next.device.probe.did.length, next.device.disk.writes]).toEqual([...writes, []]);
    expect(await next.status()).toEqual({ ...before, epoch: 2, agent: { ...before.agent, bootId: "boot-2" } });
  });

  test("with its ledger lost it takes the manifest from the key again, does nothing twice, and still knows the generation", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 7, scores: { a: file("/a", "kept") } });
    await rig.status();
    const { writes } = rig.device.files;
    const { files, probe: host } = rig.device;
    const next = await rig.restart({ on: { files, probe: host, disk: device().disk } });
    expect(await next.status()).toMatchObject({ generation: 7, scores: { a: { state: "Ready", outcome: "NOOP" } } });
    expect(next.device.files.writes).toBe(writes);
    await next.send({ generation: 8, scores: {} });
    expect(next.tree).toEqual({});

    const again = await next.restart({ on: { files, probe: host, disk: device().disk } });
    await again.send({ generation: 6, scores: { a: file("/a") } });
    expect(await again.conditions()).toMatchObject({ Accepted: "False StaleGeneration" });
    expect(again.tree).toEqual({});
  });

  test("with an older ledger than its status tells of, an older generation than that is refused", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { a: file("/a", "1") } });
    await rig.status();
    const old = rig.device.disk.copy();
    await rig.send({ generation: 2, scores: { a: file("/a", "2") } });
    await rig.send({ generation: 3, scores: { a: file("/a", "3") } });
    await rig.status();
    await rig.operator.delete("desired-state", AGENT);
    const { files, probe: host } = rig.device;
    const next = await rig.restart({ on: { files, probe: host, disk: old } });
    await next.send({ generation: 2, scores: { a: file("/a", "2") } });
    expect(await next.conditions()).toMatchObject({ Accepted: "False StaleGeneration" });
  });

  test("with a ledger that holds another agent's manifest it does not take that for its own, nor its number", async () => {
    const rig = await AgentRig.open();
    rig.ledger.accept({
      generation: 9,
      revision: 9,
      payload: payloadOf({ generation: 9, scores: { a: file("/a") }, agentId: "pi-8" }),
    });
    await rig.ledger.flush();
    rig.agent.start();
    await settle();
    expect(rig.tree).toEqual({});
    expect(await rig.conditions()).toMatchObject({ Ready: "False NoDesiredState" });
    await rig.send({ generation: 1, scores: { b: file("/b") } });
    expect(rig.tree).toEqual({ "/b": "" });
  });

  test("with a manifest in its ledger that it cannot decode it refuses the same text from its key, and says why", async () => {
    const bad = JSON.stringify({ agentId: AGENT, generation: 4, issuedAt: "yesterday", scores: {} });
    const rig = await AgentRig.open();
    rig.ledger.accept({ generation: 4, revision: 1, payload: bad });
    await rig.ledger.flush();
    await rig.operator.put(
      "desired-state",
      AGENT,
      Buffer.from(JSON.stringify({ wire: 1, payload: bad, signatures: [] })),
    );
    rig.agent.start();
    await settle();
    expect(await rig.conditions()).toMatchObject({ Ready: "False NoDesiredState", Accepted: "False Malformed" });
  });
});
