import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { folder, harmony as cli } from "../../cli/in-process.ts";
import { foundIn } from "../../support/canary.ts";
import { natsServer } from "../../support/nats-server.ts";
import { connected } from "../../wire/nats/connected.ts";
import { AgentProcess, install, temporaryFolder } from "../support/agent-process.ts";
import { eventually } from "../support/eventually.ts";
import { AGENT, envelopeOf, file } from "../support/manifests.ts";
import { RestartableServer } from "../support/restartable-server.ts";
import { capabilities } from "../../fleet/scripted-agent.ts";

vi.setConfig({ testTimeout: 90_000 });

let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

async function running(url: string) {
  const store = await connected({ servers: url });
  await store.ensureBuckets();
  const agent = new AgentProcess({ harmony, url, root: await temporaryFolder() });
  await agent.logged("took an epoch");
  return { agent, store };
}

/** A command that goes on, and what it has written. */
function following(url: string, ...words: readonly string[]) {
  const over = new AbortController();
  const got = { out: "", err: "" };
  const ran = cli(["logs", ...words], {
    env: { HARMONY_SERVER: url },
    signal: over.signal,
    onOutput: (text) => (got.out += text),
  });
  return { got, ends: () => (over.abort(), ran) };
}

describe("harmony logs", () => {
  test("shows the agent's own log, the newest lines of it, and as JSON", async () => {
    const { url } = await natsServer();
    const { agent } = await running(url);
    const env = { HARMONY_SERVER: url };
    const { code, out, err } = await cli(["logs", AGENT], { env });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^\S+Z {2}started \{"agent":"pi-7"/m);
    expect(out.split("\n").length - 1).toBe(agent.log.length);
    const json = await cli(["logs", AGENT, "-n", "1", "--json"], { env });
    const last = agent.log.at(-1);
    expect(JSON.parse(json.out)).toMatchObject({
      agentId: AGENT,
      source: "memory",
      units: [],
      items: [{ text: expect.stringContaining(last?.message ?? "-") }],
    });
    const none = await cli(["logs", AGENT, "--since", "2099-01-01"], { env });
    expect(none).toMatchObject({ code: 0, out: "", err: "Nothing was logged.\n" });
    const terminal = await cli(["logs", AGENT, "-n", "1"], { env, terminal: true });
    expect(terminal.out).toContain("\u001b[2m");
  });

  test("follows, over a restart of the server, tells no line twice, and ends with 0 when it is interrupted", async () => {
    const server = await RestartableServer.start();
    const { agent, store } = await running(server.url);
    const { got, ends } = following(server.url, AGENT, "-f", "-n", "1000");
    await eventually("it shows what was there", () => got.out.includes("took an epoch"));
    await store.put("desired-state", AGENT, envelopeOf({ generation: 1, scores: { a: file("/a", "1") } }));
    await eventually("it shows what comes", () => got.out.includes("accepted a manifest"));
    await server.kill();
    await eventually(
      "it tells of the outage",
      () => /error: .*(lost|connect)/i.test(got.out),
      () => got.out,
    );
    await server.again();
    const second = envelopeOf({ generation: 2, scores: { a: file("/a", "2") } });
    await eventually("it is stored", async () => (await store.put("desired-state", AGENT, second))._tag === "Written");
    await eventually(
      "it says so",
      () => got.out.includes("it goes on where it was"),
      () => got.out,
    );
    await eventually(
      "it goes on",
      () => got.out.includes('"generation":2'),
      () => got.out,
    );
    await eventually(
      "it has all",
      () => got.out.includes("disconnected; the last accepted"),
      () => got.out,
    );
    const { code, out } = await ends();
    expect(code).toBe(0);
    const lines = out.split("\n").slice(0, -1);
    // All that the process itself wrote up to there, each once.
    const written = agent.log.map(({ message }) => message);
    expect(lines.length).toBeLessThanOrEqual(written.length);
    for (const [nth, line] of lines.entries()) expect(line).toContain(written[nth]);
  });

  test("says so of a new start of the agent, since its memory begins anew", async () => {
    const { url } = await natsServer();
    const { agent } = await running(url);
    const { got, ends } = following(url, AGENT, "-f", "--json");
    await eventually("it shows what was there", () => got.out.includes("took an epoch"));
    await agent.kill("SIGTERM");
    const second = new AgentProcess({ harmony, url, root: await temporaryFolder() });
    await second.logged("took an epoch");
    await eventually(
      "it goes on",
      () => got.out.split("took an epoch").length === 3,
      () => got.out,
    );
    const { out } = await ends();
    const items = out
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    expect(items).toContainEqual({ leftOut: null, why: "Forgotten" });
  });

  test("is clear about who cannot answer: nobody, an agent that has gone, and one that is too old", async () => {
    const { url } = await natsServer();
    const { agent, store } = await running(url);
    const env = { HARMONY_SERVER: url };
    const unknown = await cli(["logs", "pi-77"], { env });
    expect(unknown.code).toBe(1);
    expect(unknown.err).toContain("nothing is known of agent pi-77\n  Did you mean pi-7? Known are pi-7.");
    await agent.kill("SIGTERM");
    const gone = await cli(["logs", AGENT], { env });
    expect(gone.code).toBe(4);
    expect(gone.err).toContain("agent pi-7 is not connected to the server");
    const { answers: _, ...older } = { answers: [], ...capabilities() };
    await store.put("capabilities", AGENT, Buffer.from(JSON.stringify(older)));
    const old = await cli(["logs", AGENT, "--follow"], { env });
    expect(old).toMatchObject({ code: 4, out: "" });
    expect(old.err).toContain("agent pi-7 (0.1.0) answers no question for logs\n  It is of an older version");
    const score = await cli(["logs", AGENT, "nothing", "-n", "-1"], { env });
    expect(score.code).toBe(2);
  });

  test("shows no secret that the agent itself has logged, by an author's mistake", async () => {
    const { url } = await natsServer();
    const { agent, store } = await running(url);
    const token = "cAn4ry-in-a-path-7fQz";
    const isThere = async (): Promise<boolean> => (await store.get("capabilities", AGENT))._tag === "Value";
    await eventually("the agent tells its key", isThere);
    const cwd = folder({
      token: `${token}\n`,
      "m.ts": `import { FileScore, manifest, PiTopology, secret } from "harmony-edge";
        export default manifest(PiTopology, {
          held: new FileScore({ path: "/held", content: secret("token") }),
          named: new FileScore({ path: "/${token}", content: "x" }),
        });`,
    });
    const env = { HARMONY_SERVER: url, HARMONY_KNOWN_DEVICES: join(cwd, "known.json") };
    const apply = ["apply", "m.ts", "--agent", AGENT, "--secret", "token=token", "--pin"];
    expect(await cli(apply, { cwd, env })).toMatchObject({ code: 0 });
    await eventually("it logged it", () => JSON.stringify(agent.log).includes(token));
    for (const words of [[], ["--json"], ["--tail", "10000"]]) {
      const { code, out } = await cli(["logs", AGENT, ...words], { env });
      expect(code).toBe(0);
      expect(out).toContain('"path":"/[redacted]"'.replaceAll('"', words.includes("--json") ? String.raw`\"` : '"'));
      expect(foundIn(out, token)).toEqual([]);
    }
  });

  test("of a Score that is not there, or runs nothing, says so, with the one that was meant", async () => {
    const { url } = await natsServer();
    const { agent, store } = await running(url);
    await store.put("desired-state", AGENT, envelopeOf({ generation: 1, scores: { motd: file("/motd", "1") } }));
    await agent.logged("accepted a manifest");
    const env = { HARMONY_SERVER: url };
    await eventually("it is there", async () =>
      (await cli(["logs", AGENT, "motd"], { env })).err.includes("runs nothing"),
    );
    const mistyped = await cli(["logs", AGENT, "modt"], { env });
    expect(mistyped.code).toBe(1);
    expect(mistyped.err).toContain('pi-7 knows of no Score "modt"\n  Did you mean "motd"?');
  });
});
