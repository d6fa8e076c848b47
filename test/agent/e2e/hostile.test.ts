import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { assetEnvelope } from "../../../src/wire/encode.ts";
import { InlineEnvelope } from "../../../src/wire/envelope.ts";
import { planSubject } from "../../../src/wire/keys.ts";
import { type AgentStatus, PlanReply } from "../../../src/wire/status.ts";
import { natsServer } from "../../support/nats-server.ts";
import { CORPUS, type HostileCase, trustedKeys } from "../../wire/hostile/corpus.ts";
import { AgentProcess, install, temporaryFolder } from "../support/agent-process.ts";
import { snapshot } from "../support/folder-snapshot.ts";
import { AGENT, file } from "../support/manifests.ts";
import { Operator } from "../support/operator.ts";

let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

const MOST_MEMORY = 600 * 1024 * 1024;
const STATE = "var";

/** What the key can hold of it: the bytes themselves, or, where the server takes no message of that size, a reference. */
async function sendable({ store }: Operator, bytes: Uint8Array): Promise<Uint8Array | null> {
  if (bytes.length <= store.maxPayload()) return bytes;
  const envelope = InlineEnvelope.safeParse(parsed(bytes));
  if (!envelope.success) return null;
  const asset = await store.putAsset(Buffer.from(envelope.data.payload), { timeoutMs: 20_000 });
  return asset._tag === "Stored" ? assetEnvelope(asset.sha256, envelope.data.signatures) : null;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}

const inStatus = (status: AgentStatus): unknown => {
  const accepted = status.conditions.find(({ type }) => type === "Accepted");
  if (accepted?.status === "False") return accepted.reason;
  const told = Object.entries(status.scores).map(([id, { state, error }]) => [
    id,
    state === "Refused" ? error?.reason : "Accepted",
  ]);
  return Object.fromEntries(told);
};

/** What the agent says of each Score when it is asked, which it may be as often as one likes. */
async function planned({ store }: Operator, bytes: Uint8Array, wanted: object): Promise<unknown> {
  const plan = await store.request(planSubject(AGENT), bytes, { timeoutMs: 60_000 });
  if (plan._tag !== "Reply") return plan;
  const reply = PlanReply.parse(parsed(plan.value));
  if (reply._tag === "Refused") return reply.reason;
  // What is in force and not in the manifest is planned to be removed; that is none of this.
  const asked = Object.entries(reply.scores).filter(([id]) => id in wanted);
  return Object.fromEntries(
    asked.map(([id, score]) => [id, score.would === "REFUSE" ? score.error.reason : "Accepted"]),
  );
}

test("whatever lies in its key, the agent stays up, says what is wrong with it, and leaves alone what is there", async () => {
  const { url } = await natsServer();
  const operator = await Operator.connect(url);
  const root = await temporaryFolder();
  await mkdir(join(root, "srv"));
  await mkdir(join(root, "etc"));
  await writeFile(join(root, "etc/passwd"), "root:x:0:0::/:/bin/sh\n");
  const others = await snapshot(join(root, "etc"));
  const keys = [...trustedKeys].map(([name, key]) => [name, key.export({ type: "spki", format: "pem" })] as const);
  for (const [name, pem] of keys) await writeFile(join(root, `${name}.pem`), pem);
  const trust = keys.flatMap(([name]) => ["--trust", `${name}=${join(root, `${name}.pem`)}`]);

  let agent = new AgentProcess({ harmony, url, root });
  await operator.send({ generation: 1, scores: { first: file("/srv/first", "kept") } });
  await operator.converged(1, () => agent.tail);

  const seen = new Set<string>();
  const neverSent: string[] = [];
  const feed = async (cases: readonly HostileCase[]): Promise<void> => {
    for (const { name, bytes, expect: wanted } of cases) {
      const sent = await sendable(operator, bytes());
      if (sent === null) {
        neverSent.push(name);
        continue;
      }
      const before = typeof wanted === "string" ? await snapshot(root, [STATE]) : null;
      const revision = await operator.send(sent);
      const line = await agent.logged(
        typeof wanted === "string" ? "refused a manifest" : "accepted a manifest",
        (fields) => fields["revision"] === revision,
      );
      if (typeof wanted === "string") expect([name, line.fields["reason"]]).toEqual([name, wanted]);
      else expect([name, await planned(operator, sent, wanted)]).toEqual([name, wanted]);
      // A status goes out once a second, so that it is waited for only where it says something new.
      const news = (typeof wanted === "string" ? [wanted] : Object.values(wanted)).filter((each) => !seen.has(each));
      if (news.length > 0) {
        for (const each of news) seen.add(each);
        const status = await operator.told(
          `the status of "${name}"`,
          ({ observedRevision, scores }) =>
            observedRevision === revision &&
            Object.keys(scores).every((id) => typeof wanted === "string" || id in wanted),
          () => agent.tail,
        );
        expect([name, inStatus(status)]).toEqual([name, wanted]);
      }
      if (before !== null) expect([name, await snapshot(root, [STATE])]).toEqual([name, before]);
      expect([name, agent.isRunning]).toEqual([name, true]);
    }
  };

  await feed(CORPUS.filter(({ asksForSignature }) => asksForSignature !== true));
  const peak = await agent.peakMemory();
  await agent.kill("SIGTERM");
  agent = new AgentProcess({ harmony, url, root, args: trust });
  await agent.logged("took an epoch");
  await feed(CORPUS.filter(({ asksForSignature }) => asksForSignature === true));

  process.stdout.write(
    `${CORPUS.length - neverSent.length} hostile values; ${neverSent.length} more than the server takes; ${Math.round(peak / 2 ** 20)} MiB at most\n`,
  );
  expect(neverSent.length).toBeLessThan(CORPUS.length / 10);
  expect(peak).toBeLessThan(MOST_MEMORY);
  expect(seen.size).toBeGreaterThanOrEqual(13);
  expect(await snapshot(join(root, "etc"))).toEqual(others);
});
