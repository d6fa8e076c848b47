import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { FileScore, K8sDeploymentScore, manifest, PiTopology } from "harmony-edge";
import { beforeEach, describe, expect, test } from "vitest";
import { createFleet } from "../../src/fleet/index.ts";
import { writeDocument } from "../../src/wire/status.ts";
import { fleetFixture, two } from "./fleet-fixture.ts";
import { agentStatus, capabilities, Everything, failing, PI, scoreStatus, scriptedAgent } from "./scripted-agent.ts";

let { clock, store, device, fleet, onProgress, tags, settled } = fleetFixture();
beforeEach(() => {
  ({ clock, store, device, fleet, onProgress, tags, settled } = fleetFixture());
});

describe("what becomes of a manifest", () => {
  test("converges once every Score is Ready", async () => {
    scriptedAgent(device);
    const result = await settled(fleet.apply(two, PI, { onProgress }));
    expect(result).toMatchObject({ _tag: "Converged", generation: 1, revision: 1, status: { generation: 1 } });
    expect(tags().slice(0, 2)).toEqual(["Shipping", "Stored"]);
  });

  test("makes the buckets on a server that has none", async () => {
    ({ fleet, settled } = fleetFixture({ buckets: false }));
    expect(await settled(fleet.apply(two, PI, { wait: false }))).toEqual({
      _tag: "Shipped",
      generation: 1,
      revision: 1,
    });
  });

  test("goes on where buckets may not be made but are there", async () => {
    store.fail("before", { only: ["ensureBuckets"], reason: "Denied" });
    expect(await settled(fleet.apply(two, PI, { wait: false }))).toMatchObject({ _tag: "Shipped" });
  });

  test("a Failed Score ends the wait, and takes those that wait for it along", async () => {
    const scores = { a: scoreStatus("Failed"), b: scoreStatus("Blocked", { blockedOn: ["a"] }) };
    scriptedAgent(device, { tells: () => [{ a: scoreStatus("Reconciling"), b: scoreStatus("Pending") }, scores] });
    expect(await settled(fleet.apply(two, PI))).toMatchObject({ _tag: "NotConverged", troubled: ["a", "b"] });
  });

  test("a Score that waits for one that is still under way is waited for", async () => {
    const scores = { a: scoreStatus("Reconciling"), b: scoreStatus("Blocked", { blockedOn: ["a"] }) };
    scriptedAgent(device, { tells: () => [scores] });
    const result = await settled(fleet.apply(two, PI));
    expect(result).toMatchObject({
      _tag: "TimedOut",
      missing: [{ scoreId: "a", state: "Reconciling" }, { scoreId: "b" }],
    });
  });

  test("what was dropped is waited for until it is gone", async () => {
    const ready = { a: scoreStatus("Ready"), b: scoreStatus("Ready") };
    scriptedAgent(device, { tells: () => [{ ...ready, old: scoreStatus("Retiring") }] });
    const applying = fleet.apply(two, PI);
    await clock.advance(30_000);
    await device.put(
      "actual-state",
      PI,
      writeDocument(agentStatus({ generation: 1, observedGeneration: 1, observedRevision: 1, scores: ready })),
    );
    expect(await settled(applying)).toMatchObject({ _tag: "Converged" });
  });

  test("what could not be removed is told, not waited for", async () => {
    scriptedAgent(device, {
      tells: () => [{ a: scoreStatus("Ready"), b: scoreStatus("Ready"), old: failing("Retiring") }],
    });
    expect(await settled(fleet.apply(two, PI))).toMatchObject({ _tag: "NotConverged", troubled: ["old"] });
  });

  test("remove ships the empty set, and is done when nothing is left", async () => {
    const agent = scriptedAgent(device);
    await settled(fleet.apply(two, PI));
    expect(await settled(fleet.remove(PI))).toMatchObject({ _tag: "Converged", generation: 2, status: { scores: {} } });
    expect([...(agent.accepted.at(-1)?.scores.keys() ?? [])]).toEqual([]);
  });

  test("a manifest that the agent refuses as a whole is told with the agent's reason", async () => {
    const { publicKey } = generateKeyPairSync("ed25519");
    scriptedAgent(device, { trustedKeys: new Map([["ops", publicKey]]) });
    expect(await settled(fleet.apply(two, PI))).toMatchObject({ _tag: "RefusedByAgent", reason: "Unsigned" });
  });

  test("a signed manifest passes an agent that asks for signatures", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    scriptedAgent(device, { trustedKeys: new Map([["ops", publicKey]]) });
    expect(await settled(fleet.apply(two, PI, { signers: [{ key: "ops", privateKey }] }))).toMatchObject({
      _tag: "Converged",
    });
  });

  test("what needs several authors is not shipped with fewer, and one who signs under two names is one", async () => {
    const agent = scriptedAgent(device);
    const rules = { signatures: { dangerous: ["File"], threshold: 2 } };
    const policy = { reserved: { paths: [], units: [] }, policies: [{ name: "p", rules }], unreadable: null };
    await device.put("capabilities", PI, writeDocument(capabilities({ policy })));
    const [ada, ben] = [generateKeyPairSync("ed25519").privateKey, generateKeyPairSync("ed25519").privateKey];
    const by = (...signers: readonly (readonly [string, KeyObject])[]) =>
      settled(fleet.apply(two, PI, { signers: signers.map(([key, privateKey]) => ({ key, privateKey })) }));
    for (const few of [await by(), await by(["ada", ada]), await by(["ada", ada], ["ada again", ada])]) {
      expect(few).toMatchObject({ _tag: "Lacking", objections: [{ rule: "ThresholdNotMet" }, {}] });
    }
    expect(agent.accepted).toEqual([]);
    expect(await by(["ada", ada], ["ben", ben])).toMatchObject({ _tag: "Converged" });
  });

  test("somebody else's newer manifest is told as such", async () => {
    const applying = fleet.apply(two, PI);
    await clock.advance(1000);
    const other = createFleet({ store: device, clock });
    await other.apply(two, PI, { wait: false });
    expect(await settled(applying)).toMatchObject({ _tag: "Superseded", generation: 1, by: 2 });
  });

  test("a key that somebody deleted is told as superseded by nothing", async () => {
    const applying = fleet.apply(two, PI);
    await clock.advance(1000);
    await device.delete("desired-state", PI);
    expect(await settled(applying)).toMatchObject({ _tag: "Superseded", by: null });
  });
});

