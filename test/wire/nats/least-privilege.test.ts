import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, nkeys } from "nats";
import { expect, onTestFinished, test } from "vitest";
import { connectStore } from "../../../src/wire/nats/connect.ts";
import type { Store, StoreAdmin } from "../../../src/wire/store.ts";
import { natsServer } from "../../support/nats-server.ts";
import { recorder } from "../recorder.ts";
import { connected } from "./connected.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const denied = { _tag: "Unreachable", reason: "Denied" };
/** Far beyond the timeout of a test: whoever answers did not wait for it. */
const endless = { timeoutMs: 3_600_000 };

/** What the agent with this id may do, and nothing else. */
const grantOf = (id: string): string => `{
  publish: [
    "$JS.API.DIRECT.GET.KV_desired-state.$KV.desired-state.${id}"
    "$JS.API.DIRECT.GET.KV_actual-state.$KV.actual-state.${id}"
    "$JS.API.DIRECT.GET.KV_heartbeat.$KV.heartbeat.${id}"
    "$KV.actual-state.${id}", "$KV.heartbeat.${id}", "$KV.capabilities.${id}"
    "$JS.API.DIRECT.GET.OBJ_assets.$O.assets.M.*", "$JS.API.DIRECT.GET.OBJ_assets"
  ]
  subscribe: ["_INBOX.${id}.>", "fleet.hint.desired-state.${id}"]
}`;

async function serverWith(config: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "harmony-test-config-"));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  const configFile = join(folder, "nats.conf");
  await writeFile(configFile, config);
  return (await natsServer({ configFile })).url;
}

interface Fleet {
  readonly url: string;
  readonly control: Store & StoreAdmin;
  /** Has the rights of agent pi-1. */
  readonly agent: Store;
}

async function fleet(): Promise<Fleet> {
  const url = await serverWith(`authorization { users: [
    { user: control, password: "c:1@x" }
    { user: pi-1, password: "p", permissions: ${grantOf("pi-1")} }
  ] }`);
  const control = await connected({ servers: url.replace("//", `//control:${encodeURIComponent("c:1@x")}@`) });
  await control.ensureBuckets();
  const agent = await connected({ servers: url.replace("//", "//pi-1:p@"), inboxPrefix: "_INBOX.pi-1" });
  return { url, control, agent };
}

test("an agent reads its desired state, is poked for it, and writes its own keys", async () => {
  const { control, agent } = await fleet();
  const pokes = recorder<string>();
  agent.onChange("desired-state", "pi-1", pokes.tell);
  expect(await agent.get("desired-state", "pi-1")).toEqual({ _tag: "Absent" });
  await control.put("desired-state", "pi-1", bytes("a manifest"));
  expect(await pokes.until(() => true)).toBe("pi-1");
  expect(await agent.get("desired-state", "pi-1")).toMatchObject({ _tag: "Value", revision: 1 });
  expect(await agent.put("capabilities", "pi-1", bytes("1"))).toEqual({ _tag: "Written", revision: 1 });
  for (const bucket of ["actual-state", "heartbeat"] as const) {
    expect(await agent.put(bucket, "pi-1", bytes("1"), { expect: 0 })).toEqual({ _tag: "Written", revision: 1 });
    expect(await agent.put(bucket, "pi-1", bytes("2"), { expect: 1 })).toEqual({ _tag: "Written", revision: 2 });
    expect(await agent.put(bucket, "pi-1", bytes("3"), { expect: 1 })).toEqual({ _tag: "Conflict" });
    await control.delete(bucket, "pi-1");
    expect(await agent.put(bucket, "pi-1", bytes("4"), { expect: 0 })).toEqual({ _tag: "Written", revision: 4 });
    expect(await agent.get(bucket, "pi-1")).toMatchObject({ _tag: "Value", revision: 4 });
  }
});

