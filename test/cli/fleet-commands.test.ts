import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NatsServer } from "../../src/cli/nats-server.ts";
import { AgentId, planSubject } from "../../src/wire/keys.ts";
import { connectStore } from "../../src/wire/nats/connect.ts";
import { AgentStatus, type PlanReply, writeDocument } from "../../src/wire/status.ts";
import type { Store, StoreAdmin } from "../../src/wire/store.ts";
import { agentStatus, capabilities, heartbeat, PI, scoreStatus, type Script, scriptedAgent } from "../fleet/scripted-agent.ts";
import { natsServer } from "../support/nats-server.ts";
import { folder, harmony, type HowToRun, manifestOf, type Ran, SENTENCE } from "./in-process.ts";

/** One server for the file; each test begins with empty keys. */
let server: NatsServer;
let device: Store & StoreAdmin;
let agent: ReturnType<typeof scriptedAgent> | undefined;

beforeAll(async () => {
  server = await natsServer({ cleanup: afterAll });
  const connected = await connectStore({ servers: server.url });
  if (connected._tag === "Unreachable") throw new Error(connected.message);
  device = connected.store;
  afterAll(() => device.close());
});

async function begin(script: Script | null = {}): Promise<void> {
  agent?.stop();
  agent = undefined;
  await device.ensureBuckets();
  for (const bucket of ["desired-state", "actual-state", "heartbeat", "capabilities"] as const) await device.delete(bucket, PI);
  if (script !== null) agent = scriptedAgent(device, script);
}

const run = async (argv: readonly string[], how: HowToRun = {}): Promise<Ran> =>
  harmony(argv, { ...how, env: { HARMONY_SERVER: server.url, ...how.env } });
const two = () => folder({ "m.ts": manifestOf({ a: ["/a", "1"], b: ["/b", "2"] }, '{ after: { b: ["a"] } }') });
const json = (text: string): unknown => JSON.parse(text);

test("before anything was applied, status of all is nobody, and one agent is unknown", async () => {
  const fresh = await natsServer();
  const env = { HARMONY_SERVER: fresh.url };
  expect(await harmony(["status", "--json"], { env })).toEqual({ code: 0, out: '{\n  "agents": []\n}\n', err: "" });
  expect(await harmony(["status"], { env })).toEqual({ code: 0, out: "", err: "No agent is known to this server yet.\n" });
  const { code, out, err } = await harmony(["status", "pi-7", "--json"], { env });
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toMatch(/nothing is known of agent pi-7\n {2}No agent is known to this server\./);
});

