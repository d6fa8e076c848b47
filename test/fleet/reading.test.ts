import { FileScore, K8sDeploymentScore, manifest, PiTopology } from "harmony-edge";
import { beforeEach, describe, expect, test } from "vitest";
import { type AgentView, createFleet, type Fleet, STALE_MS } from "../../src/fleet/index.ts";
import { LivenessJudge } from "../../src/fleet/liveness.ts";
import { FakeClock, settle } from "../../src/testing/fake-clock.ts";
import { decodePayload, openEnvelope } from "../../src/wire/decode.ts";
import { planSubject } from "../../src/wire/keys.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import { type PlanReply, writeDocument } from "../../src/wire/status.ts";
import type { Unreachable } from "../../src/wire/store.ts";
import { agentStatus, Everything, file, heartbeat, PI, scoreStatus } from "./scripted-agent.ts";

let clock: FakeClock;
let server: MemoryServer;
let store: MemoryStore;
let device: MemoryStore;
let fleet: Fleet;

beforeEach(() => {
  clock = new FakeClock();
  server = new MemoryServer();
  store = new MemoryStore(server);
  device = new MemoryStore(server);
  fleet = createFleet({ store, clock });
});

const beat = (sequence: number, at = clock.now()) =>
  device.put("heartbeat", PI, writeDocument(heartbeat(sequence, at)));

describe("liveness is judged by the reader's own clock", () => {
  test("never seen, fresh, then stale, then fresh again with the next heartbeat", async () => {
    const judge = new LivenessJudge(clock);
    expect(judge.judge(null)).toEqual({ freshness: "never", silentMs: null });
    const first = heartbeat(1, clock.now());
    expect(judge.judge(first)).toEqual({ freshness: "fresh", silentMs: 0 });
    await clock.advance(STALE_MS + 1);
    expect(judge.judge(first)).toEqual({ freshness: "stale", silentMs: STALE_MS + 1 });
    expect(judge.judge(heartbeat(2, clock.now())).freshness).toBe("fresh");
  });

  test.each(["1970-01-01T00:05:00.000Z", "2031-01-01T00:00:00.000Z"])(
    "a device whose clock says %s is silent until its next heartbeat",
    (at) => {
      const judge = new LivenessJudge(clock);
      expect(judge.judge(heartbeat(1, new Date(at))).freshness).toBe("stale");
      expect(judge.judge(heartbeat(1, new Date(at))).freshness).toBe("stale");
      expect(judge.judge(heartbeat(2, new Date(at))).freshness).toBe("fresh");
    },
  );

  test("a restart of the agent is a new heartbeat, though its counter begins anew", async () => {
    const judge = new LivenessJudge(clock);
    judge.judge(heartbeat(9, clock.now()));
    await clock.advance(STALE_MS + 1);
    expect(judge.judge({ ...heartbeat(1, new Date(0)), epoch: 2 }).freshness).toBe("fresh");
  });

  test("a reader whose wall clock jumps is not fooled", async () => {
    const judge = new LivenessJudge(clock);
    judge.judge(heartbeat(1, clock.now()));
    clock.setWallTime(new Date("2030-01-01T00:00:00Z"));
    expect(judge.judge(heartbeat(1, new Date("2026-01-01T00:00:00Z"))).freshness).toBe("fresh");
  });
});

