import { createHash } from "node:crypto";
import { connect, DiscardPolicy, headers, type Msg, type NatsConnection, type StreamConfig } from "nats";
import { expect, onTestFinished, test } from "vitest";
import { AgentId } from "../../../src/wire/keys.ts";
import { natsServer } from "../../support/nats-server.ts";
import { sealedName } from "../../../src/wire/sealed-asset.ts";
import { recorder } from "../recorder.ts";
import { connected } from "./connected.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A client that knows nothing of this project, on a server of its own. */
async function foreign(): Promise<{ readonly url: string; readonly connection: NatsConnection }> {
  const { url } = await natsServer();
  const connection = await connect({ servers: url });
  onTestFinished(async () => connection.close());
  return { url, connection };
}

async function configOf(connection: NatsConnection, stream: string): Promise<StreamConfig> {
  return (await (await connection.jetstreamManager()).streams.info(stream)).config;
}

test("the streams are made as an agent's grant and its safety need them", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  expect(await store.ensureBuckets()).toEqual({ _tag: "Ready" });
  const histories = { "desired-state": 1000, "actual-state": 1, heartbeat: 1, capabilities: 1 };
  for (const [bucket, history] of Object.entries(histories)) {
    expect(await configOf(connection, `KV_${bucket}`)).toMatchObject({
      subjects: [`$KV.${bucket}.>`],
      storage: "file",
      max_msgs_per_subject: history,
      allow_direct: true,
      discard: "new",
      deny_delete: true,
      allow_rollup_hdrs: false,
      max_msg_size: 1024 * 1024,
      republish: { src: `$KV.${bucket}.*`, dest: `fleet.hint.${bucket}.{{wildcard(1)}}`, headers_only: true },
    });
  }
  expect(await configOf(connection, "harmony-events")).toMatchObject({
    subjects: ["harmony.events.*"],
    discard: "old",
    max_msgs_per_subject: 10_000,
    max_msgs: 500_000,
    max_age: 90 * 24 * 3600 * 1e9,
    deny_delete: true,
    deny_purge: true,
    allow_rollup_hdrs: false,
    allow_direct: true,
  });
  expect(await configOf(connection, "OBJ_assets")).toMatchObject({ allow_direct: true, storage: "file" });
});

test("a hint carries no value", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const hints = recorder<readonly [string, number]>();
  connection.subscribe("fleet.hint.>", {
    callback: (_, message) => hints.tell([message.subject, message.data.length]),
  });
  await connection.flush();
  await store.put("desired-state", "pi-1", bytes("a manifest"));
  expect(await hints.until(() => true)).toEqual(["fleet.hint.desired-state.pi-1", 0]);
});

test("other clients read and write the same keys", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const kv = await connection.jetstream().views.kv("desired-state");
  await store.put("desired-state", "pi-1", bytes("ours"));
  const entry = await kv.get("pi-1");
  expect(entry?.string()).toBe("ours");
  expect(await kv.put("pi-1", "theirs")).toBe(2);
  expect(await store.get("desired-state", "pi-1")).toMatchObject({ _tag: "Value", revision: 2 });
  await kv.delete("pi-1");
  expect(await store.get("desired-state", "pi-1")).toEqual({ _tag: "Deleted", revision: 3 });
  await store.put("desired-state", "pi-1", bytes("again"), { expect: 0 });
  await store.delete("desired-state", "pi-1");
  expect((await kv.get("pi-1"))?.operation).toBe("DEL");
});

test("other clients read and write the same assets", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const objects = await connection.jetstream().views.os("assets");
  const ours = Uint8Array.from({ length: 700_000 }, (_, index) => (index * 13) % 256);
  const stored = await store.putAsset(ours);
  const { sha256 } = stored._tag === "Stored" ? stored : { sha256: "" };
  const read = await objects.getBlob(sha256);
  expect(read !== null && Buffer.compare(read, ours)).toBe(0);
  expect((await objects.list()).map(({ name, size, chunks }) => ({ name, size, chunks }))).toEqual([
    { name: sha256, size: 700_000, chunks: 3 },
  ]);
  await objects.delete(sha256);
  expect(await store.getAsset(sha256, { limit: 1_000_000 })).toEqual({ _tag: "Absent" });
  await objects.putBlob({ name: sha256, options: { max_chunk_size: 1000 } }, ours);
  const found = await store.getAsset(sha256, { limit: 1_000_000 });
  expect(found._tag === "Value" && Buffer.compare(found.value, ours)).toBe(0);
});

test("what another client stored under its hash is found and read as it is", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const theirs = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 17) % 256);
  const sha256 = createHash("sha256").update(theirs).digest("hex");
  const objects = await connection.jetstream().views.os("assets");
  await objects.putBlob({ name: sha256, options: { max_chunk_size: 1_001 } }, theirs);
  const found = await store.findAsset(sha256);
  if (found._tag !== "Found") throw new Error(found._tag);
  expect(found.size).toBe(theirs.length);
  const first = await store.readAsset(sha256, { object: found.object, at: 0, bytes: 0 });
  expect(first._tag === "Piece" && Buffer.from(first.bytes).equals(theirs.subarray(0, 1_001))).toBe(true);
});

