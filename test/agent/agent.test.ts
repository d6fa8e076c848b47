import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { SCORE_STATES } from "../../src/wire/status.ts";
import { AgentRig, device, wipe } from "./support/agent-rig.ts";
import { AGENT, directory, envelopeOf, file, payloadOf, probe, unknownKind } from "./support/manifests.ts";

const CONVERGED = { Ready: "True Converged", Reconciling: "False Idle", Degraded: "False NothingWrong", Accepted: "True Accepted" };

describe("an agent", () => {
  test("takes a manifest from its key, makes its device so, and tells", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { motd: file("/etc/motd", "hello\n", { parents: true }), a: probe("a") } });
    expect(rig.tree).toEqual({ "/etc": null, "/etc/motd": "hello\n" });
    expect(await rig.conditions()).toEqual(CONVERGED);
    const status = await rig.status();
    expect(status).toMatchObject({ agentId: AGENT, generation: 1, observedGeneration: 1, observedRevision: 1, epoch: 1, agent: { bootId: "boot-1", topology: "TestTopology" } });
    expect(status.scores["motd"]).toMatchObject({
      kind: "File", state: "Ready", outcome: "SUCCESS", change: "intentional", generation: 1, error: null, details: { path: "/etc/motd", size: 6 },
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
    ["is for another agent", envelopeOf({ generation: 1, scores: {}, agentId: "pi-8" }), { Accepted: "False WrongAgent" }],
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
    expect(await rig.status()).toMatchObject({ generation: 5, observedRevision: 6, scores: { a: { state: "Ready", generation: 5 } } });
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
    const before = [rig.statusWrites, rig.device.disk.writes.length, rig.device.files.writes, rig.device.probe.did.length];
    await rig.clock.advance(3_600_000);
    expect([rig.statusWrites, rig.device.disk.writes.length, rig.device.files.writes, rig.device.probe.did.length]).toEqual(before);
    expect(await rig.heartbeat()).toMatchObject({ sequence: 361 });
    expect(rig.device.probe.reads).toBeGreaterThan(10);
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
    expect(await rig.conditions()).toEqual({ Ready: "False ScoresFailed", Reconciling: "False Idle", Degraded: "True ScoresFailed", Accepted: "True Accepted" });
    const since = (await rig.status()).conditions.find(({ type }) => type === "Degraded")?.since;
    await rig.clock.advance(60_000);
    expect((await rig.status()).conditions.find(({ type }) => type === "Degraded")?.since).toBe(since);
    rig.device.probe.heals("f/0");
    await rig.clock.advance(300_000);
    expect(await rig.conditions()).toEqual(CONVERGED);
    await rig.send({ generation: 2, scores: { u: unknownKind() } });
    expect(await rig.conditions()).toEqual({ Ready: "False ScoresRefused", Reconciling: "False Idle", Degraded: "True ScoresRefused", Accepted: "True Accepted" });
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
    expect(await offline.status()).toMatchObject({ epoch: 2, generation: 2, observedGeneration: 2, scores: { a: { state: "Ready", change: "corrective" } } });
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
    rig.ledger.accept({ generation: 9, revision: 9, payload: payloadOf({ generation: 9, scores: { a: file("/a") }, agentId: "pi-8" }) });
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
    await rig.operator.put("desired-state", AGENT, Buffer.from(JSON.stringify({ wire: 1, payload: bad, signatures: [] })));
    rig.agent.start();
    await settle();
    expect(await rig.conditions()).toMatchObject({ Ready: "False NoDesiredState", Accepted: "False Malformed" });
  });
});

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
    expect(await rig.status()).toMatchObject({ generation: 20, observedGeneration: 20, scores: { a: { generation: 20, state: "Ready" } } });
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
    expect([one.agent.isFenced, two.agent.isFenced].toSorted()).toEqual([false, true]);
  });
});

