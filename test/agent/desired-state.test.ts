import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { settle } from "../../src/testing/fake-clock.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import { sign } from "../../src/wire/signature.ts";
import { AGENT, envelopeOf, payloadOf } from "./support/manifests.ts";
import { follow, generations, lastReading, wanted } from "./support/follower.ts";

describe("the four inputs", () => {
  test("no key: nothing is handed on, and it is told that nothing was written yet", async () => {
    const it = follow();
    await it.start();
    expect(it.seen).toEqual([[{ _tag: "Absent" }, 0]]);
    expect(it.manifests).toEqual([]);
  });

  test.each([
    [
      "deleted",
      async (it: ReturnType<typeof follow>) => void (await it.operator.delete("desired-state", AGENT)),
      { _tag: "Deleted" },
    ],
    [
      "unreadable",
      (it: ReturnType<typeof follow>) => it.put(Buffer.from("{")),
      { _tag: "Refused", refusal: { reason: "Malformed" } },
    ],
    [
      "of zero bytes",
      (it: ReturnType<typeof follow>) => it.put(new Uint8Array()),
      { _tag: "Refused", refusal: { reason: "Malformed" } },
    ],
    [
      "for somebody else",
      (it: ReturnType<typeof follow>) => it.put({ ...wanted(2), agentId: "pi-8" }),
      { _tag: "Refused", refusal: { reason: "WrongAgent", generation: 2 } },
    ],
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
    // The next outage is another one: it is told again, and waited for from the shortest pause on.
    it.store.fail("before", { times: 2, only: ["get"] });
    await it.put(wanted(2));
    await it.clock.advance(3000);
    expect([generations(it), it.logged.length]).toEqual([[1, 2], 2]);
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
    expect(lastReading(it)).toMatchObject({ refusal: { reason: "Unsigned" } });
    const payload = payloadOf(wanted(2));
    const envelope = { wire: 1, payload, signatures: [sign(payload, "ops", privateKey)] };
    await it.put(Buffer.from(JSON.stringify(envelope)));
    expect(generations(it)).toEqual([2]);
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
    expect([it.clock.timers, it.server.watchers.size]).toEqual([0, 0]);
  });
});
