import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PortError } from "../../src/capabilities/port-error.ts";
import { MOST_STARTS } from "../../src/agent/trial.ts";
import { settle } from "../../src/testing/fake-clock.ts";
import type { FakeFileSystem } from "../../src/testing/fake-file-system.ts";
import { AgentRig, CONVERGED } from "./support/agent-rig.ts";
import type { MemoryDisk } from "./support/memory-disk.ts";
import { file, probe, unknownKind, type Wanted } from "./support/manifests.ts";

const rollbackOnFailure = { withinSeconds: 60 };
const good: Wanted = { generation: 1, scores: { a: probe("a"), f: file("/f", "good") } };
/** No device can write this, and nobody need try it again. */
const hopeless = "no such name";

/** Counts how often what cannot be was tried. */
function refuses(files: FakeFileSystem): () => number {
  let tries = 0;
  const writeFile = files.writeFile.bind(files);
  files.writeFile = (path, bytes, ...rest) => {
    if (Buffer.from(bytes).toString() !== hopeless) return writeFile(path, bytes, ...rest);
    tries += 1;
    const problem = { code: "Invalid", message: hopeless, blame: "author", next: "Correct it." } as const;
    return Promise.reject(new PortError({ ...problem, retryable: false }));
  };
  return () => tries;
}

async function started() {
  const rig = await AgentRig.start();
  const tries = refuses(rig.device.files);
  await rig.send(good);
  expect(await rig.conditions()).toEqual(CONVERGED);
  return { rig, tries };
}
const bad: Wanted = {
  generation: 2,
  scores: { a: probe("a", "new"), f: file("/f", hopeless), more: file("/more", "x") },
  rollbackOnFailure,
};
const TAKEN_BACK = {
  ...CONVERGED,
  Ready: "False RolledBack",
  RolledBack: "True FailedForGood",
};

