import * as fc from "fast-check";
import { expect, test } from "vitest";
import { auditOf } from "../../src/agent/audit.ts";
import { Trail } from "../../src/agent/trail.ts";
import { FakeClock, settle } from "../../src/testing/fake-clock.ts";
import { sha256Of } from "../../src/wire/event-chain.ts";
import type { Event } from "../../src/wire/events.ts";
import { AGENT } from "./support/manifests.ts";
import { MemoryDisk } from "./support/memory-disk.ts";

const accepted = (generation: number): Event => ({
  type: "ManifestAccepted",
  generation,
  sha256: sha256Of(`a${generation}`),
  signedBy: [],
  scores: 0,
});
const refused = (what: string): Event => ({
  type: "ManifestRefused",
  reason: "Malformed",
  generation: null,
  sha256: sha256Of(what),
  signedBy: [],
});

const authors = (who: string): Event => ({ type: "AuthorsChanged", sha256: sha256Of(who), signedBy: [] });

const open = (disk: MemoryDisk, clock: FakeClock): Promise<Trail> =>
  Trail.open({
    disk,
    clock,
    about: { agentId: AGENT, bootId: "b", epoch: 0 },
    newLog: () => "0123456789abcdef",
    log: () => {},
  });

const records = async (disk: MemoryDisk) =>
  (await auditOf(disk)).entries.flatMap(({ record }) => (record === null ? [] : [record]));
const types = async (disk: MemoryDisk): Promise<readonly string[]> => (await records(disk)).map(({ type }) => type);

test("what is found again as it was is not put on record again, also after a start", async () => {
  const [disk, clock] = [new MemoryDisk(), new FakeClock()];
  const first = await open(disk, clock);
  first.record(accepted(1));
  first.record(accepted(1));
  first.record(refused("x"));
  first.record(refused("x"));
  first.record(authors("ada"));
  first.record(authors("ada"));
  await first.idle();
  const written = disk.writes.length;
  const second = await open(disk, clock);
  second.record(accepted(1));
  second.record(refused("x"));
  second.record({ type: "PolicyChanged", sha256: null, unreadable: false, signedBy: [] });
  second.record(authors("ada"));
  await second.idle();
  expect(disk.writes).toHaveLength(written);
  second.record(refused("y"));
  second.record(refused("x"));
  second.record(accepted(2));
  second.record(refused("x"));
  second.record(authors("ben"));
  await second.idle();
  expect(await types(disk)).toEqual([
    "ManifestAccepted",
    "ManifestRefused",
    "AuthorsChanged",
    "ManifestRefused",
    "ManifestRefused",
    "ManifestAccepted",
    "ManifestRefused",
    "AuthorsChanged",
  ]);
});

test("whoever writes bad manifests all day is counted, and the last one is on record", async () => {
  const [disk, clock] = [new MemoryDisk(), new FakeClock()];
  const trail = await open(disk, clock);
  const day = 24 * 60;
  for (let minute = 0; minute < day; minute += 1) {
    for (let each = 0; each < 20; each += 1) trail.record(refused(`${minute} ${each}`));
    await clock.advance(60_000);
  }
  trail.record(accepted(1));
  await clock.advance(120_000);
  await trail.idle();
  const all = await records(disk);
  // Thirty at once and one a minute, each with the number of those before it.
  expect(all.length).toBeLessThan(30 + 2 * (day + 4));
  const left = all.reduce(
    (sum, each) => sum + (each.type === "LeftOut" ? (each.events["ManifestRefused"] ?? 0) : 0),
    0,
  );
  const told = all.filter(({ type }) => type === "ManifestRefused");
  expect(told.length + left).toBe(20 * day);
  expect(told.at(-1)).toMatchObject({ sha256: sha256Of(`${day - 1} 19`) });
  expect(all.some(({ type }) => type === "ManifestAccepted")).toBe(true);
});

test("an agent that is made to start again and again does not get rid of what was on record", async () => {
  const disk = new MemoryDisk();
  for (let start = 0; start < 300; start += 1) {
    // Of its own, so that nothing of one that was killed goes on.
    const clock = new FakeClock();
    await clock.advance(start * 1000);
    const trail = await open(disk, clock);
    trail.record({ type: "AgentStarted", version: "1", topology: "T" });
    await trail.idle();
  }
  expect((await types(disk)).length).toBeLessThan(40);
});

test("a full disk: what happens all the same waits for it, what was lost is counted, and what must not be unrecorded is refused", async () => {
  const [disk, clock] = [new MemoryDisk(), new FakeClock()];
  const trail = await open(disk, clock);
  disk.fail("NoSpace");
  for (let generation = 1; generation <= 100; generation += 1) trail.record(accepted(generation));
  await settle();
  await expect(trail.demand({ type: "SecretAccessed", secret: "s", score: "web" })).rejects.toMatchObject({
    problem: { code: "NoSpace" },
  });
  expect(await types(disk)).toEqual([]);
  disk.heal();
  await clock.advance(60_000);
  await trail.idle();
  const all = await records(disk);
  const left = all.find((each) => each.type === "LeftOut");
  const told = all.flatMap((each) => (each.type === "ManifestAccepted" ? [each.generation] : []));
  expect(left).toMatchObject({ because: "disk", events: { ManifestAccepted: 100 - told.length } });
  expect(told.at(-1)).toBe(100);
  expect(told.length).toBeGreaterThan(50);
  expect(told).toEqual(told.toSorted((a, b) => a - b));
  expect((await auditOf(disk)).findings).toEqual([]);
});

test("whatever comes and however the disk is: each is on record or counted, and nothing waits for ever", async () => {
  const step = fc.oneof(
    fc.record({ _tag: fc.constant("Refused" as const), what: fc.nat(50) }),
    fc.record({ _tag: fc.constant("Full" as const), isFull: fc.boolean() }),
    fc.record({ _tag: fc.constant("Time" as const), ms: fc.nat(90_000) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 150 }), async (steps) => {
      const [disk, clock] = [new MemoryDisk(), new FakeClock()];
      const trail = await open(disk, clock);
      let [count, last] = [0, ""];
      for (const each of steps) {
        if (each._tag === "Full") {
          if (each.isFull) disk.fail("NoSpace");
          else disk.heal();
        } else if (each._tag === "Time") await clock.advance(each.ms);
        else if (String(each.what) !== last) {
          last = String(each.what);
          count += 1;
          trail.record(refused(last));
        }
      }
      disk.heal();
      await trail.stop();
      const all = await records(disk);
      const sum = all.reduce((so, each) => {
        if (each.type === "ManifestRefused") return so + 1;
        return so + (each.type === "LeftOut" ? (each.events["ManifestRefused"] ?? 0) : 0);
      }, 0);
      expect(sum).toBe(count);
      const newest = all.findLast(({ type }) => type === "ManifestRefused");
      expect(newest ?? null).toEqual(count === 0 ? null : expect.objectContaining({ sha256: sha256Of(last) }));
    }),
    { numRuns: 150 },
  );
});
