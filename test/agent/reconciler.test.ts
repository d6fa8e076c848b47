import { describe, expect, test } from "vitest";
import { KINDS } from "../../src/scores/index.ts";
import { settle } from "../../src/testing/fake-clock.ts";
import { directory, file, probe, unknownKind } from "./support/manifests.ts";
import type { ScoreError } from "../../src/wire/status.ts";
import { type FakeProbe, TEST_KINDS } from "./support/probe.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

describe("order", () => {
  test("each Score comes after those it names, whatever the order in the manifest", async () => {
    const rig = await ReconcilerRig.open();
    const scores = { d: probe("d"), c: probe("c"), b: probe("b"), a: probe("a") };
    await rig.accept({ generation: 1, scores, after: { d: ["c"], c: ["a", "b"], b: ["a"] } });
    expect(rig.probe.did).toEqual(["set a/0=x", "set b/0=x", "set c/0=x", "set d/0=x"]);
    expect(new Set(Object.values(rig.states))).toEqual(new Set(["Ready"]));
  });

  test("what comes after a failed Score is Blocked on it, is not touched, and goes on as soon as that is Ready", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.fails("a/0");
    await rig.accept({ generation: 1, scores: { a: probe("a"), b: probe("b"), c: probe("c"), z: probe("z") }, after: { b: ["a"], c: ["b"] } });
    expect(rig.states).toEqual({ a: "Failed", b: "Blocked", c: "Blocked", z: "Ready" });
    expect(rig.status("b").blockedOn).toEqual(["a"]);
    expect(rig.status("c").blockedOn).toEqual(["b"]);
    expect(rig.reconciler.observedGeneration).toBe(1);

    rig.probe.heals("a/0");
    await rig.clock.advance(1000);
    expect(rig.states).toEqual({ a: "Ready", b: "Ready", c: "Ready", z: "Ready" });
    expect(rig.probe.did.slice(-3)).toEqual(["set a/0=x", "set b/0=x", "set c/0=x"]);
    expect(rig.status("c")).toMatchObject({ change: "intentional", outcome: "SUCCESS", blockedOn: [] });
  });

  test("what comes after a refused Score is Blocked, and what has nothing to do with it goes on", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: unknownKind(), b: probe("b"), c: probe("c") }, after: { b: ["a"] } });
    expect(rig.states).toEqual({ a: "Refused", b: "Blocked", c: "Ready" });
    expect(rig.status("a").error).toMatchObject({ reason: "UnknownKind", during: "decode", blame: "author", retryable: false });
    await rig.accept({ generation: 2, scores: { a: probe("a"), b: probe("b"), c: probe("c") }, after: { b: ["a"] } });
    expect(rig.states).toEqual({ a: "Ready", b: "Ready", c: "Ready" });
  });

  test("a Score that becomes due again keeps what comes after it waiting only if it is not Ready", async () => {
    const rig = await ReconcilerRig.open();
    const scores = { a: probe("a"), b: probe("b") };
    await rig.accept({ generation: 1, scores, after: { b: ["a"] } });
    rig.probe.fails("a/0");
    rig.probe.tamper("a/0", "wrong");
    rig.probe.tamper("b/0", "wrong");
    await rig.clock.advance(500);
    expect(rig.states).toEqual({ a: "Failed", b: "Blocked" });
    rig.probe.heals("a/0");
    await rig.clock.advance(5000);
    expect(rig.states).toEqual({ a: "Ready", b: "Ready" });
    expect(rig.status("b")).toMatchObject({ change: "corrective", outcome: "SUCCESS" });
  });
});

