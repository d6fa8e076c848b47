import { generateKeyPairSync } from "node:crypto";
import { FileScore, K8sDeploymentScore, manifest, PiTopology } from "harmony-edge";
import { beforeEach, describe, expect, test } from "vitest";
import { type ApplyResult, createFleet, type Fleet, type Progress } from "../../src/fleet/index.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { openEnvelope } from "../../src/wire/decode.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import { writeDocument } from "../../src/wire/status.ts";
import { agentStatus, AT, capabilities, Everything, failing, file, heartbeat, PI, scoreStatus, scriptedAgent } from "./scripted-agent.ts";

const two = manifest(PiTopology, { a: file("/a"), b: file("/b") }, { after: { b: ["a"] } });

/** Runs something before each read or write, as another writer or a bad network does. */
class MeddledStore extends MemoryStore {
  beforeGet: ((bucket: string) => Promise<unknown>) | null = null;
  beforePut: (() => Promise<unknown>) | null = null;

  override async get(...given: Parameters<MemoryStore["get"]>): ReturnType<MemoryStore["get"]> {
    await this.beforeGet?.(given[0]);
    return super.get(...given);
  }

  override async put(...given: Parameters<MemoryStore["put"]>): ReturnType<MemoryStore["put"]> {
    const [bucket] = given;
    if (bucket === "desired-state") await this.beforePut?.();
    return super.put(...given);
  }
}

let clock: FakeClock;
let server: MemoryServer;
let store: MeddledStore;
let device: MemoryStore;
let fleet: Fleet;
let progress: Progress[];
const onProgress = (each: Progress): void => void progress.push(each);

beforeEach(() => {
  clock = new FakeClock();
  server = new MemoryServer();
  store = new MeddledStore(server);
  device = new MemoryStore(server);
  fleet = createFleet({ store, clock });
  progress = [];
});

/** Lets time pass until the result is there. */
async function settled(applying: Promise<ApplyResult>): Promise<ApplyResult> {
  const results: ApplyResult[] = [];
  void applying.then((each) => results.push(each));
  for (let turns = 0; results.length === 0 && turns < 400; turns += 1) await clock.advance(500);
  const [result] = results;
  if (result === undefined) throw new Error("no result after 200 s");
  expect(clock.timers).toBe(0);
  expect(server.watchers.size).toBeLessThanOrEqual(1);
  return result;
}

const tags = (): string[] => progress.map(({ _tag }) => _tag);