describe("apply", () => {
  test("waits, tells what it does on standard error, and ends with 0 when all is Ready", async () => {
    await begin();
    const { code, out, err } = await run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    expect({ code, out }).toEqual({ code: 0, out: "" });
    expect(err).toMatch(/generation \d+ is stored \(\d+ bytes\)\n/);
    expect(err).toMatch(/^a +File +Ready +SUCCESS +changed$/m);
    expect(err).toMatch(/pi-7 has converged on generation \d+: all 2 Scores are Ready\n$/);
  });

  test("with --json writes the agent's status document to standard output and nothing else anywhere", async () => {
    await begin();
    const { code, out, err } = await run(["apply", "m.ts", "--agent", "pi-7", "--json"], { cwd: two() });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(AgentStatus.parse(json(out))).toEqual(json(out));
    const status = await run(["status", "pi-7", "--json"]);
    expect(json(status.out)).toEqual(json(out));
  });

  test("ends with 1 when a Score failed, and tells which, where, why, whose fault it is and what to do", async () => {
    await begin({ tells: () => [{ a: scoreStatus("Failed"), b: scoreStatus("Blocked", { blockedOn: ["a"] }) }] });
    const { code, err } = await run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    expect(code).toBe(1);
    expect(err).toMatch(/^b +File +Blocked +- +waits for a$/m);
    expect(err).toContain(
      'a (File) is Failed\n  step:   in the step {"do":"write"}\n  cause:  PortFailed: the disk is full\n' +
        "  fault:  the device: something there is in the way\n  to do:  Free some space.\n",
    );
    expect(err).toMatch(/pi-7 has not converged on generation \d+: a, b are not as declared\n$/);
    const document = await run(["apply", "m.ts", "--agent", "pi-7", "--json"], { cwd: two() });
    expect(json(document.out)).toMatchObject({ scores: { a: { state: "Failed" } } });
    expect(document.code).toBe(1);
  });

  test("ends with 3 at the deadline, and says that the agent was never seen", async () => {
    await begin(null);
    const { code, out, err } = await run(["apply", "m.ts", "--agent", "pi-7", "--timeout", "300ms", "--json"], { cwd: two() });
    expect({ code, out }).toEqual({ code: 3, out: "" });
    expect(err).toMatch(/timed out waiting for pi-7: the agent has not told anything yet/);
    expect(err).toMatch(/Generation \d+ is stored and waits for it; this agent was never seen/);
  });

  test("ends with 3 at the deadline, and says what is missing and that the agent is silent", async () => {
    await begin({ tells: () => [{ a: scoreStatus("Ready"), b: scoreStatus("Reconciling") }] });
    await device.put("heartbeat", PI, writeDocument(heartbeat(1, new Date(Date.now() - 180_000))));
    const { code, out, err } = await run(["apply", "m.ts", "--agent", "pi-7", "--timeout", "700ms", "--json"], { cwd: two() });
    expect(code).toBe(3);
    expect(json(out)).toMatchObject({ scores: { b: { state: "Reconciling" } } });
    expect(err).toMatch(/timed out waiting for pi-7: b is Reconciling\n.*the agent is silent since 3 min/);
  });

  test("--no-wait ends once it is stored", async () => {
    await begin(null);
    const { code, out } = await run(["apply", "m.ts", "--agent", "pi-7", "--no-wait", "--json"], { cwd: two() });
    expect(code).toBe(0);
    expect(json(out)).toEqual({ agentId: "pi-7", generation: expect.any(Number), revision: expect.any(Number) });
  });

  test("a Ctrl-C ends the waiting and says what goes on", async () => {
    await begin(null);
    const interrupt = new AbortController();
    const onOutput = (text: string): void => void (text.includes("waiting") && interrupt.abort());
    const { code, err } = await run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two(), signal: interrupt.signal, onOutput });
    expect(code).toBe(3);
    expect(err).toMatch(/stopped waiting; generation \d+ is stored, and pi-7 goes on with it/);
  });

  test("on a terminal the line that waits is one that changes, and is gone at the end", async () => {
    await begin({ tells: () => [{ a: scoreStatus("Ready"), b: scoreStatus("Reconciling") }, { a: scoreStatus("Ready"), b: scoreStatus("Ready") }] });
    const { code, err } = await run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two(), terminal: true });
    expect(code).toBe(0);
    expect(err).not.toMatch(/waiting[^\r]*\n/);
  });

  test("what the topology lacks is told before a server is asked", async () => {
    const cwd = folder({ "m.js": manifestOf({}).replace("FileScore,", "K8sDeploymentScore,").replace("{\n}", '{ web: new K8sDeploymentScore({ name: "web", image: "x" }) }') });
    const { code, out, err } = await harmony(["apply", "m.js", "--agent", "pi-7", "--server", "nats://127.0.0.1:1"], { cwd });
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(`m.js: error: web: ${SENTENCE}`);
  });

  test("what the agent's published capabilities lack is told, and nothing is shipped", async () => {
    await begin();
    await device.put("capabilities", PI, writeDocument(capabilities({ kinds: { Directory: [1] } })));
    const { code, err } = await run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    expect(code).toBe(1);
    expect(err).toMatch(/a: agent pi-7 does not know the kind File; it knows Directory\n[^]*Nothing was shipped to pi-7/);
    expect(agent?.accepted).toEqual([]);
  });

  test("--sign signs with a key that the agent trusts; without it the agent refuses", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    await begin({ trustedKeys: new Map([["ops", publicKey]]) });
    const cwd = two();
    writeFileSync(join(cwd, "ops.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
    expect((await run(["apply", "m.ts", "--agent", "pi-7", "--sign", "ops=ops.pem"], { cwd })).code).toBe(0);
    const unsigned = await run(["apply", "m.ts", "--agent", "pi-7"], { cwd });
    expect(unsigned.code).toBe(1);
    expect(unsigned.err).toMatch(/pi-7 refused generation \d+: BadSignature: /);
  });

  test("a public key, or one of another kind, is no key to sign with", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const cwd = two();
    writeFileSync(join(cwd, "ec.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
    const { code, err } = await run(["apply", "m.ts", "--agent", "pi-7", "--sign", "ops=ec.pem"], { cwd });
    expect(code).toBe(2);
    expect(err).toMatch(/ec\.pem holds no Ed25519 private key: it holds a key of type ec/);
  });

  test("--check type-checks first", async () => {
    await begin();
    const cwd = folder({ "m.ts": `const n: number = "x";\n${manifestOf({ a: ["/a", "1"] })}export { n };\n` });
    expect((await run(["apply", "m.ts", "--agent", "pi-7"], { cwd })).code).toBe(0);
    const { code, err } = await run(["apply", "m.ts", "--agent", "pi-7", "--check"], { cwd });
    expect(code).toBe(1);
    expect(err).toMatch(/m\.ts:1:7: TS2322/);
  }, 60_000);
});