describe("failure", () => {
  test("is tried again after 1 s, 2 s, 4 s, told with the first cause, and forgotten when it is Ready", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.fails("a/0", "Unavailable");
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    const since = rig.clock.now().toISOString();
    expect(rig.status("a")).toMatchObject({ state: "Failed", outcome: "FAILURE", attempts: 1, since });
    rig.probe.throws("a/0");
    for (const [pause, attempts] of [[1000, 2], [2000, 3], [4000, 4]] as const) {
      expect(rig.status("a").retryAfter).toBe(new Date(rig.clock.now().getTime() + pause).toISOString());
      await rig.clock.advance(pause - 1);
      expect(rig.status("a").attempts).toBe(attempts - 1);
      await rig.clock.advance(1);
      expect(rig.status("a")).toMatchObject({ attempts, since, error: { reason: "PortFailed", step: { part: "a/0" } } });
    }
    rig.probe.heals("a/0");
    await rig.clock.advance(8000);
    expect(rig.status("a")).toMatchObject({ state: "Ready", outcome: "SUCCESS", change: "intentional", attempts: 0, error: null, retryAfter: null });
  });

  test("starts its pauses anew when the content changes, but not when only the generation does", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.fails("a/0");
    await rig.accept({ generation: 1, scores: { a: probe("a", "bad") } });
    await rig.clock.advance(3000);
    expect(rig.status("a").attempts).toBe(3);
    await rig.accept({ generation: 2, scores: { a: probe("a", "bad") } });
    expect(rig.status("a")).toMatchObject({ attempts: 4, generation: 2 });
    await rig.accept({ generation: 3, scores: { a: probe("a", "other") } });
    expect(rig.status("a")).toMatchObject({ attempts: 1, generation: 3 });
    expect(rig.clock.nextInMs).toBe(1000);
  });

  const troubles: readonly (readonly [string, ScoreError["reason"], (probe: FakeProbe) => void])[] = [
    ["lies", "DidNotConverge", (port) => port.lies("a/0")],
    ["throws", "Bug", (port) => port.throws("a/0")],
    ["fails", "PortFailed", (port) => port.fails("a/0")],
    ["hangs", "TimedOut", (port) => void port.hangs("a/0")],
    ["does not answer a look", "TimedOut", (port) => void port.blinds("a/0")],
  ];
  test.each(troubles)("of a port that %s is told as %s, and the others go on", async (_, reason, trouble) => {
    const rig = await ReconcilerRig.open();
    trouble(rig.probe);
    await rig.accept({ generation: 1, scores: { a: probe("a"), b: probe("b") } });
    await rig.clock.advance(reason === "TimedOut" ? 30_000 : 0);
    expect(rig.states).toEqual({ a: "Failed", b: "Ready" });
    expect(rig.status("a").error?.reason).toBe(reason);
  });

  test("by something in the way ends as soon as that is gone, without waiting for the next try", async () => {
    const rig = await ReconcilerRig.open();
    rig.files.put("/a", { type: "link", target: "/etc/passwd" });
    await rig.accept({ generation: 1, scores: { a: file("/a", "mine") } });
    expect(rig.status("a")).toMatchObject({ state: "Failed", error: { reason: "Obstructed", blame: "device" } });
    await rig.clock.advance(100);
    rig.files.take("/a");
    await rig.clock.advance(0);
    expect(rig.states).toEqual({ a: "Ready" });
    expect(rig.tree).toEqual({ "/a": "mine" });
  });

  test("to keep the ledger keeps the effects from being taken, and is made good", async () => {
    const rig = await ReconcilerRig.open();
    rig.disk.fail("NoSpace");
    await rig.accept({ generation: 1, scores: { a: probe("a"), b: file("/b") } });
    expect(rig.probe.did).toEqual([]);
    expect(rig.tree).toEqual({});
    expect(rig.status("a")).toMatchObject({ state: "Failed", error: { reason: "PortFailed", message: expect.stringContaining("NoSpace") } });
    rig.disk.heal();
    await rig.clock.advance(1000);
    expect(rig.states).toEqual({ a: "Ready", b: "Ready" });
  });

  test("of the agent's own is told and does not run hot, and the Scores go on", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a"), b: file("/b", "1") } });
    await rig.ledger.flush();
    // An adapter was forgotten, which no Score can know.
    const next = await rig.crash({ ports: ({ FileSystemHost }) => ({ FileSystemHost }) });
    await next.accept({ generation: 2, scores: { b: file("/b", "2") } });
    await next.clock.advance(9500);
    expect(next.logged.filter(({ message }) => message.startsWith("a bug"))).toHaveLength(10);
    expect(next.states).toEqual({ a: "Retiring", b: "Ready" });
    await next.accept({ generation: 3, scores: { a: probe("a"), b: file("/b", "3") } });
    await next.clock.advance(5000);
    expect(next.tree).toEqual({ "/b": "3" });
  });

  test("to watch is told and costs no more than that: the pass finds drift later", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.watch = () => {
      throw new Error("no more watches");
    };
    await rig.accept({ generation: 1, scores: { a: probe("a"), b: probe("b") } });
    expect(rig.states).toEqual({ a: "Ready", b: "Ready" });
    expect(rig.logged.filter(({ message }) => message.startsWith("drift of a Score"))).toHaveLength(2);
  });
});

