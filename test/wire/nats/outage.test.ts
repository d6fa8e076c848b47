import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { connectStore } from "../../../src/wire/nats/connect.ts";
import type { Store } from "../../../src/wire/store.ts";
import { recorder } from "../recorder.ts";
import { connected } from "./connected.ts";
import { RestartableServer } from "./restartable-server.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Far beyond the timeout of a test: whoever answers did not wait for it. */
const endless = { timeoutMs: 3_600_000 };

async function restartable(): Promise<RestartableServer> {
  const server = await RestartableServer.start();
  onTestFinished(async () => server.stop());
  return server;
}

test("revisions and values outlive a server that is killed", async () => {
  const server = await restartable();
  const store = await connected({ servers: server.url });
  await store.ensureBuckets();
  await store.put("desired-state", "pi-1", bytes("1"));
  await store.delete("desired-state", "pi-2");
  const states = recorder<string>();
  store.onConnection(states.tell);
  await server.kill();
  await server.restart();
  await states.until(() => states.all.length >= 3);
  expect(await store.get("desired-state", "pi-1")).toMatchObject({ _tag: "Value", revision: 1 });
  expect(await store.get("desired-state", "pi-2")).toEqual({ _tag: "Deleted", revision: 2 });
  expect(await store.put("desired-state", "pi-1", bytes("2"), { expect: 1 })).toEqual({ _tag: "Written", revision: 3 });
});

test("calls that are waiting when the server is killed answer at once, and nothing throws", async () => {
  const server = await restartable();
  const store = await connected({ servers: server.url });
  await store.ensureBuckets();
  const stored = await store.putAsset(new Uint8Array(600_000).fill(1));
  const { sha256 } = stored._tag === "Stored" ? stored : { sha256: "" };
  await server.freeze();
  const waiting = [
    store.get("heartbeat", "a", endless),
    store.put("heartbeat", "a", bytes("1"), endless),
    store.put("heartbeat", "a", bytes("1"), { ...endless, expect: 0 }),
    store.delete("heartbeat", "a", endless),
    store.keys("heartbeat", endless),
    store.putAsset(bytes("asset"), endless),
    store.getAsset(sha256, { ...endless, limit: 1_000_000 }),
    store.request("test.nobody", bytes(""), endless),
    store.ensureBuckets(endless),
  ];
  await server.kill();
  for (const answer of await Promise.all(waiting)) {
    expect(answer).toMatchObject({ _tag: "Unreachable", reason: "Disconnected" });
  }
});

