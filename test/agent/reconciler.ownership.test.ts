import { describe, expect, test } from "vitest";
import { KINDS } from "../../src/scores/index.ts";
import type { Policy } from "../../src/topology/policies.ts";
import { directory, file, probe } from "./support/manifests.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

const wanted = (generation: number, policy: Policy, content = "mine") => ({
  generation,
  scores: { a: file("/a", content) },
  policies: { a: policy },
});
const theirs = { type: "file", text: "theirs" } as const;
const nothing = (generation: number) => ({ generation, scores: {} });

async function withTheirs(policy: Policy): Promise<ReconcilerRig> {
  const rig = await ReconcilerRig.open();
  rig.files.put("/a", theirs);
  await rig.accept(wanted(1, policy));
  return rig;
}

describe("what stands there already", () => {
  test("is taken over and removed with the Score: adopt, the default", async () => {
    const rig = await withTheirs({ ownership: "adopt" });
    expect([rig.tree, rig.states]).toEqual([{ "/a": "mine" }, { a: "Ready" }]);
    await rig.accept(nothing(2));
    expect(rig.tree).toEqual({});
  });

  test("is an obstruction and stays, also when the Score is dropped: own", async () => {
    const rig = await withTheirs({ ownership: "own" });
    expect(rig.status("a")).toMatchObject({ state: "Failed", error: { reason: "Obstructed", blame: "device" } });
    expect(rig.status("a").error?.next).toContain("adopt");
    await rig.clock.advance(60_000);
    await rig.accept(nothing(2));
    expect(rig.tree).toEqual({ "/a": "theirs" });
  });

  test("is well if it is as declared, and still nobody's: own", async () => {
    const rig = await ReconcilerRig.open();
    rig.files.put("/a", { type: "file", text: "mine" });
    await rig.accept(wanted(1, { ownership: "own" }));
    expect(rig.states).toEqual({ a: "Ready" });
    expect([...rig.ledger.owned]).toEqual([]);
    rig.files.put("/a", theirs);
    await rig.clock.advance(1000);
    expect(rig.status("a")).toMatchObject({ state: "Failed", error: { reason: "Obstructed" } });
    await rig.accept(nothing(2));
    expect(rig.tree).toEqual({ "/a": "theirs" });
  });

  test("is the Score's own if it made it, over restarts and contents, and with it what it took over before: own", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(wanted(1, { ownership: "own" }));
    await rig.ledger.flush();
    const next = await rig.crash();
    await next.accept(wanted(1, { ownership: "own" }), "corrective");
    next.files.put("/a", theirs);
    await next.clock.advance(1000);
    expect(next.tree).toEqual({ "/a": "mine" });
    await next.accept(wanted(2, { ownership: "own" }, "new"));
    expect(next.tree).toEqual({ "/a": "new" });
    await next.accept(nothing(3));
    expect(next.tree).toEqual({});
    const adopted = await withTheirs({});
    await adopted.accept(wanted(2, { ownership: "own" }, "new"));
    expect([adopted.tree, adopted.states]).toEqual([{ "/a": "new" }, { a: "Ready" }]);
  });

  test("is left, told of, and not removed with the Score: createOnly", async () => {
    const rig = await withTheirs({ ownership: "createOnly" });
    expect(rig.status("a")).toMatchObject({ state: "Drifted", change: "intentional", wouldDo: [{ do: "write" }] });
    await rig.accept(wanted(2, { ownership: "createOnly" }, "new"));
    await rig.accept(nothing(3));
    expect(rig.tree).toEqual({ "/a": "theirs" });
  });
});

describe("what a createOnly Score made", () => {
  const policy = { ownership: "createOnly" } as const;

  test("is not changed, by drift or by a new content, is made again when it is gone, and goes with the Score", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(wanted(1, policy));
    expect([rig.tree, rig.states]).toEqual([{ "/a": "mine" }, { a: "Ready" }]);
    rig.files.put("/a", theirs);
    await rig.clock.advance(1000);
    expect(rig.states).toEqual({ a: "Drifted" });
    await rig.accept(wanted(2, policy, "new"));
    expect([rig.tree, rig.states]).toEqual([{ "/a": "theirs" }, { a: "Drifted" }]);
    rig.files.take("/a");
    await rig.clock.advance(1000);
    expect([rig.tree, rig.states]).toEqual([{ "/a": "new" }, { a: "Ready" }]);
    await rig.accept(nothing(3));
    expect(rig.tree).toEqual({});
  });

  test("is made to its end where that was cut short, by a failure or a restart", async () => {
    const rig = await ReconcilerRig.open();
    const of = { generation: 1, scores: { p: probe("p", "x", 3) }, policies: { p: policy } };
    rig.probe.fails("p/1");
    await rig.accept(of);
    expect([...rig.probe.values.keys()]).toEqual(["p/0"]);
    await rig.ledger.flush();
    const next = await rig.crash();
    next.probe.heals("p/1");
    await next.accept(of, "corrective");
    expect([...next.probe.values.keys()]).toEqual(["p/0", "p/1", "p/2"]);
    expect(next.states).toEqual({ p: "Ready" });
    next.probe.tamper("p/1", null);
    await next.clock.advance(1000);
    expect(next.states).toEqual({ p: "Drifted" });
  });
});