describe("drift", () => {
  test("is repaired as corrective when a hint tells of it", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: file("/a", "mine"), b: file("/b", "mine") } });
    const before = rig.status("a");
    expect(before).toMatchObject({ outcome: "SUCCESS", change: "intentional" });
    await rig.clock.advance(60_000);
    rig.files.put("/a", { type: "file", text: "theirs" });
    await rig.clock.advance(0);
    expect(rig.tree["/a"]).toBe("mine");
    expect(rig.status("a")).toMatchObject({ state: "Ready", outcome: "SUCCESS", change: "corrective", since: rig.clock.now().toISOString() });
    expect(rig.status("b")).toMatchObject({ change: "intentional" });
  });

  test("that no hint told of is found by the pass", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    rig.probe.values.set("a/0", "theirs");
    await rig.clock.advance(60_000);
    expect(rig.probe.values.get("a/0")).toBe("theirs");
    rig.reconciler.lookAtAll();
    await settle();
    expect(rig.probe.values.get("a/0")).toBe("x");
    expect(rig.status("a")).toMatchObject({ outcome: "SUCCESS", change: "corrective" });
  });

  test("told of by a storm of hints costs one look, and no timer for each", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    await rig.clock.advance(1000);
    const { reads } = rig.probe;
    for (let storm = 0; storm < 1000; storm += 1) rig.probe.hint("a");
    await rig.clock.advance(0);
    for (let storm = 0; storm < 1000; storm += 1) rig.probe.hint("a");
    expect(rig.clock.timers).toBe(1);
    await rig.clock.advance(1000);
    expect(rig.probe.reads - reads).toBe(2);
    expect(rig.clock.timers).toBe(0);
  });

  test("of a Score that the manifest no longer has is nobody's business", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    rig.probe.hint("a");
    await rig.accept({ generation: 2, scores: {} });
    await rig.clock.advance(1000);
    expect(rig.probe.watched).toEqual([]);
    expect(rig.clock.timers).toBe(0);
    expect(rig.probe.did).toEqual(["set a/0=x", "remove a/0"]);
  });

  test("a pass that finds all well changes no status, writes nothing and tells nothing but that it is over", async () => {
    const rig = await ReconcilerRig.open();
    const scores = { a: probe("a"), b: file("/b", "b"), c: directory("/c"), r: unknownKind() };
    await rig.accept({ generation: 1, scores, after: { b: ["a"] } });
    await rig.ledger.flush();
    const before = [rig.reconciler.statuses(), rig.reconciler.changes, rig.disk.writes.length, rig.files.writes, rig.probe.did.length] as const;
    for (let pass = 0; pass < 20; pass += 1) {
      rig.reconciler.lookAtAll();
      await rig.clock.advance(1000);
      await rig.ledger.flush();
    }
    const after = [rig.reconciler.statuses(), rig.reconciler.changes, rig.disk.writes.length, rig.files.writes, rig.probe.did.length] as const;
    expect(after).toEqual(before);
    for (const [id, status] of Object.entries(before[0])) expect(after[0][id]).toBe(status);
  });
});

