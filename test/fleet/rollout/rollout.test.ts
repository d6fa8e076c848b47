import { generateKeyPairSync } from "node:crypto";
import { FileScore, K8sDeploymentScore, manifest, PiTopology, secret } from "harmony-edge";
import { describe, expect, test } from "vitest";
import { createFleet, type RolloutProgress, type RolloutWish } from "../../../src/fleet/index.ts";
import { LEASE_MS, writeRollout } from "../../../src/fleet/rollout/record.ts";
import { parseWaves } from "../../../src/fleet/rollout/waves.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import type { MadeManifest } from "../../../src/topology/fleet-manifest.ts";
import type { Manifest } from "../../../src/topology/manifest.ts";
import { sealPayload } from "../../../src/wire/sealed-payload.ts";
import { digestOf, sha256 } from "../../../src/wire/digest.ts";
import { openEnvelope } from "../../../src/wire/decode.ts";
import { Payload, WireScore } from "../../../src/wire/envelope.ts";
import { AgentId } from "../../../src/wire/keys.ts";
import { MemoryServer } from "../../../src/wire/memory-server.ts";
import { MemoryStore } from "../../../src/wire/memory-store.ts";
import { type Rollout, RolloutId } from "../../../src/wire/rollout.ts";
import { makeKeyPair } from "../../../src/wire/secrets/hpke.ts";
import { keyIdOf, type SealingKey, sealingKeyOf, unseal } from "../../../src/wire/secrets/sealed.ts";
import { writeDocument } from "../../../src/wire/status.ts";
import { agentStatus, capabilities, Everything, failing, scoreStatus } from "../scripted-agent.ts";

const ID = RolloutId.parse("r-1");
const everyone = { requirements: [] };
const files = (content = "x"): Manifest => manifest(PiTopology, { a: new FileScore({ path: "/a", content }) });

/** A server, devices that do as they are told but for those named here, and a control plane on connections of its own. */
async function scene(count: number, failingIds: readonly string[] = []) {
  const clock = new FakeClock();
  const server = new MemoryServer();
  const devices = new MemoryStore(server);
  await devices.ensureBuckets();
  const ids = Array.from({ length: count }, (_, at) => AgentId.parse(`pi-${at + 1}`));
  const bad = new Set(failingIds);
  const silent = new Set<string>();
  const shipped: string[] = [];
  for (const agentId of ids) await devices.put("capabilities", agentId, writeDocument(capabilities({ agentId })));
  const tell = async (agentId: AgentId): Promise<void> => {
    const found = await devices.get("desired-state", agentId);
    if (found._tag !== "Value" || silent.has(agentId)) return;
    const opened = openEnvelope(found.value);
    if (opened._tag !== "Inline") throw new Error(opened._tag);
    const { generation, scores } = Payload.parse(JSON.parse(opened.payload));
    const state = bad.has(agentId) ? failing("Failed") : scoreStatus("Ready");
    const told = Object.fromEntries(
      Object.entries(scores).map(([id, score]) => [id, { ...state, digest: digestOf(WireScore.parse(score)) }]),
    );
    const { revision: observedRevision } = found;
    const status = { agentId, generation, observedGeneration: generation, observedRevision, scores: told };
    await devices.put("actual-state", agentId, writeDocument(agentStatus(status)));
  };
  devices.onChange("desired-state", "*", (key) => {
    shipped.push(key);
    void tell(AgentId.parse(key));
  });
  const store = new MemoryStore(server);
  const { rollouts } = createFleet({ store, clock });
  const wish = (more: Partial<RolloutWish> = {}): RolloutWish => ({
    id: ID,
    token: "first",
    holder: "ada@desk",
    file: "kiosks.ts",
    selector: everyone,
    manifestOf: () => ({ _tag: "Made", group: "", manifest: files() }),
    waves: parseWaves("1,50%,100%") ?? [],
    concurrency: 2,
    maxFailures: 0,
    soakMs: 0,
    timeoutMs: 60_000,
    signers: [],
    ...more,
  });
  /** Lets time pass until it is there. */
  const settled = async <T>(work: Promise<T>): Promise<T> => {
    const results: T[] = [];
    const failed: unknown[] = [];
    work.then(
      (each) => results.push(each),
      (error: unknown) => failed.push(error),
    );
    for (let turns = 0; results.length + failed.length === 0 && turns < 2000; turns += 1) await clock.advance(250);
    if (failed.length > 0) throw failed[0];
    const [result] = results;
    if (result === undefined) throw new Error("nothing came of it");
    return result;
  };
  const begin = async (more: Partial<RolloutWish> = {}) => {
    const prepared = await settled(rollouts.prepare(wish(more)));
    if (prepared._tag !== "Prepared") throw new Error(JSON.stringify(prepared));
    const begun = await rollouts.begin(prepared.rollout);
    if (begun._tag !== "Begun") throw new Error(begun._tag);
    return { rollout: prepared.rollout, revision: begun.revision };
  };
  const stored = async (): Promise<Rollout> => {
    const found = await rollouts.read(ID);
    if (found._tag !== "Rollout") throw new Error(found._tag);
    return found.rollout;
  };
  const states = ({ devices: all }: Rollout): string => ids.map((id) => (all[id]?.state ?? "?").slice(0, 1)).join("");
  return { clock, server, store, devices, rollouts, bad, silent, shipped, tell, wish, settled, begin, stored, states };
}

