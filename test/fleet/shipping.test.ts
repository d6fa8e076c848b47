import { manifest, PiTopology } from "harmony-edge";
import { beforeEach, describe, expect, test } from "vitest";
import { createFleet } from "../../src/fleet/index.ts";
import { openEnvelope } from "../../src/wire/decode.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import { writeDocument } from "../../src/wire/status.ts";
import { fleetFixture, two } from "./fleet-fixture.ts";
import { agentStatus, AT, file, PI, scoreStatus, scriptedAgent } from "./scripted-agent.ts";

let { server, clock, store, device, fleet, progress, onProgress, tags, settled } = fleetFixture();
beforeEach(() => {
  ({ server, clock, store, device, fleet, progress, onProgress, tags, settled } = fleetFixture());
});

describe("generations", () => {
  test("rise above the key's and above what the agent has told", async () => {
    scriptedAgent(device);
    await settled(fleet.apply(two, PI));
    await device.put("actual-state", PI, writeDocument(agentStatus({ generation: 4, observedGeneration: 7 })));
    expect(await settled(fleet.apply(two, PI, { wait: false }))).toMatchObject({ generation: 8 });
    expect(await settled(fleet.apply(two, PI, { wait: false }))).toMatchObject({ generation: 9 });
  });

  test("rise above what the agent had told even after the key was deleted", async () => {
    scriptedAgent(device);
    await settled(fleet.apply(two, PI));
    await device.delete("desired-state", PI);
    expect(await settled(fleet.apply(two, PI))).toMatchObject({ _tag: "Converged", generation: 2 });
  });

  test("a key that cannot be read does not stop a new manifest", async () => {
    await device.put("desired-state", PI, Buffer.from("not an envelope"));
    expect(await settled(fleet.apply(two, PI, { wait: false }))).toMatchObject({
      _tag: "Shipped",
      generation: 1,
      revision: 2,
    });
  });

  test("an agent that has a higher one than the server knew gets it again above that", async () => {
    const agent = scriptedAgent(device, { inForce: 50 });
    expect(await settled(fleet.apply(two, PI, { onProgress }))).toMatchObject({ _tag: "Converged", generation: 51 });
    expect(progress).toContainEqual({ _tag: "StaleGeneration", agentHas: 50 });
    expect(agent.accepted).toHaveLength(1);
  });

  test("it is shipped again only once", async () => {
    // An agent that always says the same, whatever it is sent.
    const refuse = async (): Promise<void> => {
      const found = await device.get("desired-state", PI);
      const observedRevision = found._tag === "Value" ? found.revision : 0;
      const conditions = [
        { type: "Accepted", status: "False", reason: "StaleGeneration", message: "older", since: AT } as const,
      ];
      await device.put(
        "actual-state",
        PI,
        writeDocument(agentStatus({ generation: 50, observedRevision, conditions })),
      );
    };
    device.onChange("desired-state", PI, () => void refuse());
    expect(await settled(fleet.apply(two, PI))).toMatchObject({
      _tag: "RefusedByAgent",
      reason: "StaleGeneration",
      generation: 51,
    });
  });

  test("a status about a bucket that is gone is not taken for an answer", async () => {
    // The store was lost and made anew; the agent still tells of a generation 1 that was another one, at revision 57.
    const scores = { a: scoreStatus("Ready"), b: scoreStatus("Ready") };
    const applying = fleet.apply(two, PI);
    await clock.advance(100);
    await device.put(
      "actual-state",
      PI,
      writeDocument(agentStatus({ generation: 1, observedGeneration: 1, observedRevision: 57, scores })),
    );
    expect(await settled(applying)).toMatchObject({ _tag: "TimedOut", generation: 1 });
  });
});

