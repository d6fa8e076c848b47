import { createHash, generateKeyPairSync } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { DesiredState } from "../../src/agent/desired-state.ts";
import type { Reading } from "../../src/agent/status-document.ts";
import { FakeClock, settle } from "../../src/testing/fake-clock.ts";
import type { DecodedManifest, InForce } from "../../src/wire/decode.ts";
import { assetEnvelope } from "../../src/wire/encode.ts";
import { PAYLOAD_LIMIT_BYTES } from "../../src/wire/envelope.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import type { Found, Unreachable } from "../../src/wire/store.ts";
import { sign } from "../../src/wire/signature.ts";
import { AGENT, envelopeOf, gate, payloadOf, probe, type Wanted } from "./support/manifests.ts";

/** Follows a key in memory; takes up what it is handed, as the agent does. */
function follow({ inForce = null, trustedKeys = gate.trustedKeys }: { inForce?: InForce | null; trustedKeys?: typeof gate.trustedKeys } = {}) {
  const server = new MemoryServer();
  const store = new MemoryStore(server);
  const operator = new MemoryStore(server);
  const clock = new FakeClock();
  const seen: (readonly [Reading, number])[] = [];
  const manifests: (readonly [DecodedManifest, number])[] = [];
  const logged: string[] = [];
  const state = { inForce, gets: 0, answers: [] as (Found | Unreachable)[], hints: true };
  const { get, onChange } = store;
  store.get = async (...given) => {
    state.gets += 1;
    return state.answers.shift() ?? get.apply(store, given);
  };
  store.onChange = (bucket, key, poke) => onChange.call(store, bucket, key, (changed) => state.hints && poke(changed));
  const desired = new DesiredState({
    store,
    gate: { ...gate, trustedKeys },
    clock,
    log: (message) => void logged.push(message),
    random: () => 0.5,
    inForce: () => state.inForce,
    onManifest: (manifest, payload, revision) => {
      state.inForce = { generation: manifest.generation, payload };
      manifests.push([manifest, revision]);
    },
    onReading: (reading, revision) => void seen.push([reading, revision]),
  });
  onTestFinished(() => desired.stop());
  const put = async (value: Uint8Array | Wanted): Promise<void> => {
    await operator.put("desired-state", AGENT, value instanceof Uint8Array ? value : envelopeOf(value));
    await settle();
  };
  const start = async (): Promise<void> => {
    desired.start();
    await settle();
  };
  return { server, store, operator, clock, seen, manifests, logged, state, desired, put, start };
}
const generations = ({ manifests }: ReturnType<typeof follow>): readonly number[] => manifests.map(([{ generation }]) => generation);
const lastReading = ({ seen }: ReturnType<typeof follow>) => seen.at(-1)?.[0];
const wanted = (generation: number, value = "x"): Wanted => ({ generation, scores: { a: probe("a", value) } });

describe("the four inputs", () => {
  test("no key: nothing is handed on, and it is told that nothing was written yet", async () => {
    const it = follow();
    await it.start();
    expect(it.seen).toEqual([[{ _tag: "Absent" }, 0]]);
    expect(it.manifests).toEqual([]);
  });

  test.each([
    ["deleted", async (it: ReturnType<typeof follow>) => void (await it.operator.delete("desired-state", AGENT)), { _tag: "Deleted" }],
    ["unreadable", (it: ReturnType<typeof follow>) => it.put(Buffer.from("{")), { _tag: "Refused", refusal: { reason: "Malformed" } }],
    ["of zero bytes", (it: ReturnType<typeof follow>) => it.put(new Uint8Array()), { _tag: "Refused", refusal: { reason: "Malformed" } }],
    ["for somebody else", (it: ReturnType<typeof follow>) => it.put({ ...wanted(2), agentId: "pi-8" }), { _tag: "Refused", refusal: { reason: "WrongAgent", generation: 2 } }],
  ])("a key that is %s: nothing is handed on, and that is told", async (_, happens, reading) => {
    const it = follow();
    await it.put(wanted(1));
    await it.start();
    await happens(it);
    await settle();
    expect(generations(it)).toEqual([1]);
    expect(lastReading(it)).toMatchObject(reading);
    expect(it.seen.at(-1)?.[1]).toBe(2);
  });

  test("an unreadable store: nothing is handed on or told, and it is asked again, ever more slowly", async () => {
    const it = follow();
    await it.put(wanted(1));
    it.store.fail("before", { times: Infinity, only: ["get"], reason: "NoBucket" });
    await it.start();
    await it.clock.advance(120_000);
    expect([it.seen, it.manifests]).toEqual([[], []]);
    // 1 + 2 + 4 + 8 s, and then every 15.
    expect(it.state.gets).toBe(5 + 7);
    expect(it.logged).toHaveLength(1);
    it.store.heal();
    await it.clock.advance(15_000);
    expect(generations(it)).toEqual([1]);
  });

  test("an empty set is handed on as such", async () => {
    const it = follow();
    await it.put({ generation: 1, scores: {} });
    await it.start();
    expect(it.manifests).toMatchObject([[{ generation: 1, scores: new Map() }, 1]]);
  });
});