describe("a roll-out", () => {
  test("goes wave by wave, with no more at once than it may, and ships each device once", async () => {
    const it = await scene(8);
    const progress: RolloutProgress[] = [];
    const done = await it.settled(it.rollouts.run(await it.begin(), { onProgress: (each) => progress.push(each) }));
    expect(done).toMatchObject({ _tag: "Ended", rollout: { state: "Done", wave: 3, lease: null, stop: null } });
    expect(it.states(done.rollout)).toBe("RRRRRRRR");
    expect(await it.stored()).toEqual(done.rollout);
    expect(it.shipped.toSorted()).toEqual(["pi-1", "pi-2", "pi-3", "pi-4", "pi-5", "pi-6", "pi-7", "pi-8"]);
    // Those of a wave stand between its beginning and the next one's.
    const told = progress.map((each) =>
      each._tag === "Wave" ? `wave ${each.wave}` : each._tag === "Device" ? each.agentId : "",
    );
    expect(told.indexOf("wave 1")).toBe(2);
    expect(told.indexOf("wave 2")).toBe(6);
    const applying = progress.flatMap(
      ({ rollout }) => Object.values(rollout.devices).filter(({ state }) => state === "Applying").length,
    );
    expect(Math.max(...applying)).toBeLessThanOrEqual(2);
    expect(it.server.watchers.size).toBe(1);
  });

  test("stops when more have failed than may, says why, and has not touched those of later waves", async () => {
    const it = await scene(8, ["pi-2", "pi-3"]);
    const done = await it.settled(it.rollouts.run(await it.begin({ maxFailures: 1, concurrency: 1 })));
    expect(done.rollout).toMatchObject({
      state: "Stopped",
      wave: 1,
      stop: { reason: "TooManyFailures", message: "2 devices have failed in wave 2 of 3, and 1 may" },
    });
    expect(done.rollout.devices["pi-2"]?.message).toBe("a is Failed: the disk is full");
    // Nor the one of its wave that was not begun when that was known.
    expect(it.states(done.rollout)).toBe("RFFPPPPP");
    expect(it.shipped).not.toContain("pi-4");
  });

  test("that stopped goes on where it was, tries again what failed, and ships nothing twice", async () => {
    const it = await scene(8, ["pi-2"]);
    await it.settled(it.rollouts.run(await it.begin()));
    expect(it.states(await it.stored())).toMatch(/^RF/);
    it.bad.clear();
    await it.tell(AgentId.parse("pi-2"));
    const signal = new AbortController().signal;
    const taken = await it.settled(it.rollouts.take(ID, { token: "second", holder: "bob", signal }));
    if (taken._tag !== "Taken") throw new Error(taken._tag);
    expect(taken.retried).toEqual(["pi-2"]);
    const done = await it.settled(it.rollouts.run(taken));
    expect(done.rollout).toMatchObject({ state: "Done" });
    expect(it.states(done.rollout)).toBe("RRRRRRRR");
    expect(it.shipped.length).toBe(new Set(it.shipped).size);
    const over = await it.rollouts.take(ID, { token: "third", holder: "bob", signal });
    expect(over._tag).toBe("AlreadyDone");
  });

  test("with what failed for good is shipped anew where that is asked for", async () => {
    const it = await scene(2, ["pi-1"]);
    await it.settled(it.rollouts.run(await it.begin({ waves: parseWaves("100%") ?? [] })));
    const signal = new AbortController().signal;
    const taken = await it.settled(it.rollouts.take(ID, { token: "second", holder: "bob", signal }));
    if (taken._tag !== "Taken") throw new Error(taken._tag);
    it.bad.clear();
    const done = await it.settled(it.rollouts.run(taken, { retry: new Set(taken.retried) }));
    expect(done.rollout.devices).toMatchObject({
      "pi-1": { state: "Ready", generation: 2 },
      "pi-2": { generation: 1 },
    });
  });

  test("is run by one command at a time: who holds it is named, and a dead one is taken over after its lease", async () => {
    const it = await scene(4);
    it.silent.add("pi-1");
    const end = new AbortController();
    const running = it.rollouts.run(await it.begin({ timeoutMs: 600_000 }), { signal: end.signal });
    await it.clock.advance(10_000);
    const signal = new AbortController().signal;
    const waiting: string[] = [];
    const taking = { token: "second", holder: "bob", signal, onWaiting: (holder: string) => void waiting.push(holder) };
    expect(await it.settled(it.rollouts.take(ID, taking))).toEqual({ _tag: "Held", holder: "ada@desk" });
    expect(waiting).toEqual(["ada@desk"]);
    // As a kill does: from here on it writes no more.
    it.store.disconnect();
    const other = createFleet({ store: new MemoryStore(it.server), clock: it.clock });
    const taken = await it.settled(other.rollouts.take(ID, taking));
    expect(taken._tag).toBe("Taken");
    it.store.reconnect();
    // It comes back, finds another lease, and leaves everything as it is.
    expect(await it.settled(running)).toMatchObject({ _tag: "TakenOver" });
    expect(await it.stored()).toMatchObject({ state: "Running", lease: { token: "second" } });
  });

  test("whose command is interrupted says so, lets go of it at once, and the device under way is gone on with", async () => {
    const it = await scene(4);
    it.silent.add("pi-1");
    const end = new AbortController();
    const running = it.rollouts.run(await it.begin(), { signal: end.signal });
    await it.clock.advance(2_000);
    end.abort();
    const done = await it.settled(running);
    expect(done.rollout).toMatchObject({ state: "Stopped", stop: { reason: "Interrupted" }, lease: null });
    expect(it.states(done.rollout)).toBe("APPP");
    it.silent.clear();
    const taken = await it.settled(
      it.rollouts.take(ID, { token: "second", holder: "bob", signal: new AbortController().signal }),
    );
    if (taken._tag !== "Taken") throw new Error(taken._tag);
    await it.tell(AgentId.parse("pi-1"));
    expect((await it.settled(it.rollouts.run(taken))).rollout).toMatchObject({ state: "Done" });
    expect(it.shipped.filter((id) => id === "pi-1")).toEqual(["pi-1"]);
  });

  test("is stopped from elsewhere", async () => {
    const it = await scene(4);
    it.silent.add("pi-1");
    const running = it.rollouts.run(await it.begin({ timeoutMs: 600_000 }));
    await it.clock.advance(1_000);
    const elsewhere = createFleet({ store: new MemoryStore(it.server), clock: it.clock });
    const { signal } = new AbortController();
    const stopped = await it.settled(elsewhere.rollouts.stop(ID, signal));
    expect(stopped).toMatchObject({ _tag: "Stopped", rollout: { state: "Stopped", stop: { reason: "Asked" } } });
    expect((await it.settled(running)).rollout.stop).toEqual({
      reason: "Asked",
      message: "somebody stopped it in wave 1 of 3",
    });
    expect(await elsewhere.rollouts.stop(ID, signal)).toMatchObject({ _tag: "AlreadyEnded" });
  });

  test("that nobody runs any more is stopped all the same", async () => {
    const it = await scene(4);
    await it.begin();
    await it.clock.advance(LEASE_MS + 1);
    const stopped = await it.settled(it.rollouts.stop(ID, new AbortController().signal));
    expect(stopped).toMatchObject({ _tag: "Stopped", rollout: { lease: null } });
  });

  test("watches a wave for as long as it is to stay Ready, and stops for one that does not", async () => {
    const it = await scene(4);
    const running = it.rollouts.run(await it.begin({ soakMs: 30_000 }));
    await it.clock.advance(10_000);
    expect(it.shipped).toEqual(["pi-1"]);
    it.bad.add("pi-1");
    await it.tell(AgentId.parse("pi-1"));
    const done = await it.settled(running);
    expect(done.rollout).toMatchObject({ state: "Stopped", wave: 0, stop: { reason: "TooManyFailures" } });
    expect(done.rollout.devices["pi-1"]?.message).toBe("it did not stay Ready: a is Failed: the disk is full");
    expect(it.shipped).toEqual(["pi-1"]);
  });

  test("does not count a device that is not Ready in time as good", async () => {
    const it = await scene(2);
    it.silent.add("pi-1");
    const done = await it.settled(
      it.rollouts.run(await it.begin({ timeoutMs: 5_000, waves: parseWaves("1,100%") ?? [] })),
    );
    expect(done.rollout.devices["pi-1"]).toMatchObject({
      state: "Failed",
      message: expect.stringContaining("not Ready in time"),
    });
    expect(done.rollout.wave).toBe(0);
  });

  test("says that the server is gone, which is no failure of a device", async () => {
    const it = await scene(4);
    it.silent.add("pi-1");
    const running = it.rollouts.run(await it.begin({ timeoutMs: 10_000 }));
    await it.clock.advance(1_000);
    it.store.disconnect();
    const done = await it.settled(running);
    expect(done.rollout.stop?.reason).toBe("Unreachable");
    expect(it.states(done.rollout)).toBe("APPP");
  });

  test("is not begun where one device would refuse it: each of them is named", async () => {
    const it = await scene(3);
    const cluster = manifest(Everything, { web: new K8sDeploymentScore({ name: "web", image: "nginx:1" }) });
    const prepared = await it.rollouts.prepare(
      it.wish({
        manifestOf: ({ agentId }) => ({ _tag: "Made", group: "", manifest: agentId === "pi-2" ? cluster : files() }),
      }),
    );
    expect(prepared).toMatchObject({ _tag: "Refused" });
    expect(JSON.stringify(prepared)).toContain("K8sDeploymentScore requires K8sClient, which PiTopology lacks");
    expect(prepared._tag === "Refused" && new Set(prepared.findings.map(({ agentId }) => agentId))).toEqual(
      new Set(["pi-2"]),
    );
    expect(it.shipped).toEqual([]);
    expect(await it.rollouts.read(ID)).toEqual({ _tag: "Unknown" });
  });

  test("carries secrets, sealed for each device alone; what is not given is carried over from each device's own", async () => {
    const it = await scene(2);
    const pairs = new Map(["pi-1", "pi-2"].map((id) => [id, makeKeyPair()]));
    const keyOf = (id: string): SealingKey => {
      const pair = pairs.get(id);
      if (pair === undefined) throw new Error(id);
      return sealingKeyOf(pair);
    };
    for (const id of pairs.keys()) {
      const document = capabilities({ agentId: AgentId.parse(id), sealingKey: keyOf(id) });
      await it.devices.put("capabilities", id, writeDocument(document));
    }
    const wanted = (path: string) =>
      manifest(PiTopology, { a: new FileScore({ path, content: secret("token") }) }, { rollbackOnFailure: true });
    const more = (path: string, secrets: RolloutWish["secrets"]): Partial<RolloutWish> => ({
      waves: parseWaves("100%") ?? [],
      manifestOf: () => ({ _tag: "Made", group: "", manifest: wanted(path) }),
      secrets,
    });
    const opened = async (id: string, by: string): Promise<string> => {
      const found = await it.devices.get("desired-state", id);
      const envelope = found._tag === "Value" ? openEnvelope(found.value) : null;
      if (envelope?._tag !== "Inline") throw new Error(id);
      const sealed = Payload.parse(JSON.parse(envelope.payload)).scores["a"];
      const { secrets = {} } = WireScore.parse(sealed);
      const pair = pairs.get(by);
      if (pair === undefined || secrets["token"] === undefined) throw new Error(by);
      const own = new Map([[keyIdOf(sealingKeyOf(pair)), pair]]);
      const unsealed = unseal(secrets["token"], own, { agentId: AgentId.parse(id), name: "token" });
      return unsealed._tag === "Opened" ? Buffer.from(unsealed.bytes).toString() : unsealed._tag;
    };
    const values = new Map([["token", Buffer.from("abc")]]);
    const trustedKeysOf = (id: AgentId) => [keyOf(id)];
    await it.settled(it.rollouts.run(await it.begin(more("/a", { values, trustedKeysOf }))));
    expect([await opened("pi-1", "pi-1"), await opened("pi-2", "pi-2")]).toEqual(["abc", "abc"]);
    expect(await opened("pi-1", "pi-2")).not.toBe("abc");
    // The next one gives none.
    await it.devices.delete("rollouts", ID);
    const again = await it.settled(it.rollouts.run(await it.begin(more("/b", undefined))));
    expect(again.rollout).toMatchObject({ state: "Done", manifests: { length: 2 } });
    expect([await opened("pi-1", "pi-1"), await opened("pi-2", "pi-2")]).toEqual(["abc", "abc"]);
  });

  test("is refused where a secret is missing, is nobody's, or would be sealed for a key that is not pinned", async () => {
    const it = await scene(2);
    const told = { agentId: AgentId.parse("pi-1"), sealingKey: sealingKeyOf(makeKeyPair()) };
    await it.devices.put("capabilities", "pi-1", writeDocument(capabilities(told)));
    const token = manifest(PiTopology, { a: new FileScore({ path: "/a", content: secret("token") }) });
    const sentences = async (given: readonly string[]): Promise<string> => {
      const values = new Map(given.map((name) => [name, Buffer.from("abc")]));
      const manifestOf = (): MadeManifest => ({ _tag: "Made", group: "", manifest: token });
      const prepared = await it.rollouts.prepare(it.wish({ manifestOf, secrets: { values, trustedKeysOf: () => [] } }));
      if (prepared._tag !== "Refused") throw new Error(prepared._tag);
      return prepared.findings.map(({ agentId, sentence }) => `${agentId}: ${sentence}`).join("\n");
    };
    expect(await sentences([])).toMatch(
      /^pi-1: the secret "token" is not given, and .* holds none of that name\. Say what/,
    );
    expect(await sentences([])).toContain("pi-2: agent pi-2 takes no secrets");
    expect(await sentences(["token"])).toMatch(/^pi-1: agent pi-1 publishes the sealing key .*nothing here says/);
    expect(await sentences(["token", "other"])).toContain('null: no manifest refers to a secret "other"');
    expect(await it.rollouts.read(ID)).toEqual({ _tag: "Unknown" });
  });

  test("leaves out devices of no group, and refuses where the file refuses one", async () => {
    const it = await scene(3);
    const some = await it.rollouts.prepare(
      it.wish({
        waves: parseWaves("100%") ?? [],
        manifestOf: ({ agentId }) =>
          agentId === "pi-2" ? { _tag: "NotMeant" } : { _tag: "Made", group: "", manifest: files(agentId) },
      }),
    );
    expect(some).toMatchObject({ _tag: "Prepared", leftOut: ["pi-2"], rollout: { manifests: { length: 2 } } });
    const none = await it.rollouts.prepare(
      it.wish({ manifestOf: () => ({ _tag: "Refused", message: "in two groups" }) }),
    );
    expect(none).toMatchObject({ _tag: "Refused", findings: { length: 3 } });
  });

  test("with a message is not begun where a device would refuse all for it", async () => {
    const it = await scene(2);
    const { takes: _, ...before } = capabilities({ agentId: AgentId.parse("pi-2") });
    await it.store.put("capabilities", "pi-2", writeDocument(before));
    const waves = parseWaves("100%") ?? [];
    expect(await it.rollouts.prepare(it.wish({ waves }))).toMatchObject({ _tag: "Prepared" });
    expect(await it.rollouts.prepare(it.wish({ waves, message: "the new menu" }))).toMatchObject({
      _tag: "Refused",
      findings: [{ agentId: "pi-2", scoreId: null, sentence: expect.stringContaining('knows no "message"') }],
    });
  });

  test("keeps what devices are to be where agents cannot read it", async () => {
    const it = await scene(2);
    const { rollout } = await it.begin({
      waves: parseWaves("100%") ?? [],
      manifestOf: () => ({ _tag: "Made", group: "", manifest: files("between us") }),
    });
    expect(rollout.manifests.length).toBe(1);
    const asset = await it.store.getAsset(rollout.manifests[0]?.asset ?? "", { limit: 10_000 });
    expect(asset._tag === "Value" && Buffer.from(asset.value).toString("latin1")).not.toContain("between us");
  });

  test("is signed by whoever goes on with it only where they began it, and nobody has changed it since", async () => {
    const it = await scene(2, ["pi-1"]);
    const { privateKey } = generateKeyPairSync("ed25519");
    const signers = [{ key: "ada", privateKey }];
    const began = { signers, waves: parseWaves("100%") ?? [] };
    await it.settled(it.rollouts.run(await it.begin(began), { signers }));
    const taking = { token: "second", holder: "bob", signal: new AbortController().signal };
    const other = [{ key: "ada", privateKey: generateKeyPairSync("ed25519").privateKey }];
    expect(await it.rollouts.take(ID, { ...taking, signers: other })).toEqual({ _tag: "NotSigned", key: "ada" });
    // Whoever has the server puts another text in the place of the one that was signed.
    const whole = await it.stored();
    const { sealed, key } = sealPayload(new TextEncoder().encode('{"scores":{}}'));
    const put = await it.devices.putAsset(sealed);
    if (put._tag !== "Stored") throw new Error(put.message);
    const [first] = whole.manifests;
    const write = (sha: string) =>
      it.devices.put("rollouts", ID, writeRollout({ ...whole, manifests: [{ asset: put.sha256, key, sha256: sha }] }));
    await write(sha256('{"scores":{}}'));
    expect(await it.rollouts.take(ID, { ...taking, signers })).toEqual({ _tag: "NotSigned", key: "ada" });
    await write(first?.sha256 ?? "");
    const taken = await it.settled(it.rollouts.take(ID, { ...taking, signers }));
    if (taken._tag !== "Taken") throw new Error(taken._tag);
    const done = await it.settled(it.rollouts.run(taken, { signers, retry: new Set(["pi-1"]) }));
    expect(done.rollout.devices["pi-1"]).toMatchObject({
      state: "Failed",
      message: expect.stringContaining("is damaged on the server, or another one"),
    });
    expect(it.shipped.filter((id) => id === "pi-1")).toEqual(["pi-1"]);
  });

  test("has a limit that can be reached also where another one is asked for later", async () => {
    const it = await scene(2, ["pi-1"]);
    await it.settled(it.rollouts.run(await it.begin({ waves: parseWaves("100%") ?? [] })));
    const taking = { token: "second", holder: "bob", signal: new AbortController().signal };
    expect(await it.rollouts.take(ID, { ...taking, maxFailures: 2 })).toMatchObject({ _tag: "LimitUnreachable" });
    expect(await it.rollouts.take(RolloutId.parse("r-2"), taking)).toEqual({ _tag: "Unknown" });
  });
});