describe("remove", () => {
  test("asks at a terminal, and does nothing unless the answer is yes", async () => {
    await begin();
    await run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    const no = await run(["remove", "pi-7"], { answer: "" });
    expect(no.code).toBe(1);
    expect(no.err).toContain("pi-7 has 2 Scores: a, b\nNothing was removed.\n");
    expect(agent?.accepted).toHaveLength(1);
    const yes = await run(["remove", "pi-7"], { answer: "y" });
    expect(yes.code).toBe(0);
    expect(yes.err).toMatch(/pi-7 has converged on generation \d+: nothing of Harmony's is left there/);
    expect([...(agent?.accepted.at(-1)?.scores.keys() ?? ["?"])]).toEqual([]);
  });

  test("with --yes and --json writes the status that is left", async () => {
    await begin();
    await run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    const { code, out, err } = await run(["remove", "pi-7", "--yes", "--json"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(json(out)).toMatchObject({ agentId: "pi-7", scores: {} });
  });

  test("does not make a key for an agent that nobody knows", async () => {
    await begin(null);
    const { code, err } = await run(["remove", "pi-8", "--yes"]);
    expect(code).toBe(1);
    expect(err).toContain("nothing is known of agent pi-8");
    expect(await device.get("desired-state", "pi-8")).toEqual({ _tag: "Absent" });
  });
});

describe("status", () => {
  test("of one agent is the document exactly as stored, with what a newer agent may have added", async () => {
    await begin(null);
    const stored = { ...agentStatus({ generation: 3 }), added: [1] };
    await device.put("actual-state", PI, Buffer.from(JSON.stringify(stored)));
    const { code, out } = await run(["status", "pi-7", "--json"]);
    expect(code).toBe(0);
    expect(json(out)).toEqual(stored);
  });

  test("for people tells conditions, heartbeat, Scores and failures", async () => {
    await begin({ tells: () => [{ a: scoreStatus("Failed"), b: scoreStatus("Ready") }] });
    await run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    await device.put("heartbeat", PI, writeDocument(heartbeat(1, new Date())));
    const { code, out } = await run(["status", "pi-7"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^pi-7 {2}PiTopology, agent 0\.1\.0, generation \d+\nheartbeat: fresh, 0 s ago\nAccepted: True/);
    expect(out).toMatch(/^a +File +Failed /m);
    expect(out).toContain("to do:  Free some space.");
  });

  test("of an agent that has not told anything yet says what is known", async () => {
    await begin(null);
    await run(["apply", "m.ts", "--agent", "pi-7", "--no-wait"], { cwd: two() });
    const { code, out, err } = await run(["status", "pi-7", "--json"]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/agent pi-7 has told no status yet\n {2}What is known: generation \d+ is stored for it, and it was never seen\./);
  });

  test("of an unknown agent names the known ones", async () => {
    await begin();
    await run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    const { code, err } = await run(["status", "pi-6"]);
    expect(code).toBe(1);
    expect(err).toMatch(/nothing is known of agent pi-6\n {2}Known are .*pi-7/);
  });

  test("of all is one document, with each agent's freshness", async () => {
    await begin();
    await run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    await device.put("heartbeat", PI, writeDocument(heartbeat(1, new Date())));
    const { code, out } = await run(["status", "--json"]);
    expect(code).toBe(0);
    expect(json(out)).toMatchObject({ agents: expect.arrayContaining([expect.objectContaining({ agentId: "pi-7", freshness: "fresh", scores: expect.anything() })]) });
    expect((await run(["status"])).out).toMatch(/^pi-7 +unknown +\d+ +2\/2 +fresh, /m);
  });

  test("--watch --json writes one document a line until it is ended", async () => {
    await begin();
    await run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    const interrupt = new AbortController();
    let lines = 0;
    const onOutput = (): void => {
      lines += 1;
      if (lines === 1) void device.put("actual-state", PI, writeDocument(agentStatus({ generation: 99 })));
      else interrupt.abort();
    };
    const { code, out, err } = await run(["status", "pi-7", "--watch", "--json"], { signal: interrupt.signal, onOutput });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const documents = out.trimEnd().split("\n").map((line) => AgentStatus.parse(json(line)));
    expect(documents.map(({ generation }) => generation)).toEqual([expect.any(Number), 99]);
  });
});

/** What `harmony plan` makes of an agent that answers this. */
const planWith = async (reply: PlanReply, argv: readonly string[] = []): Promise<Ran> => {
  await begin(null);
  const stop = device.serve(planSubject(PI), async () => writeDocument(reply));
  return run(["plan", "m.ts", "--agent", "pi-7", ...argv], { cwd: two() }).finally(stop);
};

describe("plan", () => {
  const error = { reason: "MissingCapability", message: "no", during: "decode", step: null, blame: "author", next: "Drop it.", retryable: false } as const;
  const good: PlanReply = {
    _tag: "Plan",
    agentId: AgentId.parse("pi-7"),
    generation: 3,
    scores: {
      a: { would: "NOOP", kind: "File", observed: null },
      b: { would: "CHANGE", kind: "File", observed: null, steps: [{ do: "write", path: "/b" }, { do: "reload" }] },
      old: { would: "RETIRE", kind: "File", observed: null, steps: [{ do: "remove", path: "/old" }] },
    },
  };

  test("shows each Score with its steps, and ends with 0 where nothing would go wrong", async () => {
    const { code, out, err } = await planWith(good);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toBe(
      'NOOP   a (File)\nCHANGE b (File)\n         write {"path":"/b"}\n         reload\nRETIRE old (File)\n         remove {"path":"/old"}\n' +
        "pi-7, from generation 3: 1 to change, 1 to remove, 1 so already\n",
    );
  });

  test("with --json writes the agent's answer", async () => {
    const { code, out } = await planWith(good, ["--json"]);
    expect(code).toBe(0);
    expect(json(out)).toEqual(good);
  });

  test("ends with 1 where a Score would fail or be refused, or the whole would be", async () => {
    const bad: PlanReply = { ...good, scores: { a: { would: "REFUSE", kind: "File", error }, b: { would: "FAIL", kind: "File", error } } };
    const { code, out } = await planWith(bad);
    expect(code).toBe(1);
    expect(out).toContain("REFUSE a (File)\n         MissingCapability: no\n         to do: Drop it.\n");
    const refused = await planWith({ _tag: "Refused", reason: "BadSignature", message: "unsigned" }, ["--json"]);
    expect(refused.code).toBe(1);
    expect(json(refused.out)).toEqual({ _tag: "Refused", reason: "BadSignature", message: "unsigned" });
    expect(refused.err).toContain("the agent would refuse this manifest: BadSignature: unsigned");
  });

  test("ends with 4 where the agent does not answer", async () => {
    await begin(null);
    const { code, out, err } = await run(["plan", "m.ts", "--agent", "pi-7", "--json"], { cwd: two() });
    expect({ code, out }).toEqual({ code: 4, out: "" });
    expect(err).toContain("agent pi-7 is not connected to the server");
  });
});