describe("a manifest that fails and asked to be taken back", () => {
  test("is, as soon as one of its Scores failed for good: the last good one is in force again, and both causes are told", async () => {
    const { rig } = await started();
    await rig.send(bad);
    expect(rig.tree).toEqual({ "/f": "good" });
    expect(rig.device.probe.values.get("a/0")).toBe("x");
    expect(await rig.conditions()).toEqual(TAKEN_BACK);
    const status = await rig.status();
    expect(status).toMatchObject({ generation: 2, observedGeneration: 1 });
    expect(status.rolledBack).toMatchObject({
      generation: 2,
      to: 1,
      why: "FailedForGood",
      scores: { f: { state: "Failed", error: { message: hopeless, blame: "author" } } },
    });
    expect(Object.keys(status.rolledBack?.scores ?? {})).toEqual(["f"]);
    const told = status.conditions.find(({ type }) => type === "RolledBack");
    expect(told?.message).toBe(
      `generation 2 failed for good (f: PortFailed: ${hopeless}); generation 1 is in force again, and all of it is as declared`,
    );
  });

  test("is when its time is over and not all is Ready, and not before: what failed is tried until then", async () => {
    const { rig } = await started();
    rig.device.probe.fails("b/0");
    await rig.send({ ...bad, scores: { ...good.scores, b: probe("b") } });
    await rig.clock.advance(50_000);
    expect(await rig.status()).toMatchObject({
      generation: 2,
      observedGeneration: 1,
      scores: { b: { state: "Failed" } },
    });
    await rig.clock.advance(10_000);
    expect(await rig.conditions()).toEqual({ ...TAKEN_BACK, RolledBack: "True NotReadyInTime" });
    expect(await rig.states()).toEqual({ a: "Ready", f: "Ready" });
  });

  test("is not when it became Ready in time, and then what fails later is no reason either", async () => {
    const { rig } = await started();
    rig.device.probe.fails("a/0");
    await rig.send({ ...good, generation: 2, scores: { a: probe("a", "new") }, rollbackOnFailure });
    await rig.clock.advance(10_000);
    rig.device.probe.heals("a/0");
    await rig.clock.advance(30_000);
    expect(await rig.conditions()).toEqual(CONVERGED);
    rig.device.probe.fails("a/0");
    rig.device.probe.tamper("a/0", "theirs");
    await rig.clock.advance(600_000);
    expect(await rig.status()).toMatchObject({
      generation: 2,
      observedGeneration: 2,
      scores: { a: { state: "Failed" } },
    });
  });

  test("stays in force where none was ever wholly Ready, and that is told until it is", async () => {
    const rig = await AgentRig.start();
    rig.device.probe.fails("a/0");
    await rig.send({ generation: 1, scores: { a: probe("a") }, rollbackOnFailure });
    await rig.clock.advance(70_000);
    expect(await rig.conditions()).toMatchObject({
      Ready: "False ScoresFailed",
      RolledBack: "False NothingToGoBackTo",
    });
    expect(await rig.status()).toMatchObject({ generation: 1, observedGeneration: 1, rolledBack: { to: null } });
    rig.device.probe.heals("a/0");
    await rig.clock.advance(300_000);
    expect(await rig.conditions()).toEqual(CONVERGED);
    expect(await rig.status()).not.toHaveProperty("rolledBack");
  });

  test("is not tried again by looks, changes of the host or starts without a network, only by a newer generation", async () => {
    const { rig, tries } = await started();
    await rig.send(bad);
    await rig.clock.advance(1_000_000);
    rig.found.probe = { _tag: "Absent", reason: "away" };
    await rig.host.look();
    rig.found.probe = { _tag: "Found", facts: {} };
    await rig.host.look();
    await settle();
    expect(await rig.conditions()).toEqual(TAKEN_BACK);
    await rig.device.files.removeFile("/f");
    const next = await rig.restart({ offline: true });
    await next.clock.advance(1_000_000);
    expect([next.tree, tries()]).toEqual([{ "/f": "good" }, 1]);
    next.store.reconnect();
    await settle();
    expect(await next.conditions()).toMatchObject(TAKEN_BACK);
    expect(await next.status()).toMatchObject({ generation: 2, observedGeneration: 1 });
    await next.send({ generation: 3, scores: { f: file("/f", "newer") }, rollbackOnFailure });
    expect(await next.conditions()).toMatchObject(CONVERGED);
    expect(await next.status()).not.toHaveProperty("rolledBack");
  });

  test("and the last good one fails too: it stays there, is repaired by the usual backoff, and both causes are told", async () => {
    const { rig, tries } = await started();
    const { probe: device } = rig.device;
    const set = device.set.bind(device);
    device.set = (name, value) => {
      const problem = { code: "Failed", message: "stuck", blame: "device", next: "Look at it." } as const;
      return value === "x" ? Promise.reject(new PortError(problem)) : set(name, value);
    };
    await rig.send(bad);
    await rig.clock.advance(1_000_000);
    expect(await rig.conditions()).toMatchObject({ Ready: "False ScoresFailed", RolledBack: "True FailedForGood" });
    const { conditions, scores, generation, observedGeneration } = await rig.status();
    expect(conditions.find(({ type }) => type === "RolledBack")?.message).toBe(
      `generation 2 failed for good (f: PortFailed: ${hopeless}); generation 1 is in force again, and not as it should be either (a: PortFailed: stuck)`,
    );
    expect(scores["a"]?.attempts).toBeGreaterThan(5);
    expect([generation, observedGeneration, tries()]).toEqual([2, 1, 1]);
    device.set = set;
    await rig.clock.advance(400_000);
    expect(await rig.conditions()).toEqual(TAKEN_BACK);
  });

  test("for lack of a capability has its time, in which that may come", async () => {
    const { rig } = await started();
    rig.found.probe = { _tag: "Absent", reason: "away" };
    await rig.host.look();
    await rig.send({ ...good, generation: 2, rollbackOnFailure });
    expect(await rig.conditions()).toMatchObject({ Ready: "False ScoresRefused" });
    rig.found.probe = { _tag: "Found", facts: {} };
    await rig.host.look();
    await settle();
    expect(await rig.conditions()).toEqual(CONVERGED);
    await rig.send({ generation: 3, scores: { u: unknownKind() }, rollbackOnFailure });
    expect(await rig.conditions()).toEqual(TAKEN_BACK);
  });

  test("is at the latest when the agent has been started with it so often that it may be what ends the agent", async () => {
    let { rig } = await started();
    rig.device.probe.fails("b/0");
    await rig.send({ ...good, generation: 2, scores: { ...good.scores, b: probe("b") }, rollbackOnFailure });
    for (let start = 2; start <= MOST_STARTS; start += 1) {
      rig = await rig.restart({ offline: true });
      expect(rig.agent.conditions.map(({ type }) => type)).not.toContain("RolledBack");
    }
    rig = await rig.restart({ offline: true });
    expect(rig.agent.conditions).toContainEqual(
      expect.objectContaining({ type: "RolledBack", reason: "NotReadyInTime" }),
    );
  });

  test("stays in force where the one that had come back cannot be read any more", async () => {
    const { rig, tries } = await started();
    await rig.send(bad);
    await rig.status();
    rig.device.disk.files.set("last-good.json", Buffer.from("{"));
    const next = await rig.restart();
    expect(await next.conditions()).toMatchObject({
      Ready: "False ScoresFailed",
      RolledBack: "False NothingToGoBackTo",
    });
    expect([next.tree["/more"], tries()]).toEqual(["x", 1]);
  });
});