describe("status", () => {
  test("gives the document as stored, with what a newer agent may have added", async () => {
    const stored = { ...agentStatus({ generation: 2 }), added: { later: true } };
    await device.put("actual-state", PI, Buffer.from(JSON.stringify(stored)));
    await beat(1);
    const view = await fleet.status(PI);
    expect(view).toMatchObject({ _tag: "View", status: { _tag: "Known", stored }, liveness: { freshness: "fresh" } });
  });

  test("of an agent that nobody knows, and of one whose status cannot be read", async () => {
    expect(await fleet.status(PI)).toMatchObject({
      status: { _tag: "None" },
      heartbeat: null,
      liveness: { freshness: "never" },
    });
    await device.put("actual-state", PI, Buffer.from('{"agentId": "pi-7"}'));
    expect(await fleet.status(PI)).toMatchObject({
      status: { _tag: "Unreadable", message: expect.stringContaining("generation") },
    });
  });

  test("of all: everybody who has a key in any bucket, by id", async () => {
    await device.put("actual-state", "pi-9", writeDocument({ ...agentStatus({}), agentId: PI }));
    await device.put("heartbeat", "pi-8", writeDocument(heartbeat(1, clock.now())));
    await fleet.apply(manifest(PiTopology, {}), PI, { wait: false });
    await device.put("actual-state", "Not_an_agent", Buffer.from("{}"));
    const views = await fleet.statusOfAll();
    expect("_tag" in views ? views : views.map(({ agentId, liveness }) => [agentId, liveness.freshness])).toEqual([
      ["pi-7", "never"],
      ["pi-8", "fresh"],
      ["pi-9", "never"],
    ]);
  });

  test("of all, on a server that has no buckets yet, is nobody; on one that is not there it is no answer", async () => {
    const empty = createFleet({ store: new MemoryStore(new MemoryServer({ buckets: false })), clock });
    expect(await empty.statusOfAll()).toEqual([]);
    store.disconnect();
    expect(await fleet.statusOfAll()).toMatchObject({ _tag: "Unreachable" });
  });
});

test("desired tells the manifest in the key; deleted, unreadable and never written are told apart from it", async () => {
  expect(await fleet.desired(PI)).toEqual({ _tag: "None", revision: 0 });
  await fleet.apply(manifest(PiTopology, { a: file("/a") }), PI, { wait: false });
  expect(await fleet.desired(PI)).toEqual({
    _tag: "Desired",
    generation: 1,
    revision: 1,
    issuedAt: clock.now().toISOString(),
    scoreIds: ["a"],
  });
  await device.put("desired-state", PI, Buffer.from('{"wire":1,"payload":"{}","signatures":[]}'));
  expect(await fleet.desired(PI)).toMatchObject({ _tag: "Unreadable", revision: 2 });
  await device.put("desired-state", PI, Buffer.from(`{"wire":1,"payloadSha256":"${"0".repeat(64)}","signatures":[]}`));
  expect(await fleet.desired(PI)).toMatchObject({ _tag: "Unreadable", message: expect.stringContaining("Absent") });
  await device.delete("desired-state", PI);
  expect(await fleet.desired(PI)).toEqual({ _tag: "None", revision: 4 });
});

function collect(whom: Parameters<Fleet["watch"]>[0], signal: AbortSignal): (AgentView | Unreachable)[] {
  const events: (AgentView | Unreachable)[] = [];
  void (async () => {
    for await (const event of fleet.watch(whom, { signal })) events.push(event);
    events.push({ _tag: "Unreachable", reason: "Failed", message: "the watch is over" });
  })();
  return events;
}
const told = (events: readonly (AgentView | Unreachable)[]): unknown[] =>
  events.map((event) =>
    event._tag === "View" ? [event.agentId, event.status._tag, event.liveness.freshness] : event.message,
  );