describe("what is newer", () => {
  test("an answer from a follower that lags is never acted upon, and is asked again", async () => {
    const it = follow();
    await it.put(wanted(1));
    const old = await it.operator.get("desired-state", AGENT);
    await it.put(wanted(2));
    await it.start();
    const before = it.seen.length;
    it.state.answers = [old, old];
    it.desired.read();
    await settle();
    expect(it.seen.length).toBe(before);
    await it.clock.advance(1500);
    expect(it.state.answers).toEqual([]);
    expect([generations(it), it.seen.length]).toEqual([[2], before]);
  });

  test("a store that was made anew counts from the beginning, and is followed all the same", async () => {
    const it = follow();
    for (const generation of [1, 2, 3]) await it.put(wanted(generation));
    await it.start();
    const fresh = new MemoryServer();
    const operator = new MemoryStore(fresh);
    await operator.put("desired-state", AGENT, envelopeOf(wanted(4)));
    it.store.get = (...given) => operator.get(...given);
    it.desired.read();
    await it.clock.advance(5000);
    expect(generations(it)).toEqual([3, 4]);
  });

  test("an older generation is refused as stale, and what is in force is not handed on again", async () => {
    const it = follow();
    await it.put(wanted(7));
    await it.start();
    await it.put(wanted(6));
    expect(lastReading(it)).toMatchObject({ _tag: "Refused", refusal: { reason: "StaleGeneration", generation: 6 } });
    await it.put(wanted(7));
    expect(lastReading(it)).toEqual({ _tag: "Accepted", generation: 7 });
    expect(generations(it)).toEqual([7]);
  });

  test("the same generation with another text is refused as stale", async () => {
    const it = follow();
    await it.put(wanted(7));
    await it.start();
    await it.put(wanted(7, "other"));
    expect(lastReading(it)).toMatchObject({ _tag: "Refused", refusal: { reason: "StaleGeneration", generation: 7 } });
    expect(generations(it)).toEqual([7]);
  });

  test("where only the number of the one in force is known, that number is taken with any text, and no older one", async () => {
    const it = follow({ inForce: { generation: 7, payload: null } });
    await it.put(wanted(6));
    await it.start();
    expect(lastReading(it)).toMatchObject({ refusal: { reason: "StaleGeneration" } });
    await it.put(wanted(7));
    expect(generations(it)).toEqual([7]);
  });

  test("a signature is asked for where keys are trusted", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const it = follow({ trustedKeys: new Map([["ops", publicKey]]) });
    await it.put(wanted(1));
    await it.start();
    expect(lastReading(it)).toMatchObject({ refusal: { reason: "BadSignature" } });
    const payload = payloadOf(wanted(2));
    const envelope = { wire: 1, payload, signatures: [sign(payload, "ops", privateKey)] };
    await it.put(Buffer.from(JSON.stringify(envelope)));
    expect(generations(it)).toEqual([2]);
  });
});

