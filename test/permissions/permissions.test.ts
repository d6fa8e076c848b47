import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { headers } from "nats";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { FoundNatsServer } from "../../src/cli/nats-server.ts";
import { AgentProcess, install, temporaryFolder } from "../agent/support/agent-process.ts";
import { eventually } from "../agent/support/eventually.ts";
import { AGENT, envelopeOf, file } from "../agent/support/manifests.ts";
import { ALLOWED } from "./allowed.ts";
import { type Denied, DENIED } from "./denied.ts";
import { Scene } from "./scene.ts";
import { servers } from "./servers.ts";

const { found, missing } = await servers();

test("the oldest supported server and a newer one are here", () => {
  expect(missing).toEqual([]);
  expect(found.length).toBeGreaterThan(1);
});

test("the matrix tries enough, and nothing twice", () => {
  const names = DENIED.map(({ by, what }) => `${by}: ${what}`);
  expect(new Set(names).size).toBe(names.length);
  expect(DENIED.filter(({ by }) => by === "agent").length).toBeGreaterThanOrEqual(60);
});

/** Null where it was denied, else what happened instead. */
async function tried(scene: Scene, denied: Denied): Promise<string | null> {
  const before = JSON.stringify(await scene.untouchable());
  const outcome = await attempt(scene, denied);
  if (outcome !== null) return outcome;
  const after = JSON.stringify(await scene.untouchable());
  return after === before ? null : `it changed what it may not:\n${before}\n${after}`;
}

async function attempt(scene: Scene, denied: Denied): Promise<string | null> {
  const { by, subject } = denied;
  switch (denied._tag) {
    case "Publish": {
      const reply = `${scene.inbox(by)}.permissions`;
      const refused = await scene.publish(by, subject, denied.payload, { reply });
      return refused.includes(`publish ${subject}`) ? null : `the server let it through (${refused.join(", ")})`;
    }
    case "Subscribe": {
      const refused = await scene.subscribe(by, subject, denied.queue);
      return refused.includes(`subscription ${subject}`) ? null : `the server let it through (${refused.join(", ")})`;
    }
    case "Reply": {
      await scene.publish(by, subject, denied.payload, { reply: denied.reply });
      // Once a later request has its answer, the first one has been answered too.
      await (await scene.raw(by)).request(subject, denied.payload);
      return null;
    }
    case "Body": {
      const answer = await (await scene.raw(by)).request(subject, denied.payload);
      return answer.string().includes("secret") ? `it was answered: ${answer.string()}` : null;
    }
    case "Header": {
      const head = headers();
      head.set(denied.name, denied.value);
      const answer = await (await scene.raw(by)).request(subject, "evil", { headers: head, timeout: 5000 });
      return answer.string().includes("error") ? null : `it was answered: ${answer.string()}`;
    }
  }
}

async function onServer<T>({ path }: FoundNatsServer, start: () => Promise<T>): Promise<T> {
  vi.stubEnv("NATS_SERVER", path);
  return start().finally(() => vi.unstubAllEnvs());
}

describe.each(found)("nats-server $version", (server) => {
  let scene: Scene;
  const counts = { allowed: 0, denied: 0 };
  beforeAll(async () => {
    scene = await onServer(server, () => Scene.start());
  });
  afterAll(async () => {
    // Plus the agent itself, below.
    const wanted = ALLOWED.length + 1;
    process.stdout.write(
      `nats-server ${server.version}: ${counts.allowed} allowed of ${wanted}, ${counts.denied} denied of ${DENIED.length}\n`,
    );
    await scene.stop();
  });

  test.each(ALLOWED)("$by $what", async ({ isSo }) => {
    expect(await isSo(scene)).toBe(true);
    counts.allowed += 1;
  });

  test("the consumers of the operator's listings have gone, so that a new one shows", async () => {
    const left = eventually("no consumer is left", async () => (await scene.consumers()) === 0);
    await expect(left).resolves.toBe(true);
  });

  test.each(DENIED)("$by may not: $what", async (denied) => {
    expect(await tried(scene, denied)).toBeNull();
    counts.denied += 1;
  });

  test("agent converges on what an author ships, and tells of it, as a process of its own", async () => {
    const { harmony, remove } = await install();
    const folder = await mkdtemp(join(tmpdir(), "harmony-permissions-agent-"));
    const creds = join(folder, "agent.creds");
    await writeFile(creds, scene.credentials("agent"), { mode: 0o600 });
    const agent = new AgentProcess({
      harmony,
      url: scene.url,
      root: await temporaryFolder(),
      args: ["--creds", creds],
    });
    const author = await scene.store("author");
    const scores = { a: file("/a", "x".repeat(10)) };
    await author.put("desired-state", AGENT, envelopeOf({ generation: 1, scores }));
    await eventually(
      "the agent has converged",
      async () => {
        const status = await (await scene.store("viewer")).get("actual-state", AGENT);
        return status._tag === "Value" && new TextDecoder().decode(status.value).includes('"reason":"Converged"');
      },
      () => agent.tail,
    );
    expect(agent.log.filter(({ message }) => message.includes("refuses"))).toEqual([]);
    await agent.kill("SIGTERM");
    await rm(folder, { recursive: true });
    await remove();
    counts.allowed += 1;
  });
});

/** The accounts thrown together: what the layout is for must show. */
const oneAccount = (config: string): string => {
  const [agents] = /users: \[\n(\s+\{ nkey: \w+, permissions.*\n)+/.exec(config) ?? [""];
  return config
    .replace(agents, "users: [\n")
    .replace(/(CONTROL \{\n\s+jetstream: enabled\n\s+users: \[\n)/, `$1${agents.replace("users: [\n", "")}`);
};

test("with agents and streams in one account the matrix finds the way in by reply subjects", async () => {
  const [server] = found;
  if (server === undefined) throw new Error("there is no server");
  const scene = await onServer(server, () => Scene.start(oneAccount));
  try {
    const holes = [];
    for (const denied of DENIED.filter(({ by, _tag }) => by === "agent" && _tag === "Reply")) {
      if ((await tried(scene, denied)) !== null) holes.push(denied.what);
    }
    expect(holes.length).toBeGreaterThan(0);
    process.stdout.write(`planted, one account for all: ${holes.length} ways in were found\n`);
  } finally {
    await scene.stop();
  }
});