describe("watch", () => {
  test("tells at once, at each change of status, and when the heartbeats stop and come again", async () => {
    await beat(1);
    const ending = new AbortController();
    const events = collect(PI, ending.signal);
    await clock.advance(1);
    await device.put("actual-state", PI, writeDocument(agentStatus({ scores: { a: scoreStatus("Ready") } })));
    await clock.advance(60_000);
    await beat(2);
    await clock.advance(10_000);
    ending.abort();
    await settle();
    expect(told(events)).toEqual([
      ["pi-7", "None", "fresh"],
      ["pi-7", "Known", "fresh"],
      ["pi-7", "Known", "stale"],
      ["pi-7", "Known", "fresh"],
      "the watch is over",
    ]);
    expect(clock.timers).toBe(0);
    expect(server.watchers.size).toBe(0);
  });

  test("of all tells of agents that come later, and of one agent's change without reading the others", async () => {
    const ending = new AbortController();
    const events = collect("all", ending.signal);
    await clock.advance(1);
    await device.put("actual-state", "pi-1", writeDocument(agentStatus({})));
    await device.put("actual-state", "pi-2", writeDocument(agentStatus({})));
    await clock.advance(1);
    await device.put("actual-state", "pi-2", writeDocument(agentStatus({ generation: 2 })));
    await clock.advance(1);
    await device.put("heartbeat", "pi-3", writeDocument(heartbeat(1, clock.now())));
    await clock.advance(10_000);
    ending.abort();
    await settle();
    expect(told(events)).toEqual([
      ["pi-1", "Known", "never"],
      ["pi-2", "Known", "never"],
      ["pi-2", "Known", "never"],
      ["pi-3", "None", "fresh"],
      "the watch is over",
    ]);
  });

  test("an outage is told once, and what changed meanwhile after it", async () => {
    await device.put("actual-state", PI, writeDocument(agentStatus({})));
    const ending = new AbortController();
    const events = collect("all", ending.signal);
    await clock.advance(1);
    store.disconnect();
    await clock.advance(30_000);
    await device.put("actual-state", PI, writeDocument(agentStatus({ generation: 2 })));
    store.reconnect();
    await clock.advance(1);
    ending.abort();
    await settle();
    expect(told(events)).toEqual([
      ["pi-7", "Known", "never"],
      "this store was cut off",
      ["pi-7", "Known", "never"],
      "the watch is over",
    ]);
  });
});

describe("plan", () => {
  const wanted = manifest(PiTopology, { a: file("/a") });
  const reply: PlanReply = {
    _tag: "Plan",
    agentId: PI,
    generation: 4,
    scores: { a: { would: "NOOP", kind: "File", observed: null } },
  };

  test("asks the agent with an envelope that is of no use to whoever would ship it instead, and ships nothing", async () => {
    await fleet.apply(wanted, PI, { wait: false });
    let asked: Uint8Array = new Uint8Array();
    device.serve(planSubject(PI), async (request) => {
      asked = request;
      return writeDocument(reply);
    });
    expect(await fleet.plan(wanted, PI)).toEqual({ _tag: "Answered", reply });
    const opened = openEnvelope(asked);
    const gate = { agentId: PI, kinds: [FileScore], topology: PiTopology, trustedKeys: new Map() };
    const decoded = opened._tag === "Inline" ? decodePayload(opened.payload, opened.signatures, gate, null) : null;
    expect(decoded).toMatchObject({ _tag: "Decoded", manifest: { generation: 1 } });
    expect(await fleet.desired(PI)).toMatchObject({ generation: 1 });
  });

  test("an agent that is not there, one that is too slow, and one that answers nonsense", async () => {
    expect(await fleet.plan(wanted, PI)).toEqual({
      _tag: "NoAnswer",
      message: "agent pi-7 is not connected to the server",
    });
    const stopServing = device.serve(planSubject(PI), () => new Promise<Uint8Array>(() => {}));
    expect(await fleet.plan(wanted, PI, { timeoutMs: 20 })).toMatchObject({ _tag: "NoAnswer" });
    stopServing();
    device.serve(planSubject(PI), async () => Buffer.from("{}"));
    expect(await fleet.plan(wanted, PI)).toMatchObject({ _tag: "Unreadable" });
  });

  test("a server that is not there is told apart from an agent that is not", async () => {
    store.disconnect();
    expect(await fleet.plan(wanted, PI)).toMatchObject({ _tag: "Unreachable", reason: "Disconnected" });
    const empty = createFleet({ store: new MemoryStore(new MemoryServer({ buckets: false })), clock });
    expect(await empty.plan(wanted, PI)).toMatchObject({ _tag: "NoAnswer" });
  });

  test("what the manifest's own topology lacks is not asked for", async () => {
    const cluster = {
      ...manifest(Everything, { web: new K8sDeploymentScore({ name: "web", image: "nginx:1" }) }),
      topology: PiTopology,
    };
    expect(await fleet.plan(cluster, PI)).toMatchObject({
      _tag: "Lacking",
      objections: [{ sentence: "K8sDeploymentScore requires K8sClient, which PiTopology lacks" }],
    });
  });
});