test("an agent reads assets, and can write none", async () => {
  const { control, agent } = await fleet();
  const asset = Uint8Array.from({ length: 600_000 }, (_, index) => index % 256);
  const stored = await control.putAsset(asset);
  const { sha256 } = stored._tag === "Stored" ? stored : { sha256: "" };
  const got = await agent.getAsset(sha256, { limit: 1_000_000 });
  expect(got._tag === "Value" && Buffer.compare(got.value, asset)).toBe(0);
  expect(await agent.putAsset(bytes("mine"), endless)).toMatchObject(denied);
});

test("an agent that reads all that lies in the store of assets finds nothing of what it does not know the hash of", async () => {
  const { url, control, agent } = await fleet();
  const secretly = "what the other one shows to its visitors";
  const content = Buffer.concat(Array.from({ length: 20_000 }, (_, line) => Buffer.from(`${line} ${secretly}\n`)));
  const sha256 = createHash("sha256").update(content).digest("hex");
  const stored = await control.streamAsset({ asset: sha256, size: content.length }, async function* () {
    yield content;
  });
  expect(stored).toEqual({ _tag: "Stored", before: false });

  const thief = await connect({ servers: url, user: "pi-1", pass: "p", inboxPrefix: "_INBOX.pi-1" });
  onTestFinished(() => thief.close());
  const seen: string[] = [];
  for (let seq = 1; ; seq += 1) {
    const { headers, data } = await thief.request("$JS.API.DIRECT.GET.OBJ_assets", JSON.stringify({ seq }));
    if (headers?.code === 404) break;
    seen.push([...(headers?.values("Nats-Subject") ?? []), Buffer.from(data).toString("latin1")].join(" "));
  }
  // All of it is there to be read.
  expect(seen.join("").length).toBeGreaterThan(content.length);
  const hash = Buffer.from(sha256, "hex");
  const names = [sha256, Buffer.from(sha256).toString("base64"), hash.toString("base64"), hash.toString("base64url")];
  for (const told of [...names, secretly, secretly.slice(0, 12)]) expect(seen.join("\n")).not.toContain(told);

  // Whoever has the manifest that names it reads it.
  const found = await agent.findAsset(sha256);
  if (found._tag !== "Found") throw new Error(found._tag);
  const first = await agent.readAsset(sha256, { object: found.object, at: 0, bytes: 0 });
  expect(first._tag === "Piece" && Buffer.from(first.bytes).toString()).toContain(secretly);
});

test("what belongs to others is Denied, at once, and the own keys go on working", async () => {
  const { control, agent } = await fleet();
  await control.put("desired-state", "pi-2", bytes("a secret"));
  const attempts = [
    agent.get("desired-state", "pi-2", endless),
    agent.get("desired-state", "pi-2", endless),
    agent.get("heartbeat", "pi-2", endless),
    agent.put("desired-state", "pi-1", bytes("1"), endless),
    agent.put("desired-state", "pi-2", bytes("1"), { ...endless, expect: 0 }),
    agent.put("actual-state", "pi-2", bytes("1"), endless),
    agent.delete("heartbeat", "pi-2", endless),
    agent.keys("heartbeat", endless),
    agent.request("test.somebody", bytes(""), endless),
  ];
  for (const answer of await Promise.all(attempts)) expect(answer).toMatchObject(denied);
  expect(await control.get("desired-state", "pi-2")).toMatchObject({ _tag: "Value", revision: 1 });
  expect(await agent.put("heartbeat", "pi-1", bytes("1"))).toMatchObject({ _tag: "Written" });
});