test("calls between which the server dies answer one way or the other, and nothing throws", async () => {
  const server = await restartable();
  const store = await connected({ servers: server.url });
  await store.ensureBuckets();
  const over = new AbortController();
  const keepCalling = async (call: () => Promise<unknown>): Promise<number> => {
    let answers = 0;
    for (; !over.signal.aborted; answers += 1) {
      await call();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return answers;
  };
  const callers = [
    keepCalling(async () => store.get("heartbeat", "a")),
    keepCalling(async () => store.put("heartbeat", "a", bytes("1"))),
    keepCalling(async () => store.put("heartbeat", "a", bytes("1"), { expect: 0 })),
    keepCalling(async () => store.delete("heartbeat", "a")),
    keepCalling(async () => store.keys("heartbeat")),
    keepCalling(async () => store.putAsset(new Uint8Array(600_000))),
    keepCalling(async () => store.request("test.nobody", bytes(""))),
    keepCalling(async () => store.ensureBuckets()),
    keepCalling(async () => store.onChange("heartbeat", "a", () => {})()),
    keepCalling(async () => store.serve("test.somebody", async (request) => request)()),
  ];
  for (let round = 0; round < 3; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    await server.kill();
    await server.restart();
    await expect.poll(async () => (await store.get("heartbeat", "fence"))._tag, { timeout: 10_000 }).toBe("Absent");
  }
  over.abort();
  for (const answers of await Promise.all(callers)) expect(answers).toBeGreaterThan(1);
});

test("a listing of the keys is complete or Unreachable, however little time it has", async () => {
  const server = await restartable();
  const store = await connected({ servers: server.url });
  await store.ensureBuckets();
  const writes = Array.from({ length: 2000 }, async (_, index) => store.put("heartbeat", `pi-${index}`, bytes("1")));
  await Promise.all(writes);
  const listed = async (timeoutMs: number): Promise<number | string> => {
    const keys = await store.keys("heartbeat", { timeoutMs });
    return "_tag" in keys ? keys._tag : keys.length;
  };
  const answers = new Set<number | string>();
  for (let timeoutMs = 1; timeoutMs <= 40; timeoutMs += 1) answers.add(await listed(timeoutMs));
  answers.add(await listed(10_000));
  expect(answers).toEqual(new Set([2000, "Unreachable"]));
});

/** Adds one to its own field of a shared value, again and again, as an agent must write: by compare-and-set, reading back after each doubt. */
async function count(store: Store, own: "a" | "b", goal: number, counted: () => void): Promise<void> {
  for (let done = 0; done < goal;) {
    const found = await store.get("actual-state", "counter");
    if (found._tag !== "Value") {
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
    const counter: { a: number; b: number } = JSON.parse(new TextDecoder().decode(found.value));
    // A write whose answer was lost shows here, and is not made twice.
    if (counter[own] === done + 1) {
      done += 1;
      counted();
      continue;
    }
    expect(counter[own]).toBe(done);
    const next = bytes(JSON.stringify({ ...counter, [own]: done + 1 }));
    await store.put("actual-state", "counter", next, { expect: found.revision });
  }
}

test("no increment is lost and none is made twice while the server is killed five times", async () => {
  const server = await restartable();
  const stores = [await connected({ servers: server.url }), await connected({ servers: server.url })] as const;
  await stores[0].ensureBuckets();
  await stores[0].put("actual-state", "counter", bytes('{"a":0,"b":0}'));
  const progress = recorder<number>();
  let total = 0;
  const counted = (): void => progress.tell((total += 1));
  const counting = Promise.all([count(stores[0], "a", 300, counted), count(stores[1], "b", 300, counted)]);
  for (let kill = 1; kill <= 5; kill += 1) {
    await progress.until((seen) => seen >= kill * 80);
    await server.kill();
    await server.restart();
  }
  await counting;
  const found = await stores[1].get("actual-state", "counter");
  expect(found._tag === "Value" && JSON.parse(new TextDecoder().decode(found.value))).toEqual({ a: 300, b: 300 });
  // Each increment is one write, and so is the zero: had one been made twice, the bucket would have more.
  expect(found).toMatchObject({ revision: 601 });
});

test("a server that falls silent is given up, and found again when it speaks", async () => {
  const server = await restartable();
  const store = await connected({ servers: server.url, pingIntervalMs: 300 });
  await store.ensureBuckets();
  const states = recorder<string>();
  store.onConnection(states.tell);
  const pokes = recorder<string>();
  store.onChange("desired-state", "pi-1", pokes.tell);
  await server.freeze();
  expect(await store.get("heartbeat", "a", { timeoutMs: 50 })).toMatchObject({ reason: "TimedOut" });
  await states.until((state) => state === "disconnected");
  server.thaw();
  expect(await pokes.until(() => true)).toBe("pi-1");
  expect(states.all.slice(0, 3)).toEqual(["connected", "disconnected", "connected"]);
  // On a busy machine a ping can be late again.
  await expect.poll(async () => store.get("heartbeat", "a")).toEqual({ _tag: "Absent" });
});

test("a server that falls silent is given up also while much waits to be sent to it", async () => {
  const server = await restartable();
  const store = await connected({ servers: server.url, pingIntervalMs: 300 });
  await store.ensureBuckets();
  const states = recorder<string>();
  store.onConnection(states.tell);
  await server.freeze();
  // More than the buffers of both ends take.
  const large = new Uint8Array(1_000_000);
  const waiting = Array.from({ length: 40 }, async () => store.put("heartbeat", "a", large, endless));
  await states.until((state) => state === "disconnected");
  for (const answer of await Promise.all(waiting)) expect(answer).toMatchObject({ reason: "Disconnected" });
  server.thaw();
  await states.until(() => states.all.at(-1) === "connected");
});

test("an agent's store is there before its server, and starts to work when that comes", async () => {
  const server = await restartable();
  const admin = await connected({ servers: server.url });
  await admin.ensureBuckets();
  await server.kill();
  const store = await connected({ servers: server.url, waitOnFirstConnect: true, inboxPrefix: "_INBOX.pi-1" });
  const states = recorder<string>();
  store.onConnection(states.tell);
  const pokes = recorder<string>();
  store.onChange("desired-state", "pi-1", pokes.tell);
  expect(states.all).toEqual(["disconnected"]);
  expect(await store.get("heartbeat", "a")).toMatchObject({ _tag: "Unreachable", reason: "Disconnected" });
  expect(store.maxPayload()).toBe(1024 * 1024 - 128);
  await expect
    .poll(async () => store.get("heartbeat", "a"))
    .toMatchObject({ reason: "Disconnected", message: expect.stringContaining("CONNECTION_REFUSED") });
  await server.restart();
  expect(await pokes.until(() => true)).toBe("pi-1");
  expect(states.all).toEqual(["disconnected", "connected"]);
  expect(await store.get("heartbeat", "a")).toEqual({ _tag: "Absent" });
});

/** Accepts connections, says what it is told to, and counts them. */
async function endpoint(
  greeting: string,
): Promise<{ readonly url: string; readonly open: () => number; readonly seen: () => number }> {
  let open = 0;
  let seen = 0;
  const server = createServer((socket) => {
    open += 1;
    seen += 1;
    socket.on("error", () => {});
    socket.on("close", () => (open -= 1));
    socket.resume();
    socket.write(greeting);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the test has no port");
  return { url: `nats://127.0.0.1:${address.port}`, open: () => open, seen: () => seen };
}

test("an endpoint that accepts and stays silent is given up, and costs no sockets", async () => {
  const silent = await endpoint("");
  for (let attempt = 0; attempt < 3; attempt += 1) {
    expect(await connectStore({ servers: silent.url, timeoutMs: 50 })).toMatchObject({ reason: "TimedOut" });
  }
  expect(silent.seen()).toBe(3);
  await expect.poll(silent.open).toBe(0);
});

test("closing an agent's store ends its search for a server", async () => {
  const silent = await endpoint("");
  const store = await connected({ servers: silent.url, waitOnFirstConnect: true });
  const states = recorder<string>();
  store.onConnection(states.tell);
  await expect.poll(silent.open).toBe(1);
  await store.close();
  await expect.poll(silent.open).toBe(0);
  expect(states.all).toEqual(["disconnected"]);
});

test("what keeps a first connection from being made is told", async () => {
  const server = await restartable();
  const other = await endpoint("HTTP/1.1 400 Bad Request\r\n\r\n");
  const [{ url: gone }, caller] = [server, new AbortController()];
  const withTls = gone.replace("nats://", "tls://");
  expect(await connectStore({ servers: withTls })).toMatchObject({ _tag: "Unreachable", reason: "Failed" });
  await server.kill();
  expect(await connectStore({ servers: gone })).toMatchObject({ _tag: "Unreachable", reason: "Disconnected" });
  expect(await connectStore({ servers: other.url })).toMatchObject({ _tag: "Unreachable", reason: "Failed" });
  expect(await connectStore({ servers: "nats://[" })).toMatchObject({ _tag: "Unreachable", reason: "Failed" });
  expect(await connectStore({ servers: gone, credsFile: "no credentials" })).toMatchObject({ _tag: "Unreachable" });
  const silent = await endpoint("");
  const connecting = connectStore({ servers: silent.url, signal: caller.signal, ...endless });
  await expect.poll(silent.open).toBe(1);
  caller.abort();
  expect(await connecting).toMatchObject({ _tag: "Unreachable", message: expect.stringContaining("called off") });
  await expect.poll(silent.open).toBe(0);
});

test("of several servers, the one that is there is taken", async () => {
  const [server, silent] = [await restartable(), await endpoint("HTTP/1.1 400 Bad Request\r\n\r\n")];
  const store = await connected({ servers: [silent.url, server.url] });
  expect(await store.ensureBuckets()).toEqual({ _tag: "Ready" });
});