describe("what is dropped", () => {
  test("is removed in reverse order, a directory after what is in it, and parents that were made for it", async () => {
    const rig = await ReconcilerRig.open();
    rig.files.put("/srv", { type: "directory" });
    const scores = { d: directory("/srv/d"), f: file("/srv/d/f"), deep: file("/srv/x/y/z", "", { parents: true }), a: probe("a"), b: probe("b") };
    await rig.accept({ generation: 1, scores, after: { f: ["d"], b: ["a"] } });
    expect(Object.keys(rig.tree)).toEqual(["/srv", "/srv/d", "/srv/d/f", "/srv/x", "/srv/x/y", "/srv/x/y/z"]);
    await rig.accept({ generation: 2, scores: {} });
    expect(rig.tree).toEqual({ "/srv": null });
    expect(rig.probe.did.slice(2)).toEqual(["remove b/0", "remove a/0"]);
    expect(rig.states).toEqual({});
    expect([...rig.ledger.owned]).toEqual([]);
    expect([...rig.ledger.statuses]).toEqual([]);
    expect(rig.reconciler.observedGeneration).toBe(2);
  });

  test("leaves what others put there: a directory in use stays, and is not the agent's any more", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { d: directory("/d"), f: file("/d/f") }, after: { f: ["d"] } });
    rig.files.put("/d/theirs", { type: "file", text: "keep" });
    await rig.accept({ generation: 2, scores: {} });
    expect(rig.tree).toEqual({ "/d": null, "/d/theirs": "keep" });
    expect(rig.states).toEqual({});
    expect([...rig.ledger.owned]).toEqual([]);
  });

  test("is told as Retiring until it is gone, tried again with pauses, and holds up nothing else", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a"), b: probe("b") } });
    rig.probe.fails("a/0");
    await rig.accept({ generation: 2, scores: { b: probe("b", "new") } });
    expect(rig.states).toEqual({ a: "Retiring", b: "Ready" });
    expect(rig.status("a")).toMatchObject({ outcome: "FAILURE", attempts: 1, error: { reason: "PortFailed", during: "retire" } });
    expect(rig.reconciler.observedGeneration).toBe(2);
    await rig.clock.advance(1000);
    expect(rig.status("a").attempts).toBe(2);
    rig.probe.heals("a/0");
    await rig.clock.advance(2000);
    expect(rig.states).toEqual({ b: "Ready" });
    expect(rig.probe.values).toEqual(new Map([["b/0", "new"]]));
  });

  test("is removed by the kind that made it; where this build does not know that one, it stays and says why", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a"), d: directory("/d"), f: file("/d/f") }, after: { f: ["d"] } });
    await rig.ledger.flush();
    const older = await rig.crash({ kinds: TEST_KINDS.filter(({ kind }) => KINDS.some((each) => each.kind === kind)) });
    older.files.put("/d/theirs", { type: "file", text: "" });
    await older.accept({ generation: 2, scores: {} });
    expect(older.states).toEqual({ a: "Retiring" });
    expect(older.status("a").error).toMatchObject({ reason: "UnknownKind" });
    expect(older.probe.values.get("a/0")).toBe("x");
    const newer = await older.crash();
    await newer.accept({ generation: 2, scores: {} }, "corrective");
    expect(newer.states).toEqual({});
    expect(newer.probe.values.size).toBe(0);
  });

  test("and wanted again before it is gone is made again", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a", "x", 2) } });
    const release = rig.probe.hangs("a/0");
    await rig.accept({ generation: 2, scores: {} });
    expect(rig.states).toEqual({ a: "Retiring" });
    await rig.accept({ generation: 3, scores: { a: probe("a", "x", 2) } });
    release();
    await settle();
    expect(rig.states).toEqual({ a: "Ready" });
    expect(rig.probe.did.slice(2)).toEqual(["remove a/0", "set a/0=x"]);
    await rig.accept({ generation: 4, scores: {} });
    expect(rig.probe.values.size).toBe(0);
  });

  test("is not removed before it is on disk that it shall be", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    await rig.ledger.flush();
    rig.ledger.accept({ generation: 2, revision: 2, payload: "{}" });
    rig.disk.fail("NoSpace");
    await rig.accept({ generation: 2, scores: {} });
    expect(rig.probe.values.get("a/0")).toBe("x");
    expect(rig.status("a")).toMatchObject({ state: "Retiring", error: { reason: "PortFailed" } });
    rig.disk.heal();
    await rig.clock.advance(1000);
    expect(rig.probe.values.size).toBe(0);
  });
});