describe("a payload among the assets", () => {
  const asAsset = (payload: Uint8Array) => assetEnvelope(createHash("sha256").update(payload).digest("hex"), []);

  test("is read from there", async () => {
    const it = follow();
    const payload = Buffer.from(payloadOf(wanted(1)));
    await it.operator.putAsset(payload);
    await it.put(asAsset(payload));
    await it.start();
    expect(generations(it)).toEqual([1]);
  });

  test("that is missing is told, and taken up as soon as it is there", async () => {
    const it = follow();
    const payload = Buffer.from(payloadOf(wanted(1)));
    await it.put(asAsset(payload));
    await it.start();
    expect(lastReading(it)).toMatchObject({ _tag: "Refused", refusal: { reason: "MissingPayload" } });
    await it.clock.advance(10_000);
    await it.operator.putAsset(payload);
    await it.clock.advance(15_000);
    expect(generations(it)).toEqual([1]);
  });

  test("that is damaged is told as missing", async () => {
    const it = follow();
    const payload = Buffer.from(payloadOf(wanted(1)));
    it.server.assets.set(createHash("sha256").update(payload).digest("hex"), Buffer.from("something else"));
    await it.put(asAsset(payload));
    await it.start();
    expect(lastReading(it)).toMatchObject({ refusal: { reason: "MissingPayload", message: expect.stringContaining("damaged") } });
  });

  test("that is too large, or no UTF-8, is refused without being taken apart", async () => {
    const it = follow();
    const large = Buffer.alloc(PAYLOAD_LIMIT_BYTES + 1, 0x20);
    await it.operator.putAsset(large);
    await it.put(asAsset(large));
    await it.start();
    expect(lastReading(it)).toMatchObject({ refusal: { reason: "TooLarge" } });
    const odd = Buffer.from(payloadOf(wanted(1)).replace('"x"', '"\xff"'), "latin1");
    await it.operator.putAsset(odd);
    await it.put(asAsset(odd));
    expect(lastReading(it)).toMatchObject({ refusal: { reason: "Malformed", message: expect.stringContaining("UTF-8") } });
    expect(it.manifests).toEqual([]);
  });

  test("in assets that do not answer is asked for again, and tells nothing", async () => {
    const it = follow();
    const payload = Buffer.from(payloadOf(wanted(1)));
    await it.operator.putAsset(payload);
    await it.put(asAsset(payload));
    it.store.fail("before", { only: ["getAsset"], times: 3 });
    await it.start();
    expect(it.seen).toEqual([]);
    await it.clock.advance(10_000);
    expect(generations(it)).toEqual([1]);
  });
});

describe("when the key is read", () => {
  test("a hint is enough: no time passes until a new manifest is taken up", async () => {
    const it = follow();
    await it.start();
    for (const generation of [1, 2, 3]) await it.put(wanted(generation));
    expect(generations(it)).toEqual([1, 2, 3]);
    expect(it.clock.monotonicMs()).toBe(0);
  });

  test("a lost hint is made good by the timer, within a jittered minute", async () => {
    const it = follow();
    await it.start();
    it.state.hints = false;
    await it.put(wanted(1));
    expect(generations(it)).toEqual([]);
    await it.clock.advance(60_000);
    expect(generations(it)).toEqual([1]);
  });

  test("between hints it is read once a minute, and what is the same is neither decoded nor told again", async () => {
    const it = follow();
    await it.put(wanted(1));
    await it.start();
    const { gets } = it.state;
    await it.clock.advance(600_000);
    expect(it.state.gets - gets).toBe(10);
    expect([it.manifests.length, it.seen.length]).toEqual([1, 0]);
    expect(it.clock.timers).toBe(1);
  });

  test("hints that come while it is read cost one more reading together", async () => {
    const it = follow();
    await it.start();
    const { gets } = it.state;
    for (let hint = 0; hint < 100; hint += 1) it.desired.read();
    await settle();
    expect(it.state.gets - gets).toBe(2);
  });

  test("a reconnect reads it at once", async () => {
    const it = follow();
    await it.start();
    it.store.disconnect();
    await it.put(wanted(1));
    await it.clock.advance(5000);
    expect(generations(it)).toEqual([]);
    it.store.reconnect();
    await settle();
    expect(generations(it)).toEqual([1]);
  });

  test("after a stop it is not read any more, and what is under way is dropped", async () => {
    const it = follow();
    await it.start();
    await it.operator.put("desired-state", AGENT, envelopeOf(wanted(1)));
    it.desired.read();
    it.desired.stop();
    await it.put(wanted(2));
    await it.clock.advance(600_000);
    expect(generations(it)).toEqual([]);
    expect(it.clock.timers).toBe(0);
  });
});