test("what is stored enciphered is whole for other clients too", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const content = Uint8Array.from({ length: 700_000 }, (_, index) => (index * 19) % 256);
  const sha256 = createHash("sha256").update(content).digest("hex");
  await store.streamAsset({ asset: sha256, size: content.length }, async function* () {
    yield content;
  });
  const objects = await connection.jetstream().views.os("assets");
  // Their client holds what it reads against the digest of the description, and fails where that is another.
  const sealed = await objects.getBlob(sealedName(sha256));
  expect(sealed?.length).toBe(content.length);
  expect(Buffer.from(sealed ?? []).equals(content)).toBe(false);
});

test("an asset that lost a chunk is Corrupt, and so is one whose description is nonsense", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const stored = await store.putAsset(new Uint8Array(600_000).fill(1));
  const { sha256 } = stored._tag === "Stored" ? stored : { sha256: "" };
  const manager = await connection.jetstreamManager();
  await manager.streams.deleteMessage("OBJ_assets", 2);
  expect(await store.getAsset(sha256, { limit: 1_000_000 })).toMatchObject({ _tag: "Corrupt" });
  const { subject } = await manager.streams.getMessage("OBJ_assets", { seq: 4 });
  await connection.jetstream().publish(subject, bytes('{"nuid": "x y", "size": 1, "chunks": 1}'));
  expect(await store.getAsset(sha256, { limit: 1_000_000 })).toMatchObject({ _tag: "Corrupt" });
});

test("nothing is left behind of chunks that are no longer needed", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const objects = await connection.jetstream().views.os("assets");
  const stored = await store.putAsset(new Uint8Array(600_000).fill(1));
  const { sha256 } = stored._tag === "Stored" ? stored : { sha256: "" };
  await objects.putBlob({ name: sha256 }, bytes("wrong"));
  await store.putAsset(new Uint8Array(600_000).fill(1));
  // Requests to the server are answered in order, so what was purged before this is gone now.
  await store.get("heartbeat", "fence");
  const manager = await connection.jetstreamManager();
  await expect.poll(async () => (await manager.streams.info("OBJ_assets")).state.messages).toBe(4);
});

test("buckets that an older version made are brought up to date and keep their values", async () => {
  const { url, connection } = await foreign();
  const kv = await connection.jetstream().views.kv("desired-state", { history: 5, maxValueSize: 1000 });
  await kv.put("pi-1", "old");
  await connection.jetstream().views.os("assets");
  const manager = await connection.jetstreamManager();
  const foreignStream = await manager.streams.info("KV_desired-state");
  await manager.streams.update("KV_desired-state", { ...foreignStream.config, discard: DiscardPolicy.Old });
  const store = await connected({ servers: url });
  expect(await store.ensureBuckets()).toEqual({ _tag: "Ready" });
  expect(await configOf(connection, "KV_desired-state")).toMatchObject({
    max_msgs_per_subject: 1000,
    discard: "new",
    republish: { dest: "fleet.hint.desired-state.{{wildcard(1)}}" },
  });
  expect(await store.get("desired-state", "pi-1")).toMatchObject({ _tag: "Value", revision: 1 });
});

test("a stream that is up to date is not written again, and what an operator set is kept", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const manager = await connection.jetstreamManager();
  const writes = recorder<string>();
  connection.subscribe("$JS.EVENT.ADVISORY.STREAM.UPDATED.*", {
    callback: (_, { subject }) => writes.tell(subject.split(".").at(-1) ?? ""),
  });
  const config = await configOf(connection, "KV_heartbeat");
  await manager.streams.update("KV_heartbeat", { ...config, max_bytes: 1_000_000 });
  await store.ensureBuckets();
  // The server tells of writes in their order and after them: what comes before this one is all there was.
  await manager.streams.update("KV_capabilities", { ...(await configOf(connection, "KV_capabilities")) });
  await writes.until((stream) => stream === "KV_capabilities");
  expect(writes.all).toEqual(["KV_heartbeat", "KV_capabilities"]);
  expect(await configOf(connection, "KV_heartbeat")).toMatchObject({ max_bytes: 1_000_000 });
});

test("how many manifests are kept is the operator's to say, once a stream is of this version", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const manager = await connection.jetstreamManager();
  const config = await configOf(connection, "KV_desired-state");
  await manager.streams.update("KV_desired-state", { ...config, max_msgs_per_subject: 100 });
  await store.ensureBuckets();
  expect(await configOf(connection, "KV_desired-state")).toMatchObject({ max_msgs_per_subject: 100 });
  const of64 = { ...config, max_msgs_per_subject: 64, metadata: { ...config.metadata, "harmony-layout": "1" } };
  await manager.streams.update("KV_desired-state", of64);
  await store.ensureBuckets();
  expect(await configOf(connection, "KV_desired-state")).toMatchObject({ max_msgs_per_subject: 1000 });
});

