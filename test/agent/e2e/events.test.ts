import { spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { readEventFile } from "../../../src/agent/event-log.ts";
import { StateDirectory } from "../../../src/agent/adapters/state-directory.ts";
import { ChainCheck, readEntry } from "../../../src/wire/event-chain.ts";
import type { EventStream } from "../../../src/wire/event-stream.ts";
import type { EventRecord } from "../../../src/wire/events.ts";
import { connectStore } from "../../../src/wire/nats/connect.ts";
import { natsServer } from "../../support/nats-server.ts";
import { AgentProcess, install, temporaryFolder } from "../support/agent-process.ts";
import { eventually } from "../support/eventually.ts";
import { inlineEnvelope } from "../../../src/wire/encode.ts";
import { sign } from "../../../src/wire/signature.ts";
import { Author, authorsText } from "../support/authors.ts";
import { AGENT, file, payloadOf } from "../support/manifests.ts";
import { Operator, reasonOf } from "../support/operator.ts";
import { RestartableServer } from "../support/restartable-server.ts";

let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

async function streamAt(url: string): Promise<EventStream> {
  const made = await connectStore({ servers: url });
  if (made._tag === "Unreachable") throw new Error(made.message);
  onTestFinished(() => made.store.close());
  return made.store;
}

/** What the stream holds of the agent, each line as it was told. */
async function told(stream: EventStream): Promise<readonly string[]> {
  const lines: string[] = [];
  for (let position = 1; ;) {
    const found = await stream.eventAt(AGENT, position);
    if (found._tag !== "Event") return lines;
    lines.push(Buffer.from(found.line).toString("utf8"));
    position = found.position + 1;
  }
}

/** What is on record on the device. */
const onRecord = async (root: string): Promise<readonly string[]> => {
  const disk = new StateDirectory(join(root, "var/lib/harmony-edge/agent"));
  const found = await readEventFile(disk, "events.0.jsonl");
  return (found?.entries ?? []).map(({ line }) => line);
};

const recordsIn = (lines: readonly string[]): readonly EventRecord[] =>
  lines.flatMap((line) => {
    const read = readEntry(line);
    return read._tag === "Entry" && read.record !== null ? [read.record] : [];
  });

const typesIn = (lines: readonly string[]): readonly string[] => recordsIn(lines).map(({ type }) => type);

function wholeChain(lines: readonly string[]): boolean {
  const check = new ChainCheck();
  return lines.every((line, at) => {
    const read = readEntry(line);
    return read._tag === "Entry" && check.look(read)._tag === (at === 0 ? "First" : "Next");
  });
}

const wanted = (generation: number) => ({ generation, scores: { a: file("/a", String(generation)) } });

test("what is accepted, refused and changed arrives once and in order, also what happened while nobody could be told, and after a kill", async () => {
  const server = await RestartableServer.start();
  const operator = await Operator.connect(server.url);
  const root = await temporaryFolder();
  const policy = join(root, "policy.json");
  await writeFile(policy, '{"paths":["/"]}');
  const start = (): AgentProcess => new AgentProcess({ harmony, url: server.url, root, args: ["--policy", policy] });
  const agent = start();
  await operator.send(wanted(1));
  await operator.converged(1, () => agent.tail);
  await operator.send({ ...wanted(1), scores: {} });
  await operator.told(
    "refused",
    (status) => reasonOf(status, "Accepted") === "StaleGeneration",
    () => agent.tail,
  );
  await operator.send(wanted(2));
  await operator.converged(2, () => agent.tail);
  await server.kill();
  await writeFile(policy, '{"paths":["/a"]}');
  await eventually(
    "the change of the policy is on record",
    async () => typesIn(await onRecord(root)).filter((type) => type === "PolicyChanged").length === 2,
    () => agent.tail,
  );
  await agent.kill("SIGKILL");
  await server.again();
  const again = start();
  const stream = await streamAt(server.url);
  const all = await eventually(
    "all is told",
    async () => {
      const [there, here] = [await told(stream), await onRecord(root)];
      return (
        typesIn(there).filter((type) => type === "AgentStarted").length === 2 && there.length === here.length && here
      );
    },
    () => again.tail,
  );
  expect(await told(stream)).toEqual(all);
  expect(typesIn(all)).toEqual([
    "AgentStarted",
    "PolicyChanged",
    "ManifestAccepted",
    "ManifestSettled",
    "ManifestRefused",
    "ManifestAccepted",
    "ManifestSettled",
    "PolicyChanged",
    "AgentStarted",
  ]);
  expect(wholeChain(all)).toBe(true);
  expect(await readFile(join(root, "a"), "utf8")).toBe("2");
});

test("who signed what is accepted is on record, and what nobody trusted signed is refused there", async () => {
  const { url } = await natsServer();
  const operator = await Operator.connect(url);
  const root = await temporaryFolder();
  const [ops, other] = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
  const key = join(root, "ops.pem");
  await writeFile(key, ops.publicKey.export({ type: "spki", format: "pem" }));
  const agent = new AgentProcess({ harmony, url, root, args: ["--trust", `ops=${key}`] });
  const [good, bad] = [payloadOf(wanted(1)), payloadOf(wanted(2))];
  await operator.send(inlineEnvelope(good, [sign(good, "other", other.privateKey), sign(good, "ops", ops.privateKey)]));
  await operator.converged(1, () => agent.tail);
  // Another's signature under a trusted name.
  await operator.send(inlineEnvelope(bad, [sign(bad, "ops", other.privateKey)]));
  const records = await eventually(
    "both are on record",
    async () => {
      const all = recordsIn(await onRecord(root));
      return all.length === 5 && all;
    },
    () => agent.tail,
  );
  const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
  expect(records.slice(1)).toMatchObject([
    { type: "AuthorsChanged", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    { type: "ManifestAccepted", generation: 1, signedBy: ["ops"], sha256: sha256(good) },
    { type: "ManifestSettled", generation: 1, states: { Ready: 1 } },
    { type: "ManifestRefused", reason: "BadSignature", signedBy: [], sha256: sha256(bad) },
  ]);
});

test("what was accepted and did not come on record before the agent was stopped is put there at its next start, as late", async () => {
  const { url } = await natsServer();
  const operator = await Operator.connect(url);
  const root = await temporaryFolder();
  const first = new AgentProcess({ harmony, url, root });
  await operator.send(wanted(1));
  await operator.converged(1, () => first.tail);
  await first.kill("SIGKILL");
  await rm(join(root, "var/lib/harmony-edge/agent/events.0.jsonl"));
  const second = new AgentProcess({ harmony, url, root });
  const records = await eventually(
    "it is on record",
    async () => {
      const all = recordsIn(await onRecord(root));
      return all.some(({ type }) => type === "ManifestAccepted") && all;
    },
    () => second.tail,
  );
  expect(records.filter(({ type }) => type === "ManifestAccepted")).toMatchObject([{ generation: 1, late: true }]);
});

test("whom the device trusts is on record when it changes while the agent runs", async () => {
  const { url } = await natsServer();
  const root = await temporaryFolder();
  const list = join(root, "authors.json");
  const [ada, ben] = [new Author("ada"), new Author("ben")];
  await writeFile(list, authorsText(ada));
  const agent = new AgentProcess({ harmony, url, root, args: ["--authors", list] });
  const trusted = async (): Promise<readonly string[]> =>
    recordsIn(await onRecord(root)).flatMap((each) => (each.type === "AuthorsChanged" ? [String(each.sha256)] : []));
  const areOnRecord = (count: number): Promise<readonly string[]> =>
    eventually(
      `${count} on record`,
      async () => {
        const all = await trusted();
        return all.length === count && all;
      },
      () => agent.tail,
    );
  await areOnRecord(1);
  await writeFile(list, authorsText(ada, ben));
  expect(new Set(await areOnRecord(2)).size).toBe(2);
});

/** `harmony agent audit` as it is installed. */
function audit(root: string, ...args: readonly string[]) {
  const words = [harmony, "agent", "audit", "--root", root, ...args];
  return spawnSync(process.execPath, words, { encoding: "utf8", timeout: 30_000 });
}

test("what runs is told by harmony agent audit beside the agent, and a record that was changed is named", async () => {
  const { url } = await natsServer();
  const operator = await Operator.connect(url);
  const root = await temporaryFolder();
  const agent = new AgentProcess({ harmony, url, root });
  await operator.send(wanted(1));
  await operator.converged(1, () => agent.tail);
  const whole = await eventually("three are told", () => {
    const ran = audit(root);
    return ran.stdout.includes("the server has up to 3") && ran;
  });
  expect(whole.status).toBe(0);
  expect(whole.stdout).toMatch(/1 {2}\S+ {2}AgentStarted .*\n +2 {2}\S+ {2}ManifestAccepted {2}generation 1, 1 Scores/);
  expect(whole.stdout).toContain("The chain is whole.");
  const path = join(root, "var/lib/harmony-edge/agent/events.0.jsonl");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replace("PiTopology", "XiTopology"));
  const broken = audit(root, "--verify", "--json");
  expect(broken.status).toBe(1);
  expect(JSON.parse(broken.stdout)).toMatchObject({
    isWhole: false,
    findings: [{ sequence: 2, message: expect.stringContaining("the chain is broken at record 2") }],
  });
  expect(audit(await temporaryFolder())).toMatchObject({ status: 1, stdout: "" });
});

test("an agent without a stream keeps its record and goes on", async () => {
  const { url } = await natsServer();
  const root = await temporaryFolder();
  const agent = new AgentProcess({ harmony, url, root });
  await eventually(
    "it has started on record",
    async () => (await onRecord(root)).length === 1,
    () => agent.tail,
  );
  expect(await agent.kill("SIGTERM")).toEqual({ code: 0, signal: null });
});
