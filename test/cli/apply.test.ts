import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { AgentStatus, writeDocument } from "../../src/wire/status.ts";
import { capabilities, heartbeat, PI, scoreStatus } from "../fleet/scripted-agent.ts";
import { folder, harmony, manifestOf, SENTENCE } from "./in-process.ts";
import { json, ScriptedFleet, two } from "./scripted-fleet.ts";

const fleet = new ScriptedFleet();

describe("apply", () => {
  test("waits, tells what it does on standard error, and ends with 0 when all is Ready", async () => {
    await fleet.begin();
    const { code, out, err } = await fleet.run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    expect({ code, out }).toEqual({ code: 0, out: "" });
    expect(err).toMatch(/generation \d+ is stored \(\d+ bytes\)\n/);
    expect(err).toMatch(/^a +File +Ready +SUCCESS +changed$/m);
    expect(err).toMatch(/pi-7 has converged on generation \d+: all 2 Scores are Ready\n$/);
  });

  test("with --json writes the agent's status document to standard output and nothing else anywhere", async () => {
    await fleet.begin();
    const { code, out, err } = await fleet.run(["apply", "m.ts", "--agent", "pi-7", "--json"], { cwd: two() });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(AgentStatus.parse(json(out))).toEqual(json(out));
    const status = await fleet.run(["status", "pi-7", "--json"]);
    expect(json(status.out)).toEqual(json(out));
  });

  test("ends with 1 when a Score failed, and tells which, where, why, whose fault it is and what to do", async () => {
    await fleet.begin({ tells: () => [{ a: scoreStatus("Failed"), b: scoreStatus("Blocked", { blockedOn: ["a"] }) }] });
    const { code, err } = await fleet.run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    expect(code).toBe(1);
    expect(err).toMatch(/^b +File +Blocked +- +waits for a$/m);
    expect(err).toContain(
      'a (File) is Failed\n  step:   in the step {"do":"write"}\n  cause:  PortFailed: the disk is full\n' +
        "  fault:  the device: something there is in the way\n  to do:  Free some space.\n",
    );
    expect(err).toMatch(/pi-7 has not converged on generation \d+: a, b are not as declared\n$/);
    const document = await fleet.run(["apply", "m.ts", "--agent", "pi-7", "--json"], { cwd: two() });
    expect(json(document.out)).toMatchObject({ scores: { a: { state: "Failed" } } });
    expect(document.code).toBe(1);
  });

  test("ends with 3 at the deadline, and says that the agent was never seen", async () => {
    await fleet.begin(null);
    const { code, out, err } = await fleet.run(["apply", "m.ts", "--agent", "pi-7", "--timeout", "300ms", "--json"], {
      cwd: two(),
    });
    expect(code).toBe(3);
    expect(json(out)).toEqual({
      agentId: "pi-7",
      generation: expect.any(Number),
      freshness: "never",
      problem: "no status yet",
    });
    expect(err).toMatch(/timed out waiting for pi-7: the agent has not told anything yet/);
    expect(err).toMatch(/Generation \d+ is stored and waits for it; this agent was never seen/);
  });

  test("ends with 3 at the deadline, and says what is missing and that the agent is silent", async () => {
    await fleet.begin({ tells: () => [{ a: scoreStatus("Ready"), b: scoreStatus("Reconciling") }] });
    await fleet.device.put("heartbeat", PI, writeDocument(heartbeat(1, new Date(Date.now() - 180_000))));
    const { code, out, err } = await fleet.run(["apply", "m.ts", "--agent", "pi-7", "--timeout", "700ms", "--json"], {
      cwd: two(),
    });
    expect(code).toBe(3);
    expect(json(out)).toMatchObject({ scores: { b: { state: "Reconciling" } } });
    expect(err).toMatch(/timed out waiting for pi-7: b is Reconciling\n.*the agent is silent since 3 min/);
  });

  test("--no-wait ends once it is stored", async () => {
    await fleet.begin(null);
    const { code, out } = await fleet.run(["apply", "m.ts", "--agent", "pi-7", "--no-wait", "--json"], { cwd: two() });
    expect(code).toBe(0);
    expect(json(out)).toEqual({ agentId: "pi-7", generation: expect.any(Number), revision: expect.any(Number) });
  });

  test("a Ctrl-C ends the waiting and says what goes on", async () => {
    await fleet.begin(null);
    const interrupt = new AbortController();
    const onOutput = (text: string): void => void (text.includes("waiting") && interrupt.abort());
    const { code, err } = await fleet.run(["apply", "m.ts", "--agent", "pi-7"], {
      cwd: two(),
      signal: interrupt.signal,
      onOutput,
    });
    expect(code).toBe(3);
    expect(err).toMatch(/stopped waiting; generation \d+ is stored, and pi-7 goes on with it/);
  });

  test("on a terminal the line that waits is one that changes, and is gone at the end", async () => {
    await fleet.begin({
      tells: () => [
        { a: scoreStatus("Ready"), b: scoreStatus("Reconciling") },
        { a: scoreStatus("Ready"), b: scoreStatus("Ready") },
      ],
    });
    const { code, err } = await fleet.run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two(), terminal: true });
    expect(code).toBe(0);
    expect(err).not.toMatch(/waiting[^\r]*\n/);
  });

  test("what the topology lacks is told before a server is asked", async () => {
    const cwd = folder({
      "m.js": manifestOf({})
        .replace("FileScore,", "K8sDeploymentScore,")
        .replace("{\n}", '{ web: new K8sDeploymentScore({ name: "web", image: "x" }) }'),
    });
    const { code, out, err } = await harmony(["apply", "m.js", "--agent", "pi-7", "--server", "nats://127.0.0.1:1"], {
      cwd,
    });
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(`m.js: error: web: ${SENTENCE}`);
  });

  test("what the agent's published capabilities lack is told, and nothing is shipped", async () => {
    await fleet.begin();
    await fleet.device.put("capabilities", PI, writeDocument(capabilities({ kinds: { Directory: [1] } })));
    const { code, err } = await fleet.run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    expect(code).toBe(1);
    expect(err).toMatch(
      /a: agent pi-7 does not know the kind File; it knows Directory\n[^]*Nothing was shipped to pi-7/,
    );
    expect(fleet.agent?.accepted).toEqual([]);
  });

  test("--sign signs with a key that the agent trusts; without it the agent refuses", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    await fleet.begin({ trustedKeys: new Map([["ops", publicKey]]) });
    const cwd = two();
    writeFileSync(join(cwd, "ops.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
    expect((await fleet.run(["apply", "m.ts", "--agent", "pi-7", "--sign", "ops=ops.pem"], { cwd })).code).toBe(0);
    const unsigned = await fleet.run(["apply", "m.ts", "--agent", "pi-7"], { cwd });
    expect(unsigned.code).toBe(1);
    expect(unsigned.err).toMatch(/pi-7 refused generation \d+: Unsigned: /);
  });

  test("a public key, or one of another kind, is no key to sign with", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const cwd = two();
    writeFileSync(join(cwd, "ec.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
    const { code, err } = await fleet.run(["apply", "m.ts", "--agent", "pi-7", "--sign", "ops=ec.pem"], { cwd });
    expect(code).toBe(2);
    expect(err).toMatch(/ec\.pem holds no Ed25519 private key: it holds a key of type ec/);
  });

  test("--check type-checks first", async () => {
    await fleet.begin();
    const cwd = folder({ "m.ts": `const n: number = "x";\n${manifestOf({ a: ["/a", "1"] })}export { n };\n` });
    expect((await fleet.run(["apply", "m.ts", "--agent", "pi-7"], { cwd })).code).toBe(0);
    const { code, err } = await fleet.run(["apply", "m.ts", "--agent", "pi-7", "--check"], { cwd });
    expect(code).toBe(1);
    expect(err).toMatch(/m\.ts:1:7: TS2322/);
  });
});
