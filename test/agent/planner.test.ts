import { describe, expect, test } from "vitest";
import { AgentRig, device } from "./support/agent-rig.ts";
import { AGENT, directory, file, probe, unknownKind } from "./support/manifests.ts";

describe("a plan", () => {
  test("tells what would change, be removed, fail and be refused, and writes nothing", async () => {
    const on = device();
    // Without hints, the agent does not know yet that something is lost.
    on.files.watch = () => () => {};
    const rig = await AgentRig.start({ on });
    const owned = {
      same: file("/same"),
      old: file("/old"),
      moved: file("/before", "text"),
      kept: file("/kept"),
      lost: file("/lost"),
    };
    await rig.send({ generation: 1, scores: owned });
    await rig.status();
    rig.device.files.take("/lost");
    rig.device.files.put("/dir", { type: "directory" });
    const tree = rig.device.files.tree();
    const before = [rig.statusWrites, rig.device.disk.writes.length, rig.device.files.writes];
    const reply = await rig.plan({
      generation: 99,
      scores: {
        same: file("/same"),
        new: file("/new"),
        wrong: file("/dir"),
        odd: unknownKind(),
        moved: file("/after", "text"),
        kept: unknownKind(),
      },
    });
    expect(reply).toMatchObject({
      _tag: "Plan",
      agentId: AGENT,
      generation: 1,
      scores: {
        same: { would: "NOOP", kind: "File", observed: { state: "present" } },
        new: { would: "CHANGE", steps: [{ do: "write", path: "/new" }] },
        wrong: { would: "FAIL", error: { reason: "Obstructed" } },
        odd: { would: "REFUSE", error: { reason: "UnknownKind" } },
        old: { would: "RETIRE", steps: [{ do: "remove", path: "/old" }] },
        moved: { would: "CHANGE", steps: [{ path: "/after" }] },
        kept: { would: "REFUSE" },
        lost: { would: "RETIRE", steps: [] },
        "moved~path:/before": { would: "RETIRE", steps: [{ do: "remove", path: "/before" }] },
      },
    });
    expect(typeof reply === "string" || reply._tag === "Refused" ? reply : Object.keys(reply.scores)).toHaveLength(9);
    await rig.clock.advance(60_000);
    expect([rig.statusWrites, rig.device.disk.writes.length, rig.device.files.writes]).toEqual(before);
    expect(rig.device.files.tree()).toEqual(tree);
    expect(await rig.status()).toMatchObject({ generation: 1 });
  });

  test("tells what policies make of it: what is only told of, what is not its own, and what would be left", async () => {
    const rig = await AgentRig.start();
    const orphan = { removal: "orphan" } as const;
    const scores = { left: file("/left"), report: file("/report", "1"), seed: file("/seed", "1") };
    const policies = { left: orphan, report: { drift: "report" }, seed: { ownership: "createOnly" } } as const;
    await rig.send({ generation: 1, scores, policies });
    rig.device.files.put("/report", { type: "file", text: "theirs" });
    rig.device.files.put("/there", { type: "file", text: "theirs" });
    const asked = {
      report: file("/report", "1"),
      seed: file("/seed", "2"),
      own: file("/there", "mine"),
      seen: file("/there/not"),
    };
    const reply = await rig.plan({
      generation: 2,
      scores: asked,
      policies: { ...policies, own: { ownership: "own" }, seen: { ownership: "observe" } },
    });
    expect(reply).toMatchObject({
      scores: {
        report: { would: "TELL", steps: [{ do: "write" }] },
        seed: { would: "TELL", steps: [{ do: "write" }] },
        own: { would: "FAIL", error: { reason: "Obstructed" } },
        left: { would: "LEAVE", kind: "File" },
      },
    });
    const changed = await rig.plan({ generation: 2, scores: { report: file("/report", "2") }, policies });
    expect(changed).toMatchObject({ scores: { report: { would: "CHANGE" } } });
    await rig.send({ generation: 2, scores: asked, policies: { ...policies, own: { ownership: "own" } } });
    expect(rig.tree).toMatchObject({ "/left": "", "/report": "theirs", "/seed": "1", "/there": "theirs" });
  });

  test("of a manifest that would be refused says so", async () => {
    const rig = await AgentRig.start();
    expect(await rig.plan(Buffer.from("{"))).toMatchObject({ _tag: "Refused", reason: "Malformed" });
    expect(await rig.plan({ generation: 1, scores: {}, agentId: "pi-8" })).toMatchObject({
      _tag: "Refused",
      reason: "WrongAgent",
    });
    const missing = Buffer.from(JSON.stringify({ wire: 1, payloadSha256: "0".repeat(64), signatures: [] }));
    expect(await rig.plan(missing)).toMatchObject({ _tag: "Refused", reason: "MissingPayload" });
    rig.store.fail("before", { only: ["getAsset"] });
    expect(await rig.plan(missing)).toMatchObject({ _tag: "Refused", reason: "MissingPayload" });
  });

  test("is what a later apply does", async () => {
    const rig = await AgentRig.start();
    const wanted = {
      generation: 1,
      scores: { a: file("/x/a", "1", { parents: true }), b: directory("/x"), p: probe("p", "v", 2) },
      after: { a: ["b"] },
    };
    const reply = await rig.plan(wanted);
    if (typeof reply === "string" || reply._tag !== "Plan") throw new Error("no plan");
    expect(reply.scores).toMatchObject({
      a: { would: "CHANGE" },
      b: { would: "CHANGE" },
      p: { would: "CHANGE", steps: [{}, {}] },
    });
    await rig.send(wanted);
    const after = await rig.plan({ ...wanted, generation: 2 });
    expect(after).toMatchObject({ scores: { a: { would: "NOOP" }, b: { would: "NOOP" }, p: { would: "NOOP" } } });
  });
});
