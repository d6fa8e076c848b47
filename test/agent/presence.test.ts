import { describe, expect, onTestFinished, test } from "vitest";
import { HEARTBEAT_MS, Presence } from "../../src/agent/presence.ts";
import { FakeClock, settle } from "../../src/testing/fake-clock.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import { type CapabilitiesDocument, Heartbeat, readDocument, writeDocument } from "../../src/wire/status.ts";
import type { Bucket } from "../../src/wire/store.ts";
import { AGENT } from "./support/manifests.ts";

const capabilities: CapabilitiesDocument = {
  agentId: AGENT,
  topology: "TestTopology",
  capabilities: { FileSystemHost: { root: "/" } },
  kinds: { File: [1] },
  agentVersion: "0",
};

/** One start of an agent, on a server that it may share with others. */
function start(server = new MemoryServer(), bootId = "boot-1", clock = new FakeClock()) {
  const store = new MemoryStore(server);
  const reader = new MemoryStore(server);
  const it = { fenced: [] as number[], forgotten: 0, puts: [] as Bucket[], logged: [] as string[], generation: 0 };
  const put = store.put.bind(store);
  store.put = (...given) => {
    it.puts.push(given[0]);
    return put(...given);
  };
  const presence = new Presence({
    store,
    agentId: AGENT,
    bootId,
    clock,
    log: (message) => void it.logged.push(message),
    capabilities: () => capabilities,
    observedGeneration: () => it.generation,
    onFenced: (epoch) => void it.fenced.push(epoch),
    onForgotten: () => void (it.forgotten += 1),
  });
  onTestFinished(() => presence.stop());
  const beat = async (): Promise<Heartbeat | null> => {
    const found = await reader.get("heartbeat", AGENT);
    if (found._tag !== "Value") return null;
    const read = readDocument(Heartbeat, found.value);
    if (read._tag === "Unreadable") throw new Error(read.message);
    return read.document;
  };
  return Object.assign(it, { server, store, reader, clock, presence, beat });
}
const forget = (server: MemoryServer, ...buckets: readonly Bucket[]): void => {
  for (const bucket of buckets) server.buckets?.get(bucket)?.entries.clear();
};

describe("an epoch", () => {
  test("is one above the highest that the heartbeat or the status tells of", async () => {
    const server = new MemoryServer();
    const first = start(server);
    expect(await first.presence.take()).toEqual({ epoch: 1, before: null, statusRevision: 0 });
    first.presence.stop();
    const second = start(server);
    expect(await second.presence.take()).toMatchObject({ epoch: 2 });
    second.presence.stop();
    const status = {
      agentId: AGENT,
      generation: 4,
      observedGeneration: 4,
      observedRevision: 1,
      epoch: 9,
      conditions: [],
      scores: {},
      agent: { version: "0", bootId: "b", topology: "T" },
    };
    await second.reader.put("actual-state", AGENT, writeDocument(status));
    const third = start(server);
    expect(await third.presence.take()).toEqual({ epoch: 10, before: status, statusRevision: 1 });
    expect(await third.beat()).toMatchObject({ epoch: 10, sequence: 1, bootId: "boot-1" });
  });

  test("is not taken from a store that cannot be read, nor where the write was not answered", async () => {
    for (const only of [["get"], ["put"]] as const) {
      const it = start();
      it.store.fail("after", { only: [...only] });
      expect(await it.presence.take()).toBeNull();
      expect(it.presence.epoch).toBe(0);
      expect(it.clock.timers).toBe(0);
      // The write may have been stored, so that the next one is higher.
      expect(await it.presence.take()).toMatchObject({ epoch: only[0] === "put" ? 2 : 1 });
    }
  });

  test("that the server does not let it write is told, once", async () => {
    const { presence, store, logged } = start();
    store.fail("before", { only: ["put"], times: Infinity, reason: "Denied" });
    expect(await presence.take()).toBeNull();
    expect(await presence.take()).toBeNull();
    expect(logged).toEqual(["the server cannot be used yet; trying on"]);
  });

  test("is taken over documents that nobody can read", async () => {
    const it = start();
    await it.reader.put("heartbeat", AGENT, Buffer.from("garbage"));
    await it.reader.put("actual-state", AGENT, Buffer.from("garbage"));
    expect(await it.presence.take()).toEqual({ epoch: 1, before: null, statusRevision: 1 });
    expect(it.logged).toEqual([expect.stringContaining("cannot be read")]);
  });

  test("is taken by one of two that start at once, and the other takes a higher one", async () => {
    const server = new MemoryServer();
    const [a, b] = [start(server, "a"), start(server, "b")];
    const taken = await Promise.all([a.presence.take(), b.presence.take()]);
    expect(taken.filter((each) => each !== null)).toMatchObject([{ epoch: 1 }]);
    const late = taken[0] === null ? a : b;
    expect(await late.presence.take()).toMatchObject({ epoch: 2 });
  });
});

