import * as fc from "fast-check";
import { expect, test } from "vitest";
import { auditOf } from "../../src/agent/audit.ts";
import { EVENT_FILES, EventLog, type EventLogParts } from "../../src/agent/event-log.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { readEntry, sha256Of } from "../../src/wire/event-chain.ts";
import { type Event, RecordHead } from "../../src/wire/events.ts";
import { CrashingDisk, type Fate, PowerLoss } from "./support/crashing-disk.ts";
import { AGENT } from "./support/manifests.ts";
import { MemoryDisk } from "./support/memory-disk.ts";

const event = (generation: number): Event => ({
  type: "ManifestAccepted",
  generation,
  sha256: sha256Of(String(generation)),
  signedBy: ["ops"],
  scores: 1,
});

const open = (disk: EventLogParts["disk"], more: Partial<EventLogParts> = {}): Promise<EventLog> =>
  EventLog.open({
    disk,
    clock: new FakeClock(),
    about: { agentId: AGENT, bootId: "boot-1", epoch: 3 },
    newLog: () => "0123456789abcdef",
    ...more,
  });

const generations = async (disk: MemoryDisk): Promise<readonly number[]> =>
  (await auditOf(disk)).entries.flatMap(({ record }) =>
    record?.type === "ManifestAccepted" ? [record.generation] : [],
  );

test("each record names the hash of the one before it, and the chain goes on after a start", async () => {
  const disk = new MemoryDisk();
  const log = await open(disk);
  await log.append(event(1));
  await log.append(event(2));
  await (await open(disk)).append(event(3));
  const lines = disk.text("events.0.jsonl").trimEnd().split("\n");
  expect(lines).toHaveLength(3);
  const records = lines.map((line) => RecordHead.parse(JSON.parse(line)));
  expect(records.map(({ sequence, previous }) => [sequence, previous])).toEqual([
    [1, null],
    [2, sha256Of(lines[0] ?? "")],
    [3, sha256Of(lines[1] ?? "")],
  ]);
  expect(records[0]).toMatchObject({ v: 1, agentId: "pi-7", epoch: 3, bootId: "boot-1", type: "ManifestAccepted" });
  expect((await auditOf(disk)).findings).toEqual([]);
});

test("no more is kept than eight files, and the oldest record that stays names the last that went", async () => {
  const disk = new MemoryDisk();
  const log = await open(disk, { fileBytes: 2048 });
  const lines: string[] = [];
  for (let generation = 1; generation <= 200; generation += 1) lines.push((await log.append(event(generation))).line);
  const bytes = EVENT_FILES.reduce((sum, name) => sum + (disk.files.get(name)?.length ?? 0), 0);
  expect(bytes).toBeLessThanOrEqual(8 * 2048);
  expect([...disk.files.keys()].toSorted()).toEqual(EVENT_FILES);
  const { entries, findings } = await auditOf(disk);
  expect(findings).toEqual([]);
  expect(entries.at(-1)?.head.sequence).toBe(200);
  const first = entries[0]?.head;
  expect(first?.sequence).toBeGreaterThan(100);
  expect(first?.previous).toBe(sha256Of(lines[(first?.sequence ?? 0) - 2] ?? ""));
  // And so it goes on from where it was.
  expect((await (await open(disk, { fileBytes: 2048 })).append(event(201))).head.sequence).toBe(201);
  expect((await auditOf(disk)).findings).toEqual([]);
});

test("what was not acknowledged is cut, and what a failed write has left does not stay in the way", async () => {
  const disk = new MemoryDisk();
  const log = await open(disk);
  await log.append(event(1));
  disk.fail("NoSpace", { times: 1, keeps: 40 });
  await expect(log.append(event(2))).rejects.toMatchObject({ problem: { code: "NoSpace" } });
  await log.append(event(3));
  expect(await generations(disk)).toEqual([1, 3]);
  expect((await auditOf(disk)).findings).toEqual([]);
});

test("lines at the end that nobody can read are kept, and counted once", async () => {
  const disk = new MemoryDisk();
  await (await open(disk)).append(event(1));
  await disk.append("events.0.jsonl", Buffer.from("garbage\nmore\n"));
  const log = await open(disk);
  expect(log.damaged).toBe(2);
  await log.append(event(2));
  expect((await open(disk)).damaged).toBe(0);
  const { findings } = await auditOf(disk);
  expect(findings.map(({ message }) => message)).toEqual(["line 2 is no record", "line 3 is no record"]);
});