describe("what becomes of a manifest", () => {
  test("converges once every Score is Ready", async () => {
    scriptedAgent(device);
    const result = await settled(fleet.apply(two, PI, { onProgress }));
    expect(result).toMatchObject({ _tag: "Converged", generation: 1, revision: 1, status: { generation: 1 } });
    expect(tags().slice(0, 2)).toEqual(["Shipping", "Stored"]);
  });

  test("makes the buckets on a server that has none", async () => {
    server = new MemoryServer({ buckets: false });
    store = new MeddledStore(server);
    fleet = createFleet({ store, clock });
    expect(await settled(fleet.apply(two, PI, { wait: false }))).toEqual({ _tag: "Shipped", generation: 1, revision: 1 });
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
    expect(result).toMatchObject({ _tag: "TimedOut", missing: [{ scoreId: "a", state: "Reconciling" }, { scoreId: "b" }] });
  });

  test("what was dropped is waited for until it is gone", async () => {
    const ready = { a: scoreStatus("Ready"), b: scoreStatus("Ready") };
    scriptedAgent(device, { tells: () => [{ ...ready, old: scoreStatus("Retiring") }] });
    const applying = fleet.apply(two, PI);
    await clock.advance(30_000);
    await device.put("actual-state", PI, writeDocument(agentStatus({ generation: 1, observedGeneration: 1, observedRevision: 1, scores: ready })));
    expect(await settled(applying)).toMatchObject({ _tag: "Converged" });
  });

  test("what could not be removed is told, not waited for", async () => {
    scriptedAgent(device, { tells: () => [{ a: scoreStatus("Ready"), b: scoreStatus("Ready"), old: failing("Retiring") }] });
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
    expect(await settled(fleet.apply(two, PI))).toMatchObject({ _tag: "RefusedByAgent", reason: "BadSignature" });
  });

  test("a signed manifest passes an agent that asks for signatures", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    scriptedAgent(device, { trustedKeys: new Map([["ops", publicKey]]) });
    expect(await settled(fleet.apply(two, PI, { signers: [{ key: "ops", privateKey }] }))).toMatchObject({ _tag: "Converged" });
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

describe("generations", () => {
  test("rise above the key's and above what the agent has told", async () => {
    scriptedAgent(device);
    await settled(fleet.apply(two, PI));
    await device.put("actual-state", PI, writeDocument(agentStatus({ generation: 4, observedGeneration: 7 })));
    expect(await settled(fleet.apply(two, PI, { wait: false }))).toMatchObject({ generation: 8 });
    expect(await settled(fleet.apply(two, PI, { wait: false }))).toMatchObject({ generation: 9 });
  });

  test("rise above what the agent had told even after the key was deleted", async () => {
    scriptedAgent(device);
    await settled(fleet.apply(two, PI));
    await device.delete("desired-state", PI);
    expect(await settled(fleet.apply(two, PI))).toMatchObject({ _tag: "Converged", generation: 2 });
  });

  test("a key that cannot be read does not stop a new manifest", async () => {
    await device.put("desired-state", PI, Buffer.from("not an envelope"));
    expect(await settled(fleet.apply(two, PI, { wait: false }))).toMatchObject({ _tag: "Shipped", generation: 1, revision: 2 });
  });

  test("an agent that has a higher one than the server knew gets it again above that", async () => {
    const agent = scriptedAgent(device, { inForce: 50 });
    expect(await settled(fleet.apply(two, PI, { onProgress }))).toMatchObject({ _tag: "Converged", generation: 51 });
    expect(progress).toContainEqual({ _tag: "StaleGeneration", agentHas: 50 });
    expect(agent.accepted).toHaveLength(1);
  });

  test("it is shipped again only once", async () => {
    // An agent that always says the same, whatever it is sent.
    const refuse = async (): Promise<void> => {
      const found = await device.get("desired-state", PI);
      const observedRevision = found._tag === "Value" ? found.revision : 0;
      const conditions = [{ type: "Accepted", status: "False", reason: "StaleGeneration", message: "older", since: AT } as const];
      await device.put("actual-state", PI, writeDocument(agentStatus({ generation: 50, observedRevision, conditions })));
    };
    device.onChange("desired-state", PI, () => void refuse());
    expect(await settled(fleet.apply(two, PI))).toMatchObject({ _tag: "RefusedByAgent", reason: "StaleGeneration", generation: 51 });
  });

  test("a status about a bucket that is gone is not taken for an answer", async () => {
    // The store was lost and made anew; the agent still tells of a generation 1 that was another one, at revision 57.
    const scores = { a: scoreStatus("Ready"), b: scoreStatus("Ready") };
    const applying = fleet.apply(two, PI);
    await clock.advance(100);
    await device.put("actual-state", PI, writeDocument(agentStatus({ generation: 1, observedGeneration: 1, observedRevision: 57, scores })));
    expect(await settled(applying)).toMatchObject({ _tag: "TimedOut", generation: 1 });
  });
});

describe("writing to the key", () => {
  test("another writer's conflict is tried again above theirs", async () => {
    const other = createFleet({ store: device, clock });
    store.beforePut = async () => {
      store.beforePut = null;
      await other.apply(manifest(PiTopology, { theirs: file("/t") }), PI, { wait: false });
    };
    expect(await settled(fleet.apply(two, PI, { wait: false, onProgress }))).toEqual({ _tag: "Shipped", generation: 2, revision: 2 });
    expect(tags()).toEqual(["Shipping", "Conflict", "Shipping", "Stored"]);
  });

  test("a conflict each time is given up, and told", async () => {
    const other = createFleet({ store: device, clock });
    const theirs = manifest(PiTopology, { theirs: file("/t") });
    store.beforePut = () => other.apply(theirs, PI, { wait: false });
    expect(await settled(fleet.apply(two, PI, { wait: false }))).toEqual({ _tag: "Contended", attempts: 20 });
  });

  test("a lost answer of a write that counted is not written again", async () => {
    scriptedAgent(device);
    store.fail("after", { only: ["put"] });
    expect(await settled(fleet.apply(two, PI, { onProgress }))).toMatchObject({ _tag: "Converged", generation: 1, revision: 1 });
    expect(tags()).toContain("AnswerLost");
  });

  test("a write that did not count is written again", async () => {
    store.fail("before", { only: ["put"], times: 3 });
    expect(await settled(fleet.apply(two, PI, { wait: false }))).toEqual({ _tag: "Shipped", generation: 1, revision: 1 });
  });

  test("a write that counts only after it was given up is found, and not doubled", async () => {
    // As time stands still, another fleet sends the same bytes.
    const twin = new MemoryStore();
    await createFleet({ store: twin, clock }).apply(two, PI, { wait: false });
    const sent = await twin.get("desired-state", PI);
    store.fail("before", { only: ["put"] });
    let attempts = 0;
    store.beforePut = async () => {
      attempts += 1;
      // The first one reaches the server while the second is on its way, at the same expected revision.
      if (attempts === 2 && sent._tag === "Value") await device.put("desired-state", PI, sent.value, { expect: 0 });
    };
    const first = fleet.apply(two, PI, { wait: false, onProgress });
    expect(await settled(first)).toEqual({ _tag: "Shipped", generation: 1, revision: 1 });
    expect(attempts).toBe(2);
    expect(tags()).toContain("Conflict");
  });

  test("a server that stays away leaves it open whether it was stored", async () => {
    store.beforePut = async () => store.fail("after", { times: Infinity });
    expect(await settled(fleet.apply(two, PI, { wait: false, timeoutMs: 10_000 }))).toMatchObject({ _tag: "NotReached", stored: null });
  });

  test("a server that is not there is told at once, and nothing was stored", async () => {
    store.disconnect();
    const applying = fleet.apply(two, PI);
    await clock.advance(0);
    expect(await applying).toMatchObject({ _tag: "NotReached", stored: false, unreachable: { reason: "Disconnected" } });
  });

  test("a write that is not allowed is told at once", async () => {
    store.fail("before", { only: ["put"], reason: "Denied" });
    const applying = fleet.apply(two, PI);
    await clock.advance(0);
    expect(await applying).toMatchObject({ _tag: "NotReached", stored: false, unreachable: { reason: "Denied" } });
  });

  test("what does not fit into a message goes as an asset", async () => {
    server = new MemoryServer({ maxPayload: 4096 });
    store = new MeddledStore(server);
    device = new MemoryStore(server);
    fleet = createFleet({ store, clock });
    const agent = scriptedAgent(device);
    const large = manifest(PiTopology, { large: file("/large", "l".repeat(10_000)) });
    expect(await settled(fleet.apply(large, PI, { onProgress }))).toMatchObject({ _tag: "Converged" });
    expect(progress).toContainEqual(expect.objectContaining({ _tag: "Stored", asAsset: true }));
    const found = await device.get("desired-state", PI);
    expect(found._tag === "Value" && openEnvelope(found.value)._tag).toBe("Asset");
    expect(agent.accepted).toHaveLength(1);
    // The generation of a manifest that lies in the assets is known too.
    expect(await settled(fleet.apply(large, PI))).toMatchObject({ _tag: "Converged", generation: 2 });
  });

  test("what is larger than an agent reads is refused here", async () => {
    const scores = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`f${index}`, file(`/f${index}`, "l".repeat(60_000))]));
    expect(await settled(fleet.apply(manifest(PiTopology, scores), PI))).toMatchObject({ _tag: "TooLarge", limit: 4 * 1024 * 1024 });
    expect(await device.get("desired-state", PI)).toEqual({ _tag: "Absent" });
  });
});

