import { describe, expect, test } from "vitest";
import { KINDS } from "../../src/scores/index.ts";
import { settle } from "../../src/testing/fake-clock.ts";
import { directory, file, free, probe, unknownKind } from "./support/manifests.ts";
import { TEST_KINDS } from "./support/probe.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

describe("what is dropped", () => {
  test("is removed in reverse order, a directory after what is in it, and parents that were made for it", async () => {
    const rig = await ReconcilerRig.open();
    rig.files.put("/srv", { type: "directory" });
    const scores = {
      d: directory("/srv/d"),
      f: file("/srv/d/f"),
      deep: file("/srv/x/y/z", "", { parents: true }),
      a: probe("a"),
      b: probe("b"),
    };
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

  test("is removed in reverse order also when a newer manifest comes while the last step of a removal is under way", async () => {
    const rig = await ReconcilerRig.open();
    const scores = { a: probe("a"), b: free("b", { parts: 2, gathersAt: 0 }) };
    await rig.accept({ generation: 1, scores, after: { b: ["a"] } });
    rig.probe.fails("a/0");
    const finish = rig.probe.hangs("b/1");
    await rig.accept({ generation: 2, scores: {} });
    rig.probe.heals("a/0");
    await rig.accept({ generation: 3, scores: {} });
    // The first try was made while the other one waited to be gathered.
    const begun = ["remove a/0", "remove b/0", "remove b/1"];
    expect(rig.probe.did.slice(3)).toEqual(begun);
    finish();
    await settle();
    expect(rig.probe.did.slice(3)).toEqual([...begun, "remove a/0"]);
    expect([rig.states, [...rig.ledger.owned]]).toEqual([{}, []]);
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

  test("leaves a file that was there before and could never be replaced", async () => {
    const rig = await ReconcilerRig.open();
    rig.files.put("/precious", { type: "file", text: "theirs" });
    await rig.accept({ generation: 1, scores: { f: file("/precious", "ours", { owner: "nobody-here" }) } });
    expect(rig.states).toEqual({ f: "Failed" });
    await rig.accept({ generation: 2, scores: {} });
    expect(rig.tree).toEqual({ "/precious": "theirs" });
    expect([...rig.ledger.owned]).toEqual([]);
  });

  test("leaves a directory that was made for several to the last of them, whichever is dropped first", async () => {
    for (const first of ["a", "b", "d"]) {
      const rig = await ReconcilerRig.open();
      const scores = {
        a: file("/srv/x/a", "", { parents: true }),
        b: file("/srv/x/y/b", "", { parents: true }),
        d: directory("/srv/x/d", { parents: true }),
      };
      // One after the other, so that the first alone makes what all of them need.
      await rig.accept({ generation: 1, scores, after: { b: ["a"], d: ["b"] } });
      const { [first]: _, ...rest } = Object.fromEntries(Object.entries(scores));
      await rig.accept({ generation: 2, scores: rest });
      // And over a restart: the inheritance is in the ledger.
      await rig.ledger.flush();
      const again = await ReconcilerRig.open({ from: rig });
      await again.accept({ generation: 2, scores: rest }, "corrective");
      await again.accept({ generation: 3, scores: {} });
      expect(again.tree).toEqual({});
    }
  });

  test("is removed also where an older spec made it, and the newer one never came to change it", async () => {
    const rig = await ReconcilerRig.open();
    let end = (): void => {};
    const mayEnd = new Promise<void>((resolve) => (end = resolve));
    const write = rig.files.writeFile.bind(rig.files);
    rig.files.writeFile = async (...given) => {
      await write(...given);
      await mayEnd;
    };
    await rig.accept({ generation: 1, scores: { f: file("/f", "one") } });
    await rig.accept({ generation: 2, scores: { f: file("/f", "two") } });
    rig.files.writeFile = () => Promise.reject(new Error("no step of the newer one is taken"));
    end();
    await settle();
    expect(rig.tree).toEqual({ "/f": "one" });
    expect(rig.states).toEqual({ f: "Failed" });
    await rig.accept({ generation: 3, scores: {} });
    expect(rig.tree).toEqual({});
  });

  test("is told as Retiring until it is gone, tried again with pauses, and holds up nothing else", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a"), b: probe("b") } });
    rig.probe.fails("a/0");
    await rig.accept({ generation: 2, scores: { b: probe("b", "new") } });
    expect(rig.states).toEqual({ a: "Retiring", b: "Ready" });
    expect(rig.status("a")).toMatchObject({
      outcome: "FAILURE",
      attempts: 1,
      error: { reason: "PortFailed", during: "retire" },
    });
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
    await rig.accept({
      generation: 1,
      scores: { a: probe("a"), d: directory("/d"), f: file("/d/f") },
      after: { f: ["d"] },
    });
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
    expect(rig.logged.filter(({ message }) => message.includes("could not be removed"))).toEqual([]);
    expect(rig.clock.timers).toBe(0);
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
    // Long before a second try would come: it is looked at once more, since its own work may not have been all that happened.
    await rig.clock.advance(20);
    expect(rig.clock.timers).toBe(0);
  });

  test("the kind at one path waits, Blocked, while the old one cannot be removed", async () => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: file("/a", "text") } });
    const removeFile = rig.files.removeFile.bind(rig.files);
    rig.files.removeFile = () => Promise.reject(new TypeError("will not go"));
    await rig.accept({ generation: 2, scores: { a: directory("/a") } });
    expect(rig.states).toEqual({ a: "Blocked", "a~path:/a": "Retiring" });
    expect(rig.status("a").blockedOn).toEqual(["a~path:/a"]);
    expect(rig.status("a~path:/a")).toMatchObject({ attempts: 1, error: { reason: "Bug" } });
    // The pauses are kept, however often the Score that waits is looked at.
    for (let pass = 0; pass < 5; pass += 1) {
      rig.reconciler.lookAtAll();
      await settle();
    }
    expect(rig.status("a~path:/a").attempts).toBe(1);
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