test("a full store refuses a write, and the server's reason is told", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const manager = await connection.jetstreamManager();
  const config = await configOf(connection, "KV_heartbeat");
  await manager.streams.update("KV_heartbeat", { ...config, max_bytes: 1000 });
  expect(await store.put("heartbeat", "a", new Uint8Array(2000))).toMatchObject({
    _tag: "Unreachable",
    reason: "Failed",
    message: expect.stringContaining("maximum bytes exceeded"),
  });
});

test("a stream that a newer version made is left as it is", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const manager = await connection.jetstreamManager();
  const config = await configOf(connection, "KV_heartbeat");
  const newer = { ...config, max_msgs_per_subject: 3, metadata: { ...config.metadata, "harmony-layout": "99" } };
  await manager.streams.update("KV_heartbeat", newer);
  expect(await store.ensureBuckets()).toEqual({ _tag: "Ready" });
  expect(await configOf(connection, "KV_heartbeat")).toMatchObject({ max_msgs_per_subject: 3 });
});

test("a stream that cannot be brought up to date is told, with the server's reason", async () => {
  const { url, connection } = await foreign();
  const manager = await connection.jetstreamManager();
  const memory = { name: "KV_heartbeat", subjects: ["$KV.heartbeat.>"], storage: "memory" };
  await connection.request("$JS.API.STREAM.CREATE.KV_heartbeat", JSON.stringify(memory));
  expect((await manager.streams.info("KV_heartbeat")).config.storage).toBe("memory");
  const store = await connected({ servers: url });
  expect(await store.ensureBuckets()).toMatchObject({
    _tag: "Unreachable",
    reason: "Failed",
    message: expect.stringContaining("storage"),
  });
});

test("a description that points at all chunks takes none away when it is replaced", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const shas = [];
  for (const asset of ["one", "two"]) {
    const stored = await store.putAsset(bytes(asset));
    shas.push(stored._tag === "Stored" ? stored.sha256 : "");
  }
  const manager = await connection.jetstreamManager();
  const { subject } = await manager.streams.getMessage("OBJ_assets", { seq: 4 });
  await connection.jetstream().publish(subject, bytes('{"nuid": ">", "size": 1, "chunks": 1}'));
  expect(await store.putAsset(bytes("two"))).toMatchObject({ _tag: "Stored" });
  await store.get("heartbeat", "fence");
  for (const sha256 of shas) expect(await store.getAsset(sha256, { limit: 10 })).toMatchObject({ _tag: "Value" });
});

test("what does not come from the stream is no answer", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  const [noHeaders, noRevision, wrongStatus] = [undefined, headers(), headers(408, "Bad Request")];
  noRevision.set("Nats-Subject", "$KV.heartbeat.a");
  wrongStatus.set("Nats-Sequence", "1");
  const lies = ["", "hello", "{}", '{"stream":"KV_other","seq":7}', '{"stream":"KV_heartbeat","seq":"x"}'];
  for (const head of [noHeaders, noRevision, wrongStatus]) {
    for (const lie of lies) {
      const answer = (_: unknown, message: Msg): void =>
        void message.respond(bytes(lie), head === undefined ? {} : { headers: head });
      const impostors = ["$KV.>", "$JS.API.DIRECT.GET.>"].map((subject) =>
        connection.subscribe(subject, { callback: answer }),
      );
      await connection.flush();
      expect(await store.put("heartbeat", "a", bytes("1"))).toMatchObject({ _tag: "Unreachable", reason: "Failed" });
      expect(await store.get("heartbeat", "a")).toMatchObject({ _tag: "Unreachable", reason: "Failed" });
      for (const impostor of impostors) impostor.unsubscribe();
    }
  }
});

test("what an operator has set of the stream of events stays; what its safety needs comes back", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const { streams } = await connection.jetstreamManager();
  const made = await configOf(connection, "harmony-events");
  await streams.update("harmony-events", { ...made, max_bytes: 1024 * 1024, max_msgs_per_subject: 5 });
  await store.ensureBuckets();
  expect(await configOf(connection, "harmony-events")).toMatchObject({
    max_bytes: 1024 * 1024,
    max_msgs_per_subject: 10_000,
  });
});

test("an id that another agent has guessed by number keeps no event away", async () => {
  const { url, connection } = await foreign();
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  for (const guess of ["pi-8-2", "pi-8:2", "pi-8.2", "2"]) {
    const head = headers();
    head.set("Nats-Msg-Id", guess);
    await connection.request("harmony.events.pi-7", "{}", { headers: head, timeout: 5000 });
  }
  const line = bytes('{"sequence":2}');
  const told = await store.tellEvent(AgentId.parse("pi-8"), line, createHash("sha256").update(line).digest("hex"));
  expect(told).toMatchObject({ _tag: "Told", isNew: true });
});
