import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "nats";
import { beforeAll, expect, test } from "vitest";
import { assetEnvelope } from "../../../src/wire/encode.ts";
import { planSubject } from "../../../src/wire/keys.ts";
import { type AgentStatus, type Heartbeat, PlanReply } from "../../../src/wire/status.ts";
import { BUCKETS } from "../../../src/wire/store.ts";
import { natsServer } from "../../support/nats-server.ts";
import { AgentProcess, install, temporaryFolder } from "../support/agent-process.ts";
import { Author, authorsText, signedBy } from "../support/authors.ts";
import { eventually } from "../support/eventually.ts";
import { atRest, snapshot as everything } from "../support/folder-snapshot.ts";
import { AGENT, directory, envelopeOf, file, payloadOf, type Wanted } from "../support/manifests.ts";
import { Operator, reasonOf } from "../support/operator.ts";

let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

const [ada, ben] = [new Author("ada"), new Author("ben")];
const ended = new Author("ended", { notAfter: "2026-01-01T00:00:00Z" });
const coming = new Author("coming", { notBefore: "2036-01-01T00:00:00Z" });
const mallory = new Author("mallory");

const STATE = "var/lib/harmony-edge/agent";
/** All files but the record, which is what has to grow: each refusal is told there. Its folder's times change with it. */
const snapshot = async (root: string): ReturnType<typeof everything> => {
  const isRecord = (path: string): boolean => path === STATE || path.startsWith(`${STATE}/events.`);
  return Object.fromEntries(Object.entries(await everything(root)).filter(([path]) => !isRecord(path)));
};

/** A device that trusts authors, and an attacker who may do to its server what she likes, without a key. */
async function scene(...authors: readonly Author[]) {
  const { url } = await natsServer();
  const operator = await Operator.connect(url);
  const [root, outside] = [await temporaryFolder(), await temporaryFolder()];
  const [list, policy] = [join(outside, "authors.json"), join(outside, "policy.json")];
  await writeFile(list, authorsText(...authors));
  await writeFile(policy, JSON.stringify({ signatures: { dangerous: ["Directory"], threshold: 2 } }));
  const start = (): AgentProcess =>
    new AgentProcess({ harmony, url, root, args: ["--authors", list, "--policy", policy] });
  return { url, operator, root, list, start };
}

const manifest = (generation: number, content = "x", rest: Partial<Wanted> = {}): Wanted => ({
  generation,
  scores: { motd: file("/motd", content) },
  ...rest,
});
const flipped = (text: string, at: number): string => {
  const bytes = Buffer.from(text);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes.toString();
};