describe("the gates before anything is sent", () => {
  const cluster = manifest(Everything, { web: new K8sDeploymentScore({ name: "web", image: "nginx:1" }) });

  test("what the manifest's own topology lacks", async () => {
    const got = { ...cluster, topology: PiTopology };
    const result = await settled(fleet.apply(got, PI));
    const sentence = "K8sDeploymentScore requires K8sClient, which PiTopology lacks";
    expect(result).toMatchObject({ _tag: "Lacking", objections: [{ rule: "MissingCapability", scoreId: "web", capability: "K8sClient", sentence }] });
    expect(await device.get("desired-state", PI)).toEqual({ _tag: "Absent" });
  });

  test("what the agent says that it lacks, and does not know", async () => {
    await device.put("capabilities", PI, writeDocument(capabilities()));
    const result = await settled(fleet.apply(cluster, PI));
    expect(result._tag === "Lacking" && result.objections.map(({ rule }) => rule)).toEqual(["MissingCapability", "UnknownKind"]);
    expect(await device.get("desired-state", PI)).toEqual({ _tag: "Absent" });
  });

  test("a version that the agent does not know", async () => {
    await device.put("capabilities", PI, writeDocument(capabilities({ kinds: { File: [2, 3] } })));
    const result = await settled(fleet.apply(two, PI));
    expect(result).toMatchObject({ _tag: "Lacking", objections: [{ rule: "UnsupportedVersion" }, { rule: "UnsupportedVersion" }] });
  });

  test("a capabilities document that cannot be read stops nothing: the agent has its own gate", async () => {
    await device.put("capabilities", PI, Buffer.from("{"));
    expect(await settled(fleet.apply(two, PI, { wait: false }))).toMatchObject({ _tag: "Shipped" });
  });
});