test("a watch of another agent's key hears nothing, and says that it is refused", async () => {
  const { control, agent } = await fleet();
  const warnings = recorder<string>();
  const onWarning = (warning: Error): void => warnings.tell(warning.message);
  process.on("warning", onWarning);
  onTestFinished(() => void process.off("warning", onWarning));
  const pokes = recorder<string>();
  agent.onChange("desired-state", "pi-2", pokes.tell);
  agent.onChange("desired-state", "*", pokes.tell);
  const own = recorder<string>();
  agent.onChange("desired-state", "pi-1", own.tell);
  await warnings.until(() => warnings.all.length === 2);
  expect(warnings.all[0]).toContain("fleet.hint.desired-state.pi-2");
  await control.put("desired-state", "pi-2", bytes("1"));
  await control.put("desired-state", "pi-1", bytes("1"));
  await own.until(() => true);
  expect(pokes.all).toEqual([]);
});

test("with the inbox of another agent no answer comes, and that is Denied too", async () => {
  const { url } = await fleet();
  const stranger = await connected({ servers: url.replace("//", "//pi-1:p@"), inboxPrefix: "_INBOX.pi-2" });
  expect(await stranger.get("desired-state", "pi-1", endless)).toMatchObject(denied);
});

test("wrong credentials are Denied, and stay out of the message", async () => {
  const { url } = await fleet();
  const outcome = await connectStore({ servers: url.replace("//", "//pi-1:wrong@") });
  expect(outcome).toMatchObject(denied);
  expect("message" in outcome && outcome.message).not.toContain("wrong");
  for (const servers of ["pi-1:wrong@127.0.0.1:1", "tls://pi-1:p@wrong@127.0.0.1:1", "nats://pi-1:wrong@["]) {
    const refused = await connectStore({ servers });
    expect("message" in refused && refused.message).toContain("could not connect");
    expect("message" in refused && refused.message).not.toContain("wrong");
  }
});

const block = (what: string, content: string): string =>
  `-----BEGIN ${what}-----\n${content}\n------END ${what}------\n`;

test("a credentials file logs in", async () => {
  // The library gives these no types.
  const { createUser }: { createUser(this: void): { getPublicKey(): string; getSeed(): Uint8Array } } = nkeys;
  const user = createUser();
  const url = await serverWith(`authorization { users: [{ nkey: ${user.getPublicKey()} }] }`);
  const seed = new TextDecoder().decode(user.getSeed());
  const credsFile = `${block("NATS USER JWT", "e30.e30.e30")}\n${block("USER NKEY SEED", seed)}`;
  const store = await connected({ servers: url, credsFile });
  expect(await store.ensureBuckets()).toEqual({ _tag: "Ready" });
  expect(await connectStore({ servers: url })).toMatchObject(denied);
});

test("a server that takes little says so, and nothing larger is sent", async () => {
  const url = await serverWith("max_payload: 4096");
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  expect(store.maxPayload()).toBe(4096 - 128);
  const largest = new Uint8Array(store.maxPayload());
  expect(await store.put("heartbeat", "a", largest, { expect: 0 })).toEqual({ _tag: "Written", revision: 1 });
  expect(await store.put("heartbeat", "a", new Uint8Array(4000))).toMatchObject({ _tag: "TooLarge", limit: 3968 });
  const stored = await store.putAsset(new Uint8Array(20_000).fill(1));
  const { sha256 } = stored._tag === "Stored" ? stored : { sha256: "" };
  expect(await store.getAsset(sha256, { limit: 20_000 })).toMatchObject({ _tag: "Value" });
});

test("a server that takes more than the streams do counts as one that takes what they do", async () => {
  const url = await serverWith("max_payload: 8388608");
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const largest = new Uint8Array(store.maxPayload());
  expect(largest.length).toBe(1024 * 1024 - 128);
  expect(await store.put("heartbeat", "a", largest, { expect: 0 })).toEqual({ _tag: "Written", revision: 1 });
});

test("a server without JetStream is told from a broken one", async () => {
  const url = await serverWith(`
    accounts { APP { users: [{ user: app, password: "p" }] } }
  `);
  const store = await connected({ servers: url.replace("//", "//app:p@") });
  expect(await store.ensureBuckets()).toMatchObject({ _tag: "Unreachable", reason: "NoBucket" });
});