describe("a plan", () => {
  test("tells what would change, be removed, fail and be refused, and writes nothing", async () => {
    const rig = await AgentRig.start();
    await rig.send({ generation: 1, scores: { same: file("/same"), old: file("/old"), moved: file("/before", "text") } });
    await rig.status();
    rig.device.files.put("/dir", { type: "directory" });
    const tree = rig.device.files.tree();
    const before = [rig.statusWrites, rig.device.disk.writes.length, rig.device.files.writes];
    const reply = await rig.plan({
      generation: 99,
      scores: { same: file("/same"), new: file("/new"), wrong: file("/dir"), odd: unknownKind(), moved: file("/after", "text") },
    });
    expect(reply).toMatchObject({
      _tag: "Plan",
      agentId: AGENT,
      generation: 1,
      scores: {
        same: { would: "NOOP", kind: "File", observed: { state: "present" } },
        new: { would: "CHANGE", steps: [{ do: "write", path: "/new" }] },
        wrong: { would: "FAIL", error: { reason: "Obstructed" } },
        odd: { would: "REFUSE", error: { reason: "UnknownKind" } },
        old: { would: "RETIRE", steps: [{ do: "remove", path: "/old" }] },
        moved: { would: "CHANGE", steps: [{ path: "/after" }] },
        "moved~path:/before": { would: "RETIRE", steps: [{ do: "remove", path: "/before" }] },
      },
    });
    expect(Object.keys((reply as { scores: object }).scores)).toHaveLength(7);
    await rig.clock.advance(60_000);
    expect([rig.statusWrites, rig.device.disk.writes.length, rig.device.files.writes]).toEqual(before);
    expect(rig.device.files.tree()).toEqual(tree);
    expect(await rig.status()).toMatchObject({ generation: 1 });
  });

  test("of a manifest that would be refused says so", async () => {
    const rig = await AgentRig.start();
    expect(await rig.plan(Buffer.from("{"))).toMatchObject({ _tag: "Refused", reason: "Malformed" });
    expect(await rig.plan({ generation: 1, scores: {}, agentId: "pi-8" })).toMatchObject({ _tag: "Refused", reason: "WrongAgent" });
    const missing = Buffer.from(JSON.stringify({ wire: 1, payloadSha256: "0".repeat(64), signatures: [] }));
    expect(await rig.plan(missing)).toMatchObject({ _tag: "Refused", reason: "MissingPayload" });
    rig.store.fail("before", { only: ["getAsset"] });
    expect(await rig.plan(missing)).toMatchObject({ _tag: "Refused", reason: "MissingPayload" });
  });

  test("is what a later apply does", async () => {
    const rig = await AgentRig.start();
    const wanted = { generation: 1, scores: { a: file("/x/a", "1", { parents: true }), b: directory("/x"), p: probe("p", "v", 2) }, after: { a: ["b"] } };
    const reply = await rig.plan(wanted);
    if (typeof reply === "string" || reply._tag !== "Plan") throw new Error("no plan");
    expect(reply.scores).toMatchObject({ a: { would: "CHANGE" }, b: { would: "CHANGE" }, p: { would: "CHANGE", steps: [{}, {}] } });
    await rig.send(wanted);
    const after = await rig.plan({ ...wanted, generation: 2 });
    expect(after).toMatchObject({ scores: { a: { would: "NOOP" }, b: { would: "NOOP" }, p: { would: "NOOP" } } });
  });
});

test("a ledger that cannot be saved at the end of the work is saved as soon as it can be", async () => {
  const rig = await AgentRig.start();
  rig.device.files.put("/a", { type: "file", text: "as it should be" });
  rig.device.disk.fail("NoSpace");
  // Nothing has to be done, so that nothing has to be claimed first.
  await rig.send({ generation: 1, scores: { a: file("/a", "as it should be") } });
  expect(await rig.conditions()).toEqual(CONVERGED);
  expect(rig.device.disk.files.size).toBe(0);
  expect(rig.logged).toContain("the ledger could not be saved");
  rig.device.disk.heal();
  await rig.clock.advance(600_000);
  expect(rig.device.disk.text("manifest.json")).toContain('"generation":1');
});