describe("the gates before anything is sent", () => {
  const cluster = manifest(Everything, { web: new K8sDeploymentScore({ name: "web", image: "nginx:1" }) });

  test("what the manifest's own topology lacks", async () => {
    const got = { ...cluster, topology: PiTopology };
    const result = await settled(fleet.apply(got, PI));
    const sentence = "K8sDeploymentScore requires K8sClient, which PiTopology lacks";
    expect(result).toMatchObject({
      _tag: "Lacking",
      objections: [{ rule: "MissingCapability", scoreId: "web", capability: "K8sClient", sentence }],
    });
    expect(await device.get("desired-state", PI)).toEqual({ _tag: "Absent" });
  });

  test("what the agent says that it lacks, and does not know", async () => {
    await device.put("capabilities", PI, writeDocument(capabilities()));
    const result = await settled(fleet.apply(cluster, PI));
    expect(result._tag === "Lacking" && result.objections.map(({ rule }) => rule)).toEqual([
      "MissingCapability",
      "UnknownKind",
    ]);
    expect(await device.get("desired-state", PI)).toEqual({ _tag: "Absent" });
  });

  test("a version that the agent does not know", async () => {
    await device.put("capabilities", PI, writeDocument(capabilities({ kinds: { File: [2, 3] } })));
    const result = await settled(fleet.apply(two, PI));
    expect(result).toMatchObject({
      _tag: "Lacking",
      objections: [{ rule: "UnsupportedVersion" }, { rule: "UnsupportedVersion" }],
    });
  });

  test("a capabilities document that cannot be read stops nothing: the agent has its own gate", async () => {
    await device.put("capabilities", PI, Buffer.from("{"));
    expect(await settled(fleet.apply(two, PI, { wait: false }))).toMatchObject({ _tag: "Shipped" });
  });
});

test("a Score class is what the checker and the encoder know: an unsigned FileScore arrives as it was made", async () => {
  const agent = scriptedAgent(device);
  await settled(fleet.apply(two, PI));
  const decoded = agent.accepted[0]?.scores.get("a");
  expect(decoded?._tag === "Score" && decoded.score).toBeInstanceOf(FileScore);
});