describe("writing to the key", () => {
  test("another writer's conflict is tried again above theirs", async () => {
    const other = createFleet({ store: device, clock });
    store.beforePut = async () => {
      store.beforePut = null;
      await other.apply(manifest(PiTopology, { theirs: file("/t") }), PI, { wait: false });
    };
    expect(await settled(fleet.apply(two, PI, { wait: false, onProgress }))).toEqual({
      _tag: "Shipped",
      generation: 2,
      revision: 2,
    });
    expect(tags()).toEqual(["Shipping", "Conflict", "Shipping", "Stored"]);
  });

  test("a conflict each time is given up, and told", async () => {
    const other = createFleet({ store: device, clock });
    const theirs = manifest(PiTopology, { theirs: file("/t") });
    store.beforePut = () => other.apply(theirs, PI, { wait: false });
    expect(await settled(fleet.apply(two, PI, { wait: false }))).toEqual({ _tag: "Contended", attempts: 20 });
  });

  test("a lost answer of a write that counted is not written again", async () => {
    scriptedAgent(device);
    store.fail("after", { only: ["put"] });
    expect(await settled(fleet.apply(two, PI, { onProgress }))).toMatchObject({
      _tag: "Converged",
      generation: 1,
      revision: 1,
    });
    expect(tags()).toContain("AnswerLost");
  });

  test("a write that did not count is written again", async () => {
    store.fail("before", { only: ["put"], times: 3 });
    expect(await settled(fleet.apply(two, PI, { wait: false }))).toEqual({
      _tag: "Shipped",
      generation: 1,
      revision: 1,
    });
  });

  test("a write that counts only after it was given up is found, and not doubled", async () => {
    // As time stands still, another fleet sends the same bytes.
    const twin = new MemoryStore();
    await createFleet({ store: twin, clock }).apply(two, PI, { wait: false });
    const sent = await twin.get("desired-state", PI);
    store.fail("before", { only: ["put"] });
    let attempts = 0;
    store.beforePut = async () => {
      attempts += 1;
      // The first one reaches the server while the second is on its way, at the same expected revision.
      if (attempts === 2 && sent._tag === "Value") await device.put("desired-state", PI, sent.value, { expect: 0 });
    };
    const first = fleet.apply(two, PI, { wait: false, onProgress });
    expect(await settled(first)).toEqual({ _tag: "Shipped", generation: 1, revision: 1 });
    expect(attempts).toBe(2);
    expect(tags()).toContain("Conflict");
  });

  test("a server that stays away leaves it open whether it was stored", async () => {
    store.beforePut = async () => store.fail("after", { times: Infinity });
    expect(await settled(fleet.apply(two, PI, { wait: false, timeoutMs: 10_000 }))).toMatchObject({
      _tag: "NotReached",
      stored: null,
    });
  });

  test("what the server refused is told, and not that the time ran out after it", async () => {
    store.beforePut = async () => store.fail("before", { only: ["put"], reason: "Failed" });
    expect(await settled(fleet.apply(two, PI, { wait: false, timeoutMs: 10_000 }))).toMatchObject({
      _tag: "NotReached",
      unreachable: { reason: "Failed" },
    });
  });

  test("a server that is not there is told at once, and nothing was stored", async () => {
    store.disconnect();
    const applying = fleet.apply(two, PI);
    await clock.advance(0);
    expect(await applying).toMatchObject({
      _tag: "NotReached",
      stored: false,
      unreachable: { reason: "Disconnected" },
    });
  });

  test("a write that is not allowed is told at once", async () => {
    store.fail("before", { only: ["put"], reason: "Denied" });
    const applying = fleet.apply(two, PI);
    await clock.advance(0);
    expect(await applying).toMatchObject({ _tag: "NotReached", stored: false, unreachable: { reason: "Denied" } });
  });

  test("what does not fit into a message goes as an asset", async () => {
    ({ server, device, fleet, onProgress, progress, settled } = fleetFixture({ maxPayload: 4096 }));
    const agent = scriptedAgent(device);
    const large = manifest(PiTopology, { large: file("/large", "l".repeat(10_000)) });
    expect(await settled(fleet.apply(large, PI, { onProgress }))).toMatchObject({ _tag: "Converged" });
    expect(progress).toContainEqual(expect.objectContaining({ _tag: "Stored", asAsset: true }));
    const found = await device.get("desired-state", PI);
    expect(found._tag === "Value" && openEnvelope(found.value)._tag).toBe("Asset");
    expect(agent.accepted).toHaveLength(1);
    // Every agent can read every asset; the key is in the envelope, which its own agent alone can read.
    const assets = [...server.assets.values()].map((each) => Buffer.from(each).toString("latin1"));
    expect(assets).toHaveLength(1);
    expect(assets.join()).not.toMatch(/llll|large|desired/);
    // The generation of a manifest that lies in the assets is known too.
    expect(await settled(fleet.apply(large, PI))).toMatchObject({ _tag: "Converged", generation: 2 });
  });

  test("what is larger than an agent reads is refused here", async () => {
    const scores = Object.fromEntries(
      Array.from({ length: 80 }, (_, index) => [`f${index}`, file(`/f${index}`, "l".repeat(60_000))]),
    );
    expect(await settled(fleet.apply(manifest(PiTopology, scores), PI))).toMatchObject({
      _tag: "TooLarge",
      limit: 4 * 1024 * 1024,
    });
    expect(await device.get("desired-state", PI)).toEqual({ _tag: "Absent" });
  });
});