describe("of two agents with one id", () => {
  test("the lower epoch is fenced by its next heartbeat, once, and beats no more", async () => {
    const server = new MemoryServer();
    const old = start(server, "old");
    await old.presence.take();
    const young = start(server, "young");
    await young.presence.take();
    await old.clock.advance(HEARTBEAT_MS);
    expect(old.fenced).toEqual([2]);
    expect(old.clock.timers).toBe(0);
    old.presence.reconnected();
    await old.clock.advance(10 * HEARTBEAT_MS);
    await young.clock.advance(10 * HEARTBEAT_MS);
    expect(young.fenced).toEqual([]);
    expect(old.fenced).toEqual([2]);
    expect(await young.beat()).toMatchObject({ bootId: "young", epoch: 2, sequence: 11 });
  });

  test("the higher epoch holds even after the store was lost, and gets its heartbeat through", async () => {
    const server = new MemoryServer();
    const clock = new FakeClock();
    for (let earlier = 0; earlier < 2; earlier += 1) {
      const it = start(server);
      await it.presence.take();
      it.presence.stop();
    }
    const high = start(server, "high", clock);
    await high.presence.take();
    forget(server, "heartbeat", "actual-state");
    await clock.advance(HEARTBEAT_MS / 2);
    const low = start(server, "low", clock);
    await low.presence.take();
    expect([high.presence.epoch, low.presence.epoch]).toEqual([3, 1]);
    await clock.advance(2 * HEARTBEAT_MS);
    expect([high.fenced, low.fenced]).toEqual([[], [3]]);
  });

  test("exactly one is left when the store was lost and both have the same epoch", async () => {
    for (const [one, two] of [
      ["a", "b"],
      ["b", "a"],
    ] as const) {
      const server = new MemoryServer();
      const clock = new FakeClock();
      const first = start(server, one, clock);
      await first.presence.take();
      forget(server, "heartbeat", "actual-state");
      const second = start(server, two, clock);
      await second.presence.take();
      expect([first.presence.epoch, second.presence.epoch]).toEqual([1, 1]);
      await clock.advance(5 * HEARTBEAT_MS);
      expect([first.fenced, second.fenced].filter((fenced) => fenced.length > 0)).toEqual([[1]]);
      const before = await first.beat();
      await clock.advance(5 * HEARTBEAT_MS);
      expect((await first.beat())?.bootId).toBe(before?.bootId);
    }
  });
});

