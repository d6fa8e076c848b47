import { expect, test } from "vitest";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import { recorder } from "./recorder.ts";
import { storeContract } from "./store.contract.ts";

storeContract(
  async () => {
    const server = new MemoryServer();
    const clients: MemoryStore[] = [];
    return {
      client: async () => {
        const store = new MemoryStore(server);
        clients.push(store);
        return store;
      },
      bare: async () => new MemoryStore(new MemoryServer({ buckets: false })),
      cut: async () => clients.forEach((store) => store.disconnect()),
      restore: async () => clients.forEach((store) => store.reconnect()),
      corruptAsset: async (sha256) => void server.assets.set(sha256, new Uint8Array([1])),
      stop: async () => {},
    };
  },
  { runs: 300 },
);

const value = new Uint8Array([1]);
const timedOut = { _tag: "Unreachable", reason: "TimedOut" };

test("a call that fails before its effect has none, and the one after it succeeds", async () => {
  const store = new MemoryStore();
  store.fail("before");
  expect(await store.put("heartbeat", "a", value)).toMatchObject(timedOut);
  expect(await store.get("heartbeat", "a")).toEqual({ _tag: "Absent" });
});

test("a call that fails after its effect has it, and tells the watchers", async () => {
  const [store, watcher] = [new MemoryStore(), recorder<string>()];
  store.onChange("heartbeat", "a", watcher.tell);
  store.fail("after", { reason: "Disconnected" });
  expect(await store.put("heartbeat", "a", value)).toMatchObject({ _tag: "Unreachable", reason: "Disconnected" });
  expect(await store.get("heartbeat", "a")).toEqual({ _tag: "Value", value, revision: 1 });
  expect(watcher.all).toEqual(["a"]);
});

test("a fault strikes so many calls of the kinds it names, on this store alone", async () => {
  const store = new MemoryStore();
  const other = new MemoryStore(store.server);
  store.fail("before", { times: 2, only: ["put"] });
  expect(await store.get("heartbeat", "a")).toEqual({ _tag: "Absent" });
  expect(await store.put("heartbeat", "a", value)).toMatchObject(timedOut);
  expect(await other.put("heartbeat", "a", value)).toEqual({ _tag: "Written", revision: 1 });
  expect(await store.put("heartbeat", "a", value)).toMatchObject(timedOut);
  expect(await store.put("heartbeat", "a", value)).toEqual({ _tag: "Written", revision: 2 });
});

test("a fault without end lasts until it is healed", async () => {
  const store = new MemoryStore();
  store.fail("before", { times: Infinity });
  for (let call = 0; call < 5; call += 1) expect(await store.keys("heartbeat")).toMatchObject(timedOut);
  store.heal();
  expect(await store.keys("heartbeat")).toEqual([]);
});

test("a store that is cut off hears nothing, and nobody reaches what it serves", async () => {
  const store = new MemoryStore();
  const other = new MemoryStore(store.server);
  const pokes = recorder<string>();
  store.onChange("heartbeat", "*", pokes.tell);
  store.serve("test.echo", async (request) => request);
  store.disconnect();
  await other.put("heartbeat", "a", value);
  expect(await other.request("test.echo", value)).toEqual({ _tag: "NobodyThere" });
  expect(pokes.all).toEqual([]);
  store.reconnect();
  expect(pokes.all).toEqual(["*"]);
  expect(await other.request("test.echo", value)).toEqual({ _tag: "Reply", value });
});

test("neither the writer nor a reader can change what is stored", async () => {
  const store = new MemoryStore();
  const mine = new Uint8Array([1]);
  const writing = store.put("heartbeat", "a", mine);
  mine[0] = 2;
  await writing;
  const found = await store.get("heartbeat", "a");
  if (found._tag === "Value") found.value[0] = 3;
  expect(await store.get("heartbeat", "a")).toEqual({ _tag: "Value", value, revision: 1 });
});

test("the server's limit is the test's to choose", async () => {
  const store = new MemoryStore(new MemoryServer({ maxPayload: 10 }));
  expect(store.maxPayload()).toBe(10);
  const tooLarge = { _tag: "TooLarge", bytes: 11, limit: 10 };
  expect(await store.put("heartbeat", "a", new Uint8Array(11))).toEqual(tooLarge);
});