describe("what failed for good in a manifest that was taken back", () => {
  test("is not tried again by a later manifest with the same content, but for one that says so, and by that once", async () => {
    const { rig, tries } = await started();
    await rig.send(bad);
    const same = { scores: { ...good.scores, f: file("/f", hopeless) } };
    await rig.send({ generation: 3, ...same });
    expect((await rig.status()).scores["f"]).toMatchObject({
      state: "Failed",
      knownBad: true,
      error: { message: hopeless },
    });
    expect(tries()).toBe(1);
    await rig.send({ generation: 4, ...same, retryFailed: true });
    expect((await rig.status()).scores["f"]).toMatchObject({ state: "Failed", knownBad: true, generation: 4 });
    expect(tries()).toBe(2);
    const next = await rig.restart();
    await next.clock.advance(1_000_000);
    await next.send({ generation: 5, ...same });
    expect(tries()).toBe(2);
  });

  test("is tried for the generation that says so also where the agent died before it began", async () => {
    const { rig, tries } = await started();
    const same = { scores: { f: file("/f", hopeless) } };
    await rig.send({ generation: 2, ...same });
    await rig.status();
    expect(tries()).toBe(1);
    rig.device.disk.fail("Failed", { only: "journal.jsonl" });
    await rig.send({ generation: 3, ...same, retryFailed: true });
    rig.device.disk.heal();
    const before = tries();
    const next = await rig.restart({ offline: true });
    expect(tries()).toBe(before + 1);
    await (await next.restart({ offline: true })).clock.advance(1_000_000);
    expect(tries()).toBe(before + 1);
  });
});

describe("whatever comes, and wherever the agent dies", () => {
  const sent = fc.array(fc.record({ isGood: fc.boolean(), asks: fc.boolean(), shares: fc.boolean() }), {
    minLength: 1,
    maxLength: 5,
  });

  test("what is in force in the end is what the last manifest and the last good one say, and nothing goes to and fro", () =>
    fc.assert(
      fc.asyncProperty(sent, fc.nat(), async (steps, pick) => {
        const rig = await AgentRig.start();
        const tries = refuses(rig.device.files);
        let lastGood: number | null = null;
        const disks: MemoryDisk[] = [];
        for (const [at, { isGood, asks, shares }] of steps.entries()) {
          const generation = at + 1;
          const text = isGood ? `good ${generation}` : hopeless;
          const scores = {
            ...(shares && { s: probe("s", "same") }),
            f: file("/f", text),
            g: file("/g", `${generation}`),
          };
          if (generation === steps.length) keepEach(rig.device.disk, disks);
          await rig.send({ generation, scores, ...(asks && { rollbackOnFailure }) });
          await rig.clock.advance(5000);
          if (isGood) lastGood = generation;
        }
        const last = steps.at(-1);
        const generation = steps.length;
        const isBack = last?.isGood === false && last.asks && lastGood !== null;
        const inForce = isBack ? lastGood : generation;
        const holds = async (on: AgentRig): Promise<void> => {
          const status = await on.status();
          const ready = status.conditions.find(({ type }) => type === "Ready")?.status;
          expect(on.tree["/g"]).toBe(`${inForce}`);
          expect(status.generation).toBe(generation);
          expect(status.observedGeneration < generation).toBe(isBack);
          expect(ready).toBe(last?.isGood === true ? "True" : "False");
          expect(status.rolledBack?.to).toBe(
            isBack ? lastGood : last?.isGood === false && last.asks ? null : undefined,
          );
          // The first cause is told of what failed, whatever was seen after it.
          const failed = isBack ? status.rolledBack?.scores["f"] : status.scores["f"];
          if (last?.isGood === false) expect(failed?.error?.message).toBe(hopeless);
        };
        await holds(rig);
        const before = tries();
        const writes = rig.device.disk.writes.length;
        await rig.clock.advance(1_000_000);
        await holds(rig);
        expect([tries(), rig.device.disk.writes.length]).toEqual([before, writes]);
        const disk = disks[pick % Math.max(1, disks.length)] ?? rig.device.disk;
        const next = await rig.restart({ on: { ...rig.device, disk } });
        await next.clock.advance(5000);
        await holds(next);
      }),
      { numRuns: 150 },
    ));
});

/** The disk as it is after each write from now on. */
function keepEach(disk: MemoryDisk, kept: MemoryDisk[]): void {
  const [replace, append] = [disk.replace.bind(disk), disk.append.bind(disk)];
  kept.push(disk.copy());
  disk.replace = (...given) => replace(...given).then(() => void kept.push(disk.copy()));
  disk.append = (...given) => append(...given).then(() => void kept.push(disk.copy()));
}