test("where the files were lost it goes on from what was told", async () => {
  const disk = new MemoryDisk();
  const told = { log: "feedfacefeedface", sequence: 41, sha256: sha256Of("41") };
  const { head } = await (await open(disk, { told })).append(event(9));
  expect(head).toMatchObject({ log: told.log, sequence: 42, previous: told.sha256 });
});

test("those after any record are given in order, from memory and from the files", async () => {
  const disk = new MemoryDisk();
  const log = await open(disk, { fileBytes: 4096 });
  for (let generation = 1; generation <= 90; generation += 1) await log.append(event(generation));
  const first = (await auditOf(disk)).entries[0]?.head.sequence ?? 0;
  for (const each of [log, await open(disk, { fileBytes: 4096 })]) {
    const seen: number[] = [];
    for (let from = 0; ;) {
      const next = await each.after(from);
      if (next.length === 0) break;
      seen.push(...next.map(({ head }) => head.sequence));
      from = seen.at(-1) ?? 0;
    }
    expect(seen).toEqual(Array.from({ length: 91 - first }, (_, at) => first + at));
  }
});

const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Fate>({ _tag: "Done" }) },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Full" as const), keeps: fc.nat(400) }) },
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant("PowerLoss" as const), keeps: fc.nat(400) }) },
);

test("whenever the power goes or the disk is full: what was acknowledged stays, in order, and the chain is whole", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(fate, { maxLength: 12 }), { minLength: 1, maxLength: 6 }), async (starts) => {
      const disk = new MemoryDisk();
      const acknowledged: number[] = [];
      let generation = 0;
      for (const fates of starts) {
        const crashing = new CrashingDisk(disk, fates);
        const log = await open(crashing, { fileBytes: 1500 });
        for (let left = 0; left < 10 && !crashing.isDown; left += 1) {
          generation += 1;
          try {
            await log.append(event(generation));
            acknowledged.push(generation);
          } catch (error) {
            if (!(error instanceof PowerLoss)) expect(error).toMatchObject({ problem: { code: "NoSpace" } });
          }
        }
      }
      const { findings, entries } = await auditOf(disk);
      expect(findings).toEqual([]);
      const kept = await generations(disk);
      // What was written last of all may be there without its being known.
      const expected = acknowledged.filter((each) => each >= (kept[0] ?? Infinity));
      expect(kept.filter((each) => acknowledged.includes(each))).toEqual(expected);
      expect(entries.length).toBeGreaterThanOrEqual(Math.min(acknowledged.length, 8));
    }),
    { numRuns: 300 },
  );
});

test("a change of any byte, a record that is taken out and one that is put in are found", async () => {
  const disk = new MemoryDisk();
  const log = await open(disk);
  for (let generation = 1; generation <= 6; generation += 1) await log.append(event(generation));
  const whole = disk.files.get("events.0.jsonl") ?? new Uint8Array();
  const lines = Buffer.from(whole).toString().trimEnd().split("\n");
  const findingsWith = async (text: string | Uint8Array): Promise<number> => {
    const tampered = disk.copy();
    tampered.files.set("events.0.jsonl", Buffer.from(text));
    return (await auditOf(tampered)).findings.length;
  };
  expect(await findingsWith(whole)).toBe(0);
  // The last line has none after it that would tell; the server has it.
  const end = whole.length - Buffer.from(lines.at(-1) ?? "").length - 1;
  await fc.assert(
    fc.asyncProperty(fc.nat(end - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
      const bytes = Uint8Array.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ by;
      expect(await findingsWith(bytes)).toBeGreaterThan(0);
    }),
    { numRuns: 300 },
  );
  // The first record made another agent's, which by itself is whole.
  expect(readEntry((lines[0] ?? "").replace('"agentId":"pi-7"', '"agentId":"pi-6"'))._tag).toBe("Entry");
  expect(
    await findingsWith(Buffer.from(whole).toString().replace('"agentId":"pi-7"', '"agentId":"pi-6"')),
  ).toBeGreaterThan(0);
  for (let at = 1; at < lines.length - 1; at += 1) {
    expect(await findingsWith(`${lines.toSpliced(at, 1).join("\n")}\n`)).toBeGreaterThan(0);
    expect(await findingsWith(`${lines.toSpliced(at, 0, lines[at] ?? "").join("\n")}\n`)).toBeGreaterThan(0);
  }
  const forged = (lines[2] ?? "").replace('"generation":3', '"generation":99');
  expect(readEntry(forged)._tag).toBe("Entry");
  expect(await findingsWith(`${lines.toSpliced(2, 1, forged).join("\n")}\n`)).toBeGreaterThan(0);
});