describe("what is only observed", () => {
  const policy = { ownership: "observe" } as const;

  test("is told as it is, is never written, owned or removed, whatever the content", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(wanted(1, policy));
    expect(rig.status("a")).toMatchObject({ state: "Drifted", wouldDo: [{ do: "write", replaces: null }] });
    rig.files.put("/a", theirs);
    await rig.clock.advance(1000);
    expect(rig.status("a").wouldDo).toMatchObject([{ do: "write", replaces: expect.any(String) }]);
    await rig.accept(wanted(2, policy, "theirs"));
    expect(rig.states).toEqual({ a: "Ready" });
    await rig.accept(nothing(3));
    expect([rig.tree, rig.files.writes, [...rig.ledger.owned]]).toEqual([{ "/a": "theirs" }, 0, []]);
  });

  test("stays also if the Score had made it before", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(wanted(1, {}));
    await rig.accept(wanted(2, policy));
    await rig.accept(nothing(3));
    expect([rig.tree, rig.states, [...rig.ledger.owned]]).toEqual([{ "/a": "mine" }, {}, []]);
  });
});

describe("what is dropped by a Score that is to be an orphan", () => {
  const orphan = { removal: "orphan" } as const;

  test("stays and is nobody's any more", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(wanted(1, orphan));
    await rig.accept(nothing(2));
    expect([rig.tree, rig.states, [...rig.ledger.owned]]).toEqual([{ "/a": "mine" }, {}, []]);
    expect([...rig.ledger.statuses]).toEqual([]);
    expect(rig.logged.map(({ message }) => message)).toContainEqual(expect.stringContaining("stays, and is nobody's"));
  });

  test("goes by the policy that was accepted last, though nothing else changed, and over a restart", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(wanted(1, {}));
    const { writes } = rig.files;
    await rig.accept(wanted(2, orphan));
    expect([rig.files.writes, rig.status("a").outcome]).toEqual([writes, "NOOP"]);
    await rig.ledger.flush();
    const next = await rig.crash();
    await next.accept(nothing(3));
    expect(next.tree).toEqual({ "/a": "mine" });
    const back = await ReconcilerRig.open();
    await back.accept(wanted(1, orphan));
    await back.accept(wanted(2, {}));
    await back.accept(nothing(3));
    expect(back.tree).toEqual({});
  });

  test("goes by it also where the Score was never looked at since, because it waits or fails", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(wanted(1, {}));
    rig.probe.fails("b/0");
    const both = { ...wanted(2, orphan), scores: { a: file("/a", "mine"), b: probe("b") }, after: { a: ["b"] } };
    await rig.accept(both);
    expect(rig.states).toEqual({ a: "Blocked", b: "Failed" });
    await rig.accept(nothing(3));
    expect(rig.tree).toEqual({ "/a": "mine" });
  });

  test("stays where a build without the policy's kind drops it, and where it stands in the way of another kind", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept(wanted(1, orphan));
    await rig.accept({ generation: 2, scores: { a: directory("/a") } });
    expect(rig.status("a")).toMatchObject({ state: "Failed", error: { reason: "Obstructed" } });
    expect(rig.tree).toEqual({ "/a": "mine" });
    const of = { generation: 1, scores: { p: probe("p") }, policies: { p: orphan } };
    const older = await ReconcilerRig.open();
    await older.accept(of);
    await older.ledger.flush();
    const next = await older.crash({ kinds: KINDS.filter(() => false) });
    await next.accept(nothing(2));
    expect(next.states).toEqual({});
    expect(next.probe.values.get("p/0")).toBe("x");
  });
});
