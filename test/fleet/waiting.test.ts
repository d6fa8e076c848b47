import { beforeEach, describe, expect, test } from "vitest";
import { createFleet } from "../../src/fleet/index.ts";
import { writeDocument } from "../../src/wire/status.ts";
import { fleetFixture, two } from "./fleet-fixture.ts";
import { agentStatus, heartbeat, PI, scoreStatus, scriptedAgent } from "./scripted-agent.ts";

let { clock, server, store, device, fleet, onProgress, tags, settled } = fleetFixture();
beforeEach(() => {
  ({ clock, server, store, device, fleet, onProgress, tags, settled } = fleetFixture());
});

describe("waiting", () => {
  test("ends at the deadline with what is missing; an agent that was never seen is told as such", async () => {
    const result = await settled(fleet.apply(two, PI, { timeoutMs: 20_000 }));
    expect(result).toMatchObject({
      _tag: "TimedOut",
      liveness: { freshness: "never" },
      status: null,
      missing: [{ scoreId: null }],
    });
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(20_000);
    expect(clock.monotonicMs()).toBeLessThan(21_000);
  });

  test("an agent whose heartbeats come, whatever its clock says, is alive", async () => {
    let sequence = 0;
    const beat = async (): Promise<void> => {
      await device.put("heartbeat", PI, writeDocument(heartbeat((sequence += 1), new Date("1970-01-02T00:00:00Z"))));
      if (sequence < 6) clock.after(10_000, () => void beat());
    };
    await beat();
    expect(await settled(fleet.apply(two, PI))).toMatchObject({ _tag: "TimedOut", liveness: { freshness: "fresh" } });
  });

  test("an agent whose heartbeats stopped is silent", async () => {
    await device.put("heartbeat", PI, writeDocument(heartbeat(1, clock.now())));
    const result = await settled(fleet.apply(two, PI));
    expect(result).toMatchObject({ _tag: "TimedOut", liveness: { freshness: "stale" } });
  });

  test("without hints, what was told is found all the same", async () => {
    const applying = fleet.apply(two, PI);
    await clock.advance(100);
    server.watchers.clear();
    const scores = { a: scoreStatus("Ready"), b: scoreStatus("Ready") };
    await device.put(
      "actual-state",
      PI,
      writeDocument(agentStatus({ generation: 1, observedGeneration: 1, observedRevision: 1, scores })),
    );
    expect(await settled(applying)).toMatchObject({ _tag: "Converged" });
  });

  test("goes on over an outage", async () => {
    const applying = fleet.apply(two, PI, { onProgress });
    await clock.advance(100);
    store.disconnect();
    await clock.advance(10_000);
    expect(tags()).toContain("Blind");
    scriptedAgent(device);
    await device.put(
      "actual-state",
      PI,
      writeDocument(
        agentStatus({
          generation: 1,
          observedGeneration: 1,
          observedRevision: 1,
          scores: { a: scoreStatus("Ready"), b: scoreStatus("Ready") },
        }),
      ),
    );
    store.reconnect();
    expect(await settled(applying)).toMatchObject({ _tag: "Converged" });
  });

  test("a server that stays away to the end is told, with what was known", async () => {
    const applying = fleet.apply(two, PI);
    await clock.advance(100);
    store.disconnect();
    expect(await settled(applying)).toMatchObject({
      _tag: "LostSight",
      generation: 1,
      unreachable: { reason: "Disconnected" },
    });
  });

  test("can be called off, before and after it was shipped", async () => {
    const early = new AbortController();
    early.abort();
    expect(await settled(fleet.apply(two, PI, { signal: early.signal }))).toEqual({ _tag: "Cancelled", shipped: null });
    const between = new AbortController();
    store.beforeGet = async (bucket) => void (bucket === "desired-state" && between.abort());
    expect(await settled(fleet.apply(two, PI, { signal: between.signal }))).toEqual({
      _tag: "Cancelled",
      shipped: null,
    });
    store.beforeGet = null;
    const late = new AbortController();
    const applying = fleet.apply(two, PI, { signal: late.signal });
    await clock.advance(1000);
    late.abort();
    expect(await settled(applying)).toEqual({ _tag: "Cancelled", shipped: { generation: 1, revision: 1 } });
  });

  test("what the agent tells, and what somebody else ships, is heard of at once", async () => {
    const applying = fleet.apply(two, PI);
    await clock.advance(0);
    scriptedAgent(device, { tells: () => [] });
    await device.put(
      "actual-state",
      PI,
      writeDocument(
        agentStatus({
          generation: 1,
          observedGeneration: 1,
          observedRevision: 1,
          scores: { a: scoreStatus("Ready"), b: scoreStatus("Ready") },
        }),
      ),
    );
    await clock.advance(0);
    expect(await applying).toMatchObject({ _tag: "Converged" });
    const overtaken = fleet.apply(two, PI);
    await clock.advance(0);
    await createFleet({ store: device, clock }).apply(two, PI, { wait: false });
    await clock.advance(0);
    expect(await overtaken).toMatchObject({ _tag: "Superseded", by: 3 });
    expect(clock.monotonicMs()).toBe(0);
  });

  test("an agent's status that cannot be read is told", async () => {
    await device.put("actual-state", PI, Buffer.from("{}"));
    const result = await settled(fleet.apply(two, PI));
    expect(result._tag === "TimedOut" && result.missing[0]?.sentence).toMatch(/cannot be read/);
  });
});
