import { describe, expect, test } from "vitest";
import { PortError } from "../../src/capabilities/port-error.ts";
import { file, probe } from "./support/manifests.ts";
import type { ScoreError } from "../../src/wire/status.ts";
import { type FakeProbe } from "./support/probe.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

describe("failure", () => {
  test("is tried again after 1 s, 2 s, 4 s, told with the first cause, and forgotten when it is Ready", async () => {
    const rig = await ReconcilerRig.open();
    rig.probe.fails("a/0", "Unavailable");
    await rig.accept({ generation: 1, scores: { a: probe("a") } });
    const since = rig.clock.now().toISOString();
    expect(rig.status("a")).toMatchObject({ state: "Failed", outcome: "FAILURE", attempts: 1, since });
    rig.probe.throws("a/0");
    for (const [pause, attempts] of [
      [1000, 2],
      [2000, 3],
      [4000, 4],
    ] as const) {
      expect(rig.status("a").retryAfter).toBe(new Date(rig.clock.now().getTime() + pause).toISOString());
      await rig.clock.advance(pause - 1);
      expect(rig.status("a").attempts).toBe(attempts - 1);
      await rig.clock.advance(1);
      expect(rig.status("a")).toMatchObject({
        attempts,
        since,
        error: { reason: "PortFailed", step: { part: "a/0" } },
      });
    }
    rig.probe.heals("a/0");
    await rig.clock.advance(8000);
    expect(rig.status("a")).toMatchObject({
      state: "Ready",
      outcome: "SUCCESS",
      change: "intentional",
      attempts: 0,
      error: null,
      retryAfter: null,
    });
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

  test("by something in the way is no drift: what was ordered stays intentional when it comes about", async () => {
    const rig = await ReconcilerRig.open();
    rig.files.put("/etc", { type: "directory" });
    await rig.accept({ generation: 1, scores: { a: file("/etc", "x") } });
    expect(rig.states).toEqual({ a: "Failed" });
    await rig.clock.advance(500);
    await rig.files.removeDirectory("/etc");
    await rig.clock.advance(0);
    expect(rig.status("a")).toMatchObject({ state: "Ready", outcome: "SUCCESS", change: "intentional" });
  });

  test("whose own traces are hinted at is not tried again many times a second", async () => {
    const rig = await ReconcilerRig.open();
    const writeFile = rig.files.writeFile.bind(rig.files);
    let tries = 0;
    rig.files.writeFile = async (path, ...rest) => {
      tries += 1;
      await writeFile(path, ...rest);
      await rig.files.removeFile(path);
      throw new PortError({ code: "NotPermitted", message: "the owner cannot be set", blame: "device", next: "" });
    };
    await rig.accept({ generation: 1, scores: { a: file("/a", "x") } });
    for (let turn = 0; turn < 6000; turn += 1) await rig.clock.advance(100);
    expect(tries).toBeGreaterThan(5);
    expect(tries).toBeLessThan(40);
  });

  describe("of the content", () => {
    const wanted = { generation: 1, scores: { a: file("/a", "mine"), b: probe("b") } };
    async function failsForGood() {
      const rig = await ReconcilerRig.open();
      let tries = 0;
      const writeFile = rig.files.writeFile.bind(rig.files);
      rig.files.writeFile = () => {
        tries += 1;
        rig.files.writeFile = writeFile;
        const problem = { code: "Invalid", message: "no such name", blame: "author", next: "Correct it." } as const;
        return Promise.reject(new PortError({ ...problem, retryable: false }));
      };
      await rig.accept(wanted);
      return { rig, tries: () => tries };
    }
    const bad = {
      state: "Failed",
      knownBad: true,
      retryAfter: null,
      attempts: 1,
      error: { message: "no such name", retryable: false },
    };

    test("is for good: no time, look, unrelated generation or restart tries it again, another content does", async () => {
      const { rig, tries } = await failsForGood();
      expect(rig.status("a")).toMatchObject(bad);
      await rig.clock.advance(1_000_000);
      rig.reconciler.lookAtAll();
      rig.files.put("/b", { type: "file", text: "beside" });
      await rig.clock.advance(1_000_000);
      await rig.accept({ generation: 2, scores: { ...wanted.scores, c: probe("c") } });
      expect(rig.status("a")).toMatchObject({ ...bad, generation: 2 });
      expect(rig.reconciler.observedGeneration).toBe(2);
      await rig.ledger.flush();
      const next = await rig.crash();
      await next.accept({ generation: 2, scores: { ...wanted.scores, c: probe("c") } }, "corrective");
      await next.clock.advance(1_000_000);
      expect(next.status("a")).toMatchObject({ ...bad, generation: 2 });
      expect([tries(), next.tree]).toEqual([1, { "/b": "beside" }]);
      await next.accept({ generation: 3, scores: { a: file("/a", "other") } });
      expect(next.states).toEqual({ a: "Ready" });
      expect(next.status("a")).not.toHaveProperty("knownBad");
    });

    test("is over when somebody else makes it good, and then it is a Score like any other", async () => {
      const { rig } = await failsForGood();
      await rig.clock.advance(10_000);
      rig.reconciler.lookAtAll();
      await rig.clock.advance(10_000);
      rig.files.put("/a", { type: "file", text: "mine" });
      rig.reconciler.lookAtAll();
      await rig.clock.advance(100);
      rig.files.put("/a", { type: "file", text: "theirs" });
      await rig.clock.advance(100);
      expect(rig.tree).toEqual({ "/a": "mine" });
      expect(rig.status("a")).toMatchObject({ state: "Ready", error: null });
    });

    test("is not forgotten while it waits for others", async () => {
      const { rig, tries } = await failsForGood();
      rig.probe.fails("b/0");
      await rig.accept({
        ...wanted,
        generation: 2,
        scores: { ...wanted.scores, b: probe("b", "y") },
        after: { a: ["b"] },
      });
      expect(rig.states).toEqual({ a: "Blocked", b: "Failed" });
      rig.probe.heals("b/0");
      await rig.clock.advance(10_000);
      expect(rig.status("a")).toMatchObject({ ...bad, generation: 2 });
      expect([tries(), rig.tree]).toEqual([1, {}]);
    });
  });

  test("to keep the ledger keeps the effects from being taken, and is made good", async () => {
    const rig = await ReconcilerRig.open();
    rig.disk.fail("NoSpace");
    await rig.accept({ generation: 1, scores: { a: probe("a"), b: file("/b") } });
    expect(rig.probe.did).toEqual([]);
    expect(rig.tree).toEqual({});
    expect(rig.status("a")).toMatchObject({
      state: "Failed",
      error: { reason: "PortFailed", message: expect.stringContaining("NoSpace") },
    });
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
