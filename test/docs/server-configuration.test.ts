import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "nats";
import { describe, expect, onTestFinished, test } from "vitest";
import { AgentId } from "../../src/wire/keys.ts";
import { connectStore, type Connected, type ConnectOptions } from "../../src/wire/nats/connect.ts";
import type { Store } from "../../src/wire/store.ts";
import { natsServer } from "../support/nats-server.ts";
import { blocks } from "./pages.ts";

const AGENT = "pi-7";
const OTHER = "pi-8";
const PASSWORD = "change-me";
const configurations = blocks.filter(({ language }) => language === "conf");

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = async (store: Store, bucket: "desired-state", key: string): Promise<string> => {
  const found = await store.get(bucket, key);
  return found._tag === "Value" ? new TextDecoder().decode(found.value) : found._tag;
};

async function connected(options: ConnectOptions): Promise<Connected["store"]> {
  const made = await connectStore(options);
  if (made._tag === "Unreachable") throw new Error(made.message);
  onTestFinished(() => made.store.close());
  return made.store;
}

/** A real server with the configuration that the page shows, its control plane, and the one agent it has a user for. */
async function served(configuration: string) {
  const folder = await mkdtemp(join(tmpdir(), "harmony-docs-conf-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const configFile = join(folder, "nats-server.conf");
  await writeFile(configFile, configuration);
  const { url } = await natsServer({ configFile });
  const as = (user: string): string => url.replace("//", `//${user}:${PASSWORD}@`);
  const control = await connected({ servers: as("control") });
  expect(await control.ensureBuckets()).toEqual({ _tag: "Ready" });
  const agent = await connected({ servers: as(AGENT), inboxPrefix: `_INBOX.${AGENT}` });
  return { url, control, agent };
}

test("there is one configuration to check", () => {
  expect(configurations.map(({ page }) => page)).toEqual(["docs/security.md"]);
});

describe.each(configurations)("$page:$line", ({ text }) => {
  test("lets an agent do all that an agent does", async () => {
    const { control, agent } = await served(text);
    for (const bucket of ["actual-state", "heartbeat", "capabilities"] as const) {
      const first = await agent.put(bucket, AGENT, bytes("one"), { expect: 0 });
      expect(first).toMatchObject({ _tag: "Written" });
      expect(await agent.put(bucket, AGENT, bytes("two"), { expect: 0 })).toEqual({ _tag: "Conflict" });
      expect(await agent.get(bucket, AGENT)).toMatchObject({ _tag: "Value" });
    }
    expect(await agent.tellEvent(AgentId.parse(AGENT), bytes("{}"), "first")).toMatchObject({
      _tag: "Told",
      isNew: true,
    });
    const poked = new Promise<string>((resolve) => void agent.onChange("desired-state", AGENT, resolve));
    const subjects = [`fleet.plan.${AGENT}`, `fleet.logs.${AGENT}`];
    for (const subject of subjects) onTestFinished(agent.serve(subject, (asked) => Promise.resolve(asked)));
    const asset = await control.putAsset(bytes("large"));
    if (asset._tag !== "Stored") throw new Error(asset.message);
    expect(await agent.getAsset(asset.sha256, { limit: 100 })).toMatchObject({ _tag: "Value" });
    await control.put("desired-state", AGENT, bytes("wanted"));
    expect(await poked).toBe(AGENT);
    expect(await textOf(agent, "desired-state", AGENT)).toBe("wanted");
    for (const subject of subjects) {
      expect(await control.request(subject, bytes("?"))).toMatchObject({ _tag: "Reply" });
    }
    onTestFinished(control.serve(`fleet.renew.${AGENT}`, (asked) => Promise.resolve(asked)));
    await control.get("heartbeat", AGENT);
    expect(await agent.request(`fleet.renew.${AGENT}`, bytes("?"))).toMatchObject({ _tag: "Reply" });
  });

  test("keeps an agent from everything else, by reply subjects too", async () => {
    const { url, control, agent } = await served(text);
    await control.put("desired-state", OTHER, bytes("good"));
    await agent.put("actual-state", AGENT, bytes("evil"));
    const denied = { _tag: "Unreachable", reason: "Denied" };
    expect(await agent.get("desired-state", OTHER)).toMatchObject(denied);
    expect(await agent.put("heartbeat", OTHER, bytes("evil"))).toMatchObject(denied);
    expect(await agent.put("desired-state", AGENT, bytes("evil"))).toMatchObject(denied);
    expect(await agent.tellEvent(AgentId.parse(OTHER), bytes("{}"), "second")).toMatchObject(denied);
    expect(await agent.eventAt(AgentId.parse(AGENT), 1)).toMatchObject(denied);
    expect(await agent.keys("desired-state")).toMatchObject(denied);
    expect(await agent.request(`fleet.plan.${OTHER}`, bytes("?"))).toMatchObject(denied);
    expect(await agent.request(`fleet.logs.${OTHER}`, bytes("?"))).toMatchObject(denied);
    expect(await agent.request(`fleet.renew.${OTHER}`, bytes("?"))).toMatchObject(denied);

    const raw = await connect({ servers: url, user: AGENT, pass: PASSWORD, inboxPrefix: `_INBOX.${AGENT}` });
    onTestFinished(() => raw.close());
    // In one account the server itself would write the answer, the agent's own status, into the other's key.
    const own = `$JS.API.DIRECT.GET.KV_actual-state.$KV.actual-state.${AGENT}`;
    raw.publish(own, undefined, { reply: `$KV.desired-state.${OTHER}` });
    // Once a later request of the same connection has its answer, the first one has been answered too.
    expect((await raw.request(own)).string()).toBe("evil");
    await control.put("desired-state", "pi-9", bytes("later"));
    expect(await textOf(control, "desired-state", OTHER)).toBe("good");
  });
});
