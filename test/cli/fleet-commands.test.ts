import { describe, expect, test } from "vitest";
import { AgentId, planSubject } from "../../src/wire/keys.ts";
import { AgentStatus, type PlanReply, writeDocument } from "../../src/wire/status.ts";
import { agentStatus, heartbeat, PI, scoreStatus } from "../fleet/scripted-agent.ts";
import { natsServer } from "../support/nats-server.ts";
import { harmony, type Ran } from "./in-process.ts";
import { json, ScriptedFleet, two } from "./scripted-fleet.ts";

const fleet = new ScriptedFleet();

test("before anything was applied, status of all is nobody, and one agent is unknown", async () => {
  const fresh = await natsServer();
  const env = { HARMONY_SERVER: fresh.url };
  expect(await harmony(["status", "--json"], { env })).toEqual({ code: 0, out: '{\n  "agents": []\n}\n', err: "" });
  expect(await harmony(["status"], { env })).toEqual({
    code: 0,
    out: "",
    err: "No agent is known to this server yet.\n",
  });
  const { code, out, err } = await harmony(["status", "pi-7", "--json"], { env });
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toMatch(/nothing is known of agent pi-7\n {2}No agent is known to this server\./);
});

describe("remove", () => {
  test("asks at a terminal, and does nothing unless the answer is yes", async () => {
    await fleet.begin();
    await fleet.run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    const no = await fleet.run(["remove", "pi-7"], { answer: "" });
    expect(no.code).toBe(1);
    expect(no.err).toContain("pi-7 has 2 Scores: a, b\nNothing was removed.\n");
    expect(fleet.agent?.accepted).toHaveLength(1);
    const yes = await fleet.run(["remove", "pi-7"], { answer: "y" });
    expect(yes.code).toBe(0);
    expect(yes.err).toMatch(/pi-7 has converged on generation \d+: nothing of Harmony's is left there/);
    expect([...(fleet.agent?.accepted.at(-1)?.scores.keys() ?? ["?"])]).toEqual([]);
  });

  test("with --yes and --json writes the status that is left", async () => {
    await fleet.begin();
    await fleet.run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    const { code, out, err } = await fleet.run(["remove", "pi-7", "--yes", "--json"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(json(out)).toMatchObject({ agentId: "pi-7", scores: {} });
  });

  test("does not make a key for an agent that nobody knows", async () => {
    await fleet.begin(null);
    const { code, err } = await fleet.run(["remove", "pi-8", "--yes"]);
    expect(code).toBe(1);
    expect(err).toContain("nothing is known of agent pi-8");
    expect(await fleet.device.get("desired-state", "pi-8")).toEqual({ _tag: "Absent" });
  });
});

describe("status", () => {
  test("of one agent is the document exactly as stored, with what a newer agent may have added", async () => {
    await fleet.begin(null);
    const stored = { ...agentStatus({ generation: 3 }), added: [1] };
    await fleet.device.put("actual-state", PI, Buffer.from(JSON.stringify(stored)));
    const { code, out } = await fleet.run(["status", "pi-7", "--json"]);
    expect(code).toBe(0);
    expect(json(out)).toEqual(stored);
  });

  test("for people tells conditions, heartbeat, Scores and failures", async () => {
    await fleet.begin({ tells: () => [{ a: scoreStatus("Failed"), b: scoreStatus("Ready") }] });
    await fleet.run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    await fleet.device.put("heartbeat", PI, writeDocument(heartbeat(1, new Date())));
    const { code, out } = await fleet.run(["status", "pi-7"]);
    expect(code).toBe(0);
    expect(out).toMatch(
      /^pi-7 {2}PiTopology, agent 0\.1\.0, generation \d+\nheartbeat: fresh, 0 s ago\nAccepted: True/,
    );
    expect(out).toMatch(/^a +File +Failed /m);
    expect(out).toContain("to do:  Free some space.");
  });

  test("of an agent that has not told anything yet says what is known", async () => {
    await fleet.begin(null);
    await fleet.run(["apply", "m.ts", "--agent", "pi-7", "--no-wait"], { cwd: two() });
    const { code, out, err } = await fleet.run(["status", "pi-7", "--json"]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(
      /agent pi-7 has told no status yet\n {2}What is known: generation \d+ is stored for it, and it was never seen\./,
    );
  });

  test("of an unknown agent names the known ones", async () => {
    await fleet.begin();
    await fleet.run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    const { code, err } = await fleet.run(["status", "pi-6"]);
    expect(code).toBe(1);
    expect(err).toMatch(/nothing is known of agent pi-6\n {2}Did you mean pi-7\? Known are .*pi-7/);
  });

  test("of all is one document, with each agent's freshness", async () => {
    await fleet.begin();
    await fleet.run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    await fleet.device.put("heartbeat", PI, writeDocument(heartbeat(1, new Date())));
    const { code, out } = await fleet.run(["status", "--json"]);
    expect(code).toBe(0);
    expect(json(out)).toMatchObject({
      agents: expect.arrayContaining([
        expect.objectContaining({ agentId: "pi-7", freshness: "fresh", scores: expect.anything() }),
      ]),
    });
    expect((await fleet.run(["status"])).out).toMatch(/^pi-7 +unknown +\d+ +2\/2 +fresh, /m);
  });

  test("--watch --json writes one document a line until it is ended", async () => {
    await fleet.begin();
    await fleet.run(["apply", "m.ts", "--agent", "pi-7"], { cwd: two() });
    const interrupt = new AbortController();
    let lines = 0;
    const onOutput = (): void => {
      lines += 1;
      if (lines === 1) void fleet.device.put("actual-state", PI, writeDocument(agentStatus({ generation: 99 })));
      else interrupt.abort();
    };
    const { code, out, err } = await fleet.run(["status", "pi-7", "--watch", "--json"], {
      signal: interrupt.signal,
      onOutput,
    });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const documents = out
      .trimEnd()
      .split("\n")
      .map((line) => AgentStatus.parse(json(line)));
    expect(documents.map(({ generation }) => generation)).toEqual([expect.any(Number), 99]);
  });

  test("--watch shows a reader that was slow what is newest, and not what was meanwhile", async () => {
    await fleet.begin();
    const told = (generation: number): Promise<unknown> =>
      fleet.device.put("actual-state", PI, writeDocument(agentStatus({ generation })));
    await told(1);
    const interrupt = new AbortController();
    const outTaken = async (): Promise<void> => {
      if (seen().length > 1) return interrupt.abort();
      for (const generation of [2, 3, 4]) await told(generation);
    };
    let text = "";
    const seen = (): readonly string[] => text.trimEnd().split("\n");
    const onOutput = (more: string): void => void (text += more);
    await fleet.run(["status", "pi-7", "--watch", "--json"], { signal: interrupt.signal, onOutput, outTaken });
    expect(seen().map((line) => AgentStatus.parse(json(line)).generation)).toEqual([1, 4]);
  });
});

/** What `harmony plan` makes of an agent that answers this. */
const planWith = async (reply: PlanReply, argv: readonly string[] = []): Promise<Ran> => {
  await fleet.begin(null);
  const stop = fleet.device.serve(planSubject(PI), async () => writeDocument(reply));
  return fleet.run(["plan", "m.ts", "--agent", "pi-7", ...argv], { cwd: two() }).finally(stop);
};

describe("plan", () => {
  const error = {
    reason: "MissingCapability",
    message: "no",
    during: "decode",
    step: null,
    blame: "author",
    next: "Drop it.",
    retryable: false,
  } as const;
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

  test("tells what would only be told of, and what would be left", async () => {
    const { code, out } = await planWith({
      ...good,
      scores: {
        told: { would: "TELL", kind: "File", observed: null, steps: [{ do: "write", path: "/b" }] },
        left: { would: "LEAVE", kind: "File" },
      },
    });
    expect([code, out]).toEqual([
      0,
      'TELL   told (File)\n         write {"path":"/b"}\nLEAVE  left (File)\n' +
        "pi-7, from generation 3: 1 that differ and would only be told of, 1 to leave as they are, as nobody's\n",
    ]);
  });

  test("with --json writes the agent's answer", async () => {
    const { code, out } = await planWith(good, ["--json"]);
    expect(code).toBe(0);
    expect(json(out)).toEqual(good);
  });

  test("ends with 1 where a Score would fail or be refused, or the whole would be", async () => {
    const bad: PlanReply = {
      ...good,
      scores: { a: { would: "REFUSE", kind: "File", error }, b: { would: "FAIL", kind: "File", error } },
    };
    const { code, out } = await planWith(bad);
    expect(code).toBe(1);
    expect(out).toContain("REFUSE a (File)\n         MissingCapability: no\n         to do: Drop it.\n");
    const refused = await planWith({ _tag: "Refused", reason: "BadSignature", message: "unsigned" }, ["--json"]);
    expect(refused.code).toBe(1);
    expect(json(refused.out)).toEqual({ _tag: "Refused", reason: "BadSignature", message: "unsigned" });
    expect(refused.err).toContain("the agent would refuse this manifest: BadSignature: unsigned");
  });

  test("ends with 4 where the agent does not answer", async () => {
    await fleet.begin(null);
    const { code, out, err } = await fleet.run(["plan", "m.ts", "--agent", "pi-7", "--json"], { cwd: two() });
    expect({ code, told: json(out) }).toMatchObject({ code: 4, told: { _tag: "LastKnown", generation: 0 } });
    expect(err).toContain("agent pi-7 is not connected to the server");
  });
});