describe("a change of", () => {
  test("the id alone, for the same thing, removes nothing and writes nothing", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { old: file("/a", "same"), p: probe("p") } });
    const { writes } = rig.files;
    await rig.accept({ generation: 2, scores: { new: file("/a", "same"), q: probe("p") } });
    expect(rig.files.writes).toBe(writes);
    expect(rig.probe.did).toEqual(["set p/0=x"]);
    expect(rig.states).toEqual({ new: "Ready", q: "Ready" });
    expect(rig.status("new")).toMatchObject({ outcome: "NOOP", change: "intentional" });
    expect([...rig.ledger.owned.values()].map(({ id }) => id)).toEqual(["new", "q"]);
    await rig.accept({ generation: 3, scores: {} });
    expect(rig.tree).toEqual({});
  });

  test("the ids of two things, crosswise, removes nothing", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: file("/x", "x"), b: file("/y", "y") } });
    const { writes } = rig.files;
    await rig.accept({ generation: 2, scores: { a: file("/y", "y"), b: file("/x", "x") } });
    expect(rig.files.writes).toBe(writes);
    expect(rig.states).toEqual({ a: "Ready", b: "Ready" });
  });

  test("the path makes the new one and removes the old one", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: file("/old", "text") } });
    await rig.accept({ generation: 2, scores: { a: file("/new", "text") } });
    expect(rig.tree).toEqual({ "/new": "text" });
    expect(rig.states).toEqual({ a: "Ready" });
  });

  test("the kind at one path removes the old one first", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: file("/a", "text") } });
    await rig.accept({ generation: 2, scores: { a: directory("/a") } });
    expect(rig.tree).toEqual({ "/a": null });
    expect(rig.states).toEqual({ a: "Ready" });
    await rig.accept({ generation: 3, scores: { a: file("/a", "text") } });
    expect(rig.tree).toEqual({ "/a": "text" });
    expect(rig.states).toEqual({ a: "Ready" });
  });

  test("the kind at one path, where the old one is a directory with a dropped file in it, needs no second try", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { d: directory("/d"), f: file("/d/f") }, after: { f: ["d"] } });
    await rig.accept({ generation: 2, scores: { d: file("/d", "text") } });
    expect(rig.tree).toEqual({ "/d": "text" });
    expect(rig.states).toEqual({ d: "Ready" });
    expect(rig.clock.timers).toBe(0);
  });

  test("the kind at one path waits, Blocked, while the old one cannot be removed", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: file("/a", "text") } });
    const { removeFile } = rig.files;
    rig.files.removeFile = () => Promise.reject(new TypeError("will not go"));
    await rig.accept({ generation: 2, scores: { a: directory("/a") } });
    expect(rig.states).toEqual({ a: "Blocked", "a~path:/a": "Retiring" });
    expect(rig.status("a").blockedOn).toEqual(["a~path:/a"]);
    expect(rig.status("a~path:/a")).toMatchObject({ attempts: 1, error: { reason: "Bug" } });
    await rig.clock.advance(3500);
    expect(rig.status("a~path:/a").attempts).toBe(3);
    rig.files.removeFile = removeFile;
    await rig.clock.advance(4000);
    expect(rig.states).toEqual({ a: "Ready" });
    expect(rig.tree).toEqual({ "/a": null });
    expect(rig.status("a")).toMatchObject({ outcome: "SUCCESS", change: "intentional" });
  });

  test("a Score to one that is refused keeps what it has, and its later removal still removes it", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: file("/a", "text"), b: probe("b") } });
    await rig.accept({ generation: 2, scores: { a: unknownKind(), b: probe("b", "2") } });
    expect(rig.states).toEqual({ a: "Refused", b: "Ready" });
    expect(rig.tree).toEqual({ "/a": "text" });
    await rig.accept({ generation: 3, scores: { b: probe("b", "2") } });
    expect(rig.tree).toEqual({});
    expect(rig.states).toEqual({ b: "Ready" });
  });
});