describe("the heartbeat", () => {
  test("comes every ten seconds, counts, and tells of uptime and generation", async () => {
    const it = start();
    await it.presence.take();
    it.generation = 7;
    await it.clock.advance(3 * HEARTBEAT_MS);
    expect(await it.beat()).toMatchObject({
      sequence: 4,
      uptimeMs: 30_000,
      observedGeneration: 7,
      epoch: 1,
      at: it.clock.now().toISOString(),
    });
    expect(it.puts.filter((bucket) => bucket === "heartbeat")).toHaveLength(4);
  });

  test("goes on, at the same pace, when answers are lost, when they are late, and when others have meddled with the key", async () => {
    const it = start();
    await it.presence.take();
    it.store.fail("after", { only: ["put"] });
    await it.clock.advance(HEARTBEAT_MS);
    expect(await it.beat()).toMatchObject({ at: it.clock.now().toISOString() });
    await it.clock.advance(HEARTBEAT_MS);
    expect(await it.beat()).toMatchObject({ at: it.clock.now().toISOString() });
    await it.reader.put("heartbeat", AGENT, Buffer.from("garbage"));
    await it.clock.advance(2 * HEARTBEAT_MS);
    expect(await it.beat()).toMatchObject({ bootId: "boot-1", epoch: 1 });

    const put = it.store.put.bind(it.store);
    it.store.put = async (...given) => {
      await new Promise<void>((resume) => void it.clock.after(3000, resume));
      return put(...given);
    };
    await it.clock.advance(10 * HEARTBEAT_MS);
    expect((await it.beat())?.sequence).toBeGreaterThanOrEqual(14);
    expect(it.fenced).toEqual([]);
  });

  test("comes at once after a reconnect", async () => {
    const it = start();
    await it.presence.take();
    it.store.disconnect();
    await it.clock.advance(35_000);
    expect(await it.beat()).toMatchObject({ sequence: 1 });
    it.store.reconnect();
    it.presence.reconnected();
    await settle();
    expect(await it.beat()).toMatchObject({ uptimeMs: 35_000 });
  });

  test("finds out that the store has lost what it knew, tells so, and goes on", async () => {
    const it = start();
    await it.presence.take();
    forget(it.server, "heartbeat", "capabilities");
    await it.clock.advance(2 * HEARTBEAT_MS);
    expect(it.forgotten).toBe(1);
    expect(await it.beat()).toMatchObject({ epoch: 1 });
    expect(await it.reader.get("capabilities", AGENT)).toMatchObject({ _tag: "Value" });
  });

  test("ends with a stop, also in the middle of one", async () => {
    const it = start();
    await it.presence.take();
    await it.reader.delete("heartbeat", AGENT);
    it.presence.reconnected();
    it.presence.stop();
    await it.clock.advance(60_000);
    expect([it.forgotten, it.clock.timers, await it.beat()]).toEqual([0, 0, null]);
  });
});

describe("the capabilities", () => {
  const published = ({ puts }: { readonly puts: readonly Bucket[] }): number =>
    puts.filter((bucket) => bucket === "capabilities").length;

  test("are published once, and not again by a later start that offers the same", async () => {
    const server = new MemoryServer();
    const it = start(server);
    await it.presence.take();
    await it.clock.advance(100_000);
    it.presence.reconnected();
    await settle();
    expect(published(it)).toBe(1);
    const found = await it.reader.get("capabilities", AGENT);
    expect(found._tag === "Value" ? JSON.parse(Buffer.from(found.value).toString()) : found).toEqual(capabilities);
    const next = start(server, "boot-2");
    await next.presence.take();
    expect(published(next)).toBe(0);
  });

  test("are not published any more by one that is fenced while it looks what is there", async () => {
    const server = new MemoryServer();
    const it = start(server, "boot-1");
    await it.presence.take();
    await it.reader.delete("capabilities", AGENT);
    const get = it.store.get.bind(it.store);
    it.store.get = async (...given) => {
      const found = await get(...given);
      if (given[0] === "capabilities") it.presence.stop();
      return found;
    };
    it.puts.length = 0;
    it.presence.capabilitiesChanged();
    await settle();
    expect(it.puts).toEqual([]);
  });

  test("are tried again with each heartbeat until they are", async () => {
    const it = start();
    it.store.fail("before", { only: ["get"], times: 3 });
    await it.presence.take();
    await it.presence.take();
    const put = it.store.put.bind(it.store);
    it.store.put = async (bucket, ...rest) => {
      const failing = bucket === "capabilities" && it.clock.monotonicMs() < 25_000;
      return failing ? { _tag: "Unreachable", reason: "TimedOut", message: "late" } : put(bucket, ...rest);
    };
    await it.presence.take();
    expect(await it.reader.get("capabilities", AGENT)).toEqual({ _tag: "Absent" });
    await it.clock.advance(30_000);
    expect(await it.reader.get("capabilities", AGENT)).toMatchObject({ _tag: "Value" });
    await it.clock.advance(100_000);
    expect(published(it)).toBe(1);
  });
});