test("whoever may write everything on the server and has no author's key changes nothing on the device, and is told of by name", async () => {
  const { url, operator, root, start } = await scene(ada, ben, ended, coming);
  const { store } = operator;
  let agent = start();
  const older = signedBy([ada], manifest(1, "old"));
  await operator.send(older);
  await operator.converged(1, () => agent.tail);
  const newest = signedBy([ada, ben], {
    generation: 2,
    scores: { motd: file("/motd", "kept"), data: directory("/data") },
  });
  await operator.send(newest);
  await operator.converged(2, () => agent.tail);

  const before = await atRest(
    () => snapshot(root),
    () => agent.tail,
  );
  const unchanged = async (what: string): Promise<void> => {
    expect([what, await snapshot(root)]).toEqual([what, before]);
  };
  const text = payloadOf(manifest(3, "evil"));
  const good = ada.signs(text);
  const envelope = (payload: string, ...signatures: readonly object[]): Uint8Array =>
    Buffer.from(JSON.stringify({ wire: 1, payload, signatures }));
  const asset = await store.putAsset(Buffer.from(text));
  if (asset._tag !== "Stored") throw new Error("no asset");
  const sig = Buffer.from(good.sig, "base64");
  sig[3] = (sig[3] ?? 0) ^ 1;

  const refused: readonly (readonly [what: string, bytes: Uint8Array, reason: string])[] = [
    ["unsigned", envelopeOf(manifest(3, "evil")), "Unsigned"],
    ["the empty set, unsigned", envelopeOf({ generation: 3, scores: {} }), "Unsigned"],
    ["by a key of her own", signedBy([mallory], manifest(3, "evil")), "UnknownKey"],
    [
      "by a key of her own under a trusted name",
      envelope(text, { ...mallory.signs(text), key: "ada" }),
      "BadSignature",
    ],
    ["a byte of the payload changed", envelope(flipped(text, text.indexOf("evil")), good), "BadSignature"],
    ["a byte of the signature changed", envelope(text, { key: "ada", sig: sig.toString("base64") }), "BadSignature"],
    [
      "a good signature of another manifest",
      envelope(text, ada.signs(payloadOf(manifest(3, "other")))),
      "BadSignature",
    ],
    [
      "another generation written into a signed one",
      envelope(text.replace('"generation":3', '"generation":9'), good),
      "BadSignature",
    ],
    ["the payload as an asset, unsigned", assetEnvelope(asset.sha256, []), "Unsigned"],
    ["by a key that has ended", signedBy([ended], manifest(3, "evil")), "KeyExpired"],
    ["by a key that has not begun", signedBy([coming], manifest(3, "evil")), "KeyNotYetValid"],
    ["another device's, well signed", signedBy([ada, ben], manifest(9, "evil", { agentId: "pi-8" })), "WrongAgent"],
    ["an older one of this device, well signed", older, "StaleGeneration"],
    ["dropping with one stolen key what two have brought", signedBy([ada], manifest(3, "evil")), "ThresholdNotMet"],
  ];
  for (const [what, bytes, reason] of refused) {
    const revision = await operator.send(bytes);
    const line = await agent.logged("refused a manifest", (fields) => fields["revision"] === revision);
    expect([what, line.fields["reason"]]).toEqual([what, reason]);
    await operator.told(
      what,
      (status) => status.observedRevision === revision && reasonOf(status, "Accepted") === reason,
      () => agent.tail,
    );
    await unchanged(what);
  }

  for (const [what, bytes, reason] of refused) {
    // The number in a question is of no account: an old manifest may be asked about.
    if (reason === "StaleGeneration") continue;
    const reply = await store.request(planSubject(AGENT), bytes, { timeoutMs: 20_000 });
    const plan = reply._tag === "Reply" ? PlanReply.parse(JSON.parse(Buffer.from(reply.value).toString())) : reply;
    expect([what, plan]).toMatchObject([what, { _tag: "Refused", reason }]);
    await unchanged(`a plan ${what}`);
  }

  await store.delete("desired-state", AGENT);
  const tail = (): string => agent.tail;
  await operator.told("the deleted key", (status) => reasonOf(status, "Accepted") === "DesiredStateDeleted", tail);
  await unchanged("the key deleted");

  const connection = await connect({ servers: url });
  const manager = await connection.jetstreamManager();
  await manager.streams.purge("KV_desired-state");
  await operator.send(older);
  await operator.told("an old one after a purge", (status) => reasonOf(status, "Accepted") === "StaleGeneration", tail);
  await unchanged("purged");

  for (const bucket of BUCKETS) await manager.streams.delete(`KV_${bucket}`);
  await manager.streams.delete("OBJ_assets");
  await store.ensureBuckets();
  const first = await operator.send(older);
  await agent.logged(
    "refused a manifest",
    (fields) => fields["revision"] === first && fields["reason"] === "StaleGeneration",
  );
  await unchanged("the buckets deleted and made again");
  await connection.close();

  // What is in force already, without its signatures, says nothing new.
  await operator.send(
    envelope(payloadOf({ generation: 2, scores: { motd: file("/motd", "kept"), data: directory("/data") } })),
  );
  await operator.told("what is in force", (status) => reasonOf(status, "Accepted") === "Accepted", tail);
  await unchanged("its own manifest without signatures");

  // A status that was made up is believed by people for a moment, and by the device never.
  const told = await operator.status();
  if (told === null) throw new Error("no status");
  const forged: AgentStatus = { ...told, generation: 1_000_000, observedGeneration: 1_000_000, scores: {} };
  await store.put("actual-state", AGENT, Buffer.from(JSON.stringify(forged)));
  await agent.kill("SIGKILL");
  agent = start();
  await operator.told("its own status", ({ generation, scores }) => generation === 2 && "motd" in scores, tail);
  expect(await on(root)).toBe("kept");

  await operator.send(signedBy([ada, ben], manifest(3, "kept", { scores: { motd: file("/motd", "kept") } })));
  await operator.converged(3, tail);

  // All that she can have is that it does nothing: the agent believes that another one has its id.
  const settled = await atRest(() => snapshot(root), tail);
  const heartbeat = await operator.heartbeat();
  if (heartbeat === null) throw new Error("no heartbeat");
  const taken: Heartbeat = { ...heartbeat, bootId: "mallory", epoch: heartbeat.epoch + 100 };
  await store.put("heartbeat", AGENT, Buffer.from(JSON.stringify(taken)));
  await agent.logged("Fenced");
  expect(await snapshot(root)).toEqual(settled);

  // Nothing of it is in the way of those who have a key.
  await agent.kill("SIGTERM");
  agent = start();
  await operator.send(signedBy([ada, ben], manifest(4, "new")));
  await operator.converged(4, tail);
  expect(await on(root)).toBe("new");
});