describe("a newer generation", () => {
  test("supersedes a Score that it changes between two steps, and leaves the work on the others alone", async () => {
    const rig = await ReconcilerRig.open();
    const release = rig.probe.hangs("a/0");
    await rig.accept({ generation: 1, scores: { a: probe("a", "old", 3), b: probe("b") } });
    expect(rig.states).toEqual({ a: "Reconciling", b: "Pending" });
    await rig.accept({ generation: 2, scores: { a: probe("a", "new", 3), b: probe("b") } });
    release();
    await settle();
    expect(rig.probe.did).toEqual(["set a/0=old", "set a/0=new", "set a/1=new", "set a/2=new", "set b/0=x"]);
    expect(rig.states).toEqual({ a: "Ready", b: "Ready" });
    expect(rig.status("a")).toMatchObject({ generation: 2, outcome: "SUCCESS" });
    expect(rig.reconciler.observedGeneration).toBe(2);
  });

  test("does not interrupt the work on a Score that it does not change", async () => {
    const rig = await ReconcilerRig.open();
    const release = rig.probe.hangs("a/0");
    await rig.accept({ generation: 1, scores: { a: probe("a", "x", 3), b: probe("b", "old") } });
    await rig.accept({ generation: 2, scores: { a: probe("a", "x", 3), b: probe("b", "new") } });
    release();
    await settle();
    expect(rig.probe.did).toEqual(["set a/0=x", "set a/1=x", "set a/2=x", "set b/0=new"]);
    expect(rig.status("a")).toMatchObject({ state: "Ready", generation: 2 });
    expect(rig.reconciler.observedGeneration).toBe(2);
  });

  test("that drops a Score in the middle of its work removes what it has made so far", async () => {
    const rig = await ReconcilerRig.open();
    const release = rig.probe.hangs("a/1");
    await rig.accept({ generation: 1, scores: { a: probe("a", "x", 3) } });
    expect(rig.probe.values).toEqual(new Map([["a/0", "x"]]));
    await rig.accept({ generation: 2, scores: {} });
    release();
    await settle();
    expect(rig.probe.values.size).toBe(0);
    expect(rig.states).toEqual({});
  });

  test("has every Score looked at for it, also those that it does not change", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    const { since } = rig.status("a");
    await rig.clock.advance(5000);
    await rig.accept({ generation: 2, scores: { a: probe("a") } });
    expect(rig.status("a")).toMatchObject({ generation: 2, outcome: "NOOP", change: "intentional", since });
    expect(rig.probe.did).toEqual(["set a/0=x"]);
  });
});