describe("waiting", () => {
  test("ends at the deadline with what is missing; an agent that was never seen is told as such", async () => {
    const result = await settled(fleet.apply(two, PI, { timeoutMs: 20_000 }));
    expect(result).toMatchObject({ _tag: "TimedOut", liveness: { freshness: "never" }, status: null, missing: [{ scoreId: null }] });
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(20_000);
    expect(clock.monotonicMs()).toBeLessThan(21_000);
  });

  test("an agent whose heartbeats come, whatever its clock says, is alive", async () => {
    let sequence = 0;
    const beat = async (): Promise<void> => {
      await device.put("heartbeat", PI, writeDocument(heartbeat((sequence += 1), new Date("1970-01-02T00:00:00Z"))));
      if (sequence < 6) clock.after(10_000, () => void beat());
    };
    await beat();
    expect(await settled(fleet.apply(two, PI))).toMatchObject({ _tag: "TimedOut", liveness: { freshness: "fresh" } });
  });

  test("an agent whose heartbeats stopped is silent", async () => {
    await device.put("heartbeat", PI, writeDocument(heartbeat(1, clock.now())));
    const result = await settled(fleet.apply(two, PI));
    expect(result).toMatchObject({ _tag: "TimedOut", liveness: { freshness: "stale" } });
  });

  test("without hints, what was told is found all the same", async () => {
    const applying = fleet.apply(two, PI);
    await clock.advance(100);
    server.watchers.clear();
    const scores = { a: scoreStatus("Ready"), b: scoreStatus("Ready") };
    await device.put("actual-state", PI, writeDocument(agentStatus({ generation: 1, observedGeneration: 1, observedRevision: 1, scores })));
    expect(await settled(applying)).toMatchObject({ _tag: "Converged" });
  });

  test("goes on over an outage", async () => {
    const applying = fleet.apply(two, PI, { onProgress });
    await clock.advance(100);
    store.disconnect();
    await clock.advance(10_000);
    expect(tags()).toContain("Blind");
    scriptedAgent(device);
    await device.put("actual-state", PI, writeDocument(agentStatus({ generation: 1, observedGeneration: 1, observedRevision: 1, scores: { a: scoreStatus("Ready"), b: scoreStatus("Ready") } })));
    store.reconnect();
    expect(await settled(applying)).toMatchObject({ _tag: "Converged" });
  });

  test("a server that stays away to the end is told, with what was known", async () => {
    const applying = fleet.apply(two, PI);
    await clock.advance(100);
    store.disconnect();
    expect(await settled(applying)).toMatchObject({ _tag: "LostSight", generation: 1, unreachable: { reason: "Disconnected" } });
  });

  test("can be called off, before and after it was shipped", async () => {
    const early = new AbortController();
    early.abort();
    expect(await settled(fleet.apply(two, PI, { signal: early.signal }))).toEqual({ _tag: "Cancelled", shipped: null });
    const between = new AbortController();
    store.beforeGet = async (bucket) => void (bucket === "desired-state" && between.abort());
    expect(await settled(fleet.apply(two, PI, { signal: between.signal }))).toEqual({ _tag: "Cancelled", shipped: null });
    store.beforeGet = null;
    const late = new AbortController();
    const applying = fleet.apply(two, PI, { signal: late.signal });
    await clock.advance(1000);
    late.abort();
    expect(await settled(applying)).toEqual({ _tag: "Cancelled", shipped: { generation: 1, revision: 1 } });
  });

  test("what the agent tells, and what somebody else ships, is heard of at once", async () => {
    const applying = fleet.apply(two, PI);
    await clock.advance(0);
    scriptedAgent(device, { tells: () => [] });
    await device.put("actual-state", PI, writeDocument(agentStatus({ generation: 1, observedGeneration: 1, observedRevision: 1, scores: { a: scoreStatus("Ready"), b: scoreStatus("Ready") } })));
    await clock.advance(0);
    expect(await applying).toMatchObject({ _tag: "Converged" });
    const overtaken = fleet.apply(two, PI);
    await clock.advance(0);
    await createFleet({ store: device, clock }).apply(two, PI, { wait: false });
    await clock.advance(0);
    expect(await overtaken).toMatchObject({ _tag: "Superseded", by: 3 });
    expect(clock.monotonicMs()).toBe(0);
  });

  test("an agent's status that cannot be read is told", async () => {
    await device.put("actual-state", PI, Buffer.from("{}"));
    const result = await settled(fleet.apply(two, PI));
    expect(result._tag === "TimedOut" && result.missing[0]?.sentence).toMatch(/cannot be read/);
  });
});

test("a Score class is what the checker and the encoder know: an unsigned FileScore arrives as it was made", async () => {
  const agent = scriptedAgent(device);
  await settled(fleet.apply(two, PI));
  const decoded = agent.accepted[0]?.scores.get("a");
  expect(decoded?._tag === "Score" && decoded.score).toBeInstanceOf(FileScore);
});