const on = async (root: string): Promise<string | undefined> =>
  Object.entries(await everything(root, ["var"]))
    .find(([path]) => path === "motd")?.[1]
    ?.split(" ")
    .at(-1);

test("keys are changed without a restart and without a moment in which nothing is taken", async () => {
  const { operator, root, list, start } = await scene(ada);
  const agent = start();
  const tail = (): string => agent.tail;
  const trust = async (...authors: readonly Author[]): Promise<void> => {
    await writeFile(`${list}.new`, authorsText(...authors));
    await rename(`${list}.new`, list);
  };
  await operator.send(signedBy([ada], manifest(1, "1")));
  await operator.converged(1, tail);

  const newAda = new Author("ada");
  const early = await operator.send(signedBy([newAda], manifest(2, "2")));
  await agent.logged(
    "refused a manifest",
    (fields) => fields["revision"] === early && fields["reason"] === "BadSignature",
  );
  await trust(ada, newAda);
  // It lies there still, and is taken now, by itself.
  await operator.converged(2, tail);
  await operator.send(signedBy([ada], manifest(3, "3")));
  await operator.converged(3, tail);
  await trust(newAda);
  await eventually(
    "the authors are read",
    () => agent.log.filter(({ message }) => message === "the authors were read").length === 3,
    tail,
  );
  const late = await operator.send(signedBy([ada], manifest(4, "4")));
  await agent.logged(
    "refused a manifest",
    (fields) => fields["revision"] === late && fields["reason"] === "BadSignature",
  );
  // What the old key brought stays in force.
  expect(await on(root)).toBe("3");
  expect(await operator.status()).toMatchObject({ generation: 3, scores: { motd: { state: "Ready" } } });
  await operator.send(signedBy([newAda], manifest(5, "5")));
  await operator.converged(5, tail);

  // Nobody is trusted while the file is broken; nothing is lost by that.
  await writeFile(list, "{");
  const unread = await operator.send(signedBy([newAda], manifest(6, "6")));
  const line = await agent.logged("refused a manifest", (fields) => fields["revision"] === unread);
  expect(line.fields).toMatchObject({ reason: "UnknownKey", message: expect.stringContaining("cannot be read") });
  expect(await on(root)).toBe("5");
  await trust(newAda);
  await operator.converged(6, tail);
  expect(agent.log.filter(({ message }) => message === "took an epoch")).toHaveLength(1);
});

test("what needs two authors is taken once the second has signed the very same manifest", async () => {
  const { operator, root, start } = await scene(ada, ben);
  const agent = start();
  const tail = (): string => agent.tail;
  const wanted: Wanted = { generation: 1, scores: { motd: file("/motd", "x"), data: directory("/data") } };
  await operator.send(signedBy([ada], wanted));
  const told = await operator.told("one is refused", ({ scores }) => scores["motd"]?.state === "Ready", tail);
  expect(told.scores).toMatchObject({
    motd: { state: "Ready" },
    data: { state: "Refused", error: { reason: "ThresholdNotMet", message: expect.stringContaining("1 signed, ada") } },
  });
  expect(Object.keys(await everything(root, ["var"]))).not.toContain("data");
  await operator.send(signedBy([ben, ada], wanted));
  await operator.told("both are so", (status) => reasonOf(status, "Ready") === "Converged", tail);
  expect(Object.keys(await everything(root, ["var"]))).toContain("data");
  await agent.kill("SIGKILL");
  // Both signatures are remembered, also with no server.
  const again = start();
  await again.logged("going on from the ledger");
  await operator.converged(1, () => again.tail);
});