describe("while it works", () => {
  test("it tells of a Score that takes long, and of a newer manifest that comes meanwhile", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.hangs("b/0");
    await rig.accept({ generation: 1, scores: { a: probe("a"), b: probe("b") } });
    expect(rig.states).toEqual({ a: "Ready", b: "Reconciling" });
    expect(rig.told.at(-1)).toBe("working");
    const { changes } = rig.reconciler;
    rig.told.length = 0;
    await rig.accept({ generation: 2, scores: { a: probe("a", "2"), b: probe("b") } });
    expect(rig.told).toEqual(["working"]);
    expect(rig.reconciler.changes).toBeGreaterThan(changes);
    expect(rig.reconciler.isWorking).toBe(true);
  });

  test("it lets others have their turn every few milliseconds", async () => {
    let extra = 0;
    const rig = await ReconcilerRig.open({ clock: (clock) => ({ now: () => clock.now(), after: (ms, then) => clock.after(ms, then), monotonicMs: () => clock.monotonicMs() + extra }) });
    const scores = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`s${at}`, probe(`s${at}`)]));
    await rig.accept({ generation: 1, scores });
    await settle();
    rig.breaths = 0;
    // Each look takes one millisecond, so that sixty of them take at least ten slices.
    rig.probe.onRead = () => void (extra += 1);
    rig.reconciler.lookAtAll();
    while (rig.reconciler.isWorking) await settle();
    expect(rig.breaths).toBeGreaterThanOrEqual(10);
    expect(rig.breaths).toBeLessThanOrEqual(20);
  });

  test("it can be stopped between two steps: the Score goes on from there at the next start, as the same change", async () => {
    const rig = await ReconcilerRig.open();
    const release = rig.probe.hangs("a/1");
    await rig.accept({ generation: 1, scores: { a: probe("a", "x", 3), b: probe("b") } });
    rig.stop.abort();
    await rig.reconciler.idle();
    release();
    await settle();
    expect(rig.probe.did).toEqual(["set a/0=x", "set a/1=x"]);
    expect(rig.clock.timers).toBe(0);
    const next = await rig.crash();
    await next.accept({ generation: 1, scores: { a: probe("a", "x", 3), b: probe("b") } }, "corrective");
    expect(next.states).toEqual({ a: "Ready", b: "Ready" });
    expect(next.probe.did.slice(2)).toEqual(["set a/2=x", "set b/0=x"]);
  });

  test("a pause is for good: nothing is begun, retried, hinted or removed any more", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.fails("f/0");
    const release = rig.probe.hangs("a/0");
    await rig.accept({ generation: 1, scores: { f: probe("f"), a: probe("a", "x", 2), b: probe("b") } });
    rig.reconciler.pause();
    release();
    rig.probe.hint("f");
    rig.reconciler.lookAtAll();
    await rig.clock.advance(600_000);
    expect(rig.probe.did).toEqual(["set f/0=x", "set a/0=x"]);
    expect(rig.clock.timers).toBe(0);
    expect(rig.reconciler.isWorking).toBe(false);
  });
});

describe("after a crash", () => {
  test("what was claimed and perhaps made is known to be the agent's, also if the Score is dropped meanwhile", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.hangs("a/1");
    await rig.accept({ generation: 1, scores: { a: probe("a", "x", 2) } });
    const next = await rig.crash();
    next.probe.heals("a/1");
    await next.accept({ generation: 2, scores: {} });
    expect(next.probe.values.size).toBe(0);
  });

  test("the same manifest finds all as it was: nothing is done, written or changed", async () => {
    const rig = await ReconcilerRig.open();
    const wanted = { generation: 1, scores: { a: probe("a"), b: file("/b", "b"), r: unknownKind() } };
    await rig.accept(wanted);
    await rig.ledger.flush();
    const before = rig.reconciler.statuses();
    const did = rig.probe.did.length;
    const next = await rig.crash();
    await next.accept(wanted, "corrective");
    await next.ledger.flush();
    expect(next.reconciler.statuses()).toEqual(before);
    expect(next.probe.did).toHaveLength(did);
    expect(next.disk.writes).toEqual([]);
    expect(next.reconciler.observedGeneration).toBe(1);
  });

  test("the pauses of a failing Score go on where they were, with its first cause", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.fails("a/0", "Busy");
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    await rig.clock.advance(3000);
    await rig.ledger.flush();
    const { error } = rig.status("a");
    const next = await rig.crash();
    next.probe.throws("a/0");
    await next.accept({ generation: 1, scores: { a: probe("a") } }, "corrective");
    expect(next.status("a")).toMatchObject({ state: "Failed", attempts: 4, error });
    expect(next.clock.nextInMs).toBe(8000);
  });
});
