import * as fc from "fast-check";
import { expect, test } from "vitest";
import { openRecording, type Recording } from "../../src/agent/recording.ts";
import { FakeClock, settle } from "../../src/testing/fake-clock.ts";
import { readEntry, sha256Of } from "../../src/wire/event-chain.ts";
import type { Event } from "../../src/wire/events.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import { AGENT } from "./support/manifests.ts";
import { MemoryDisk } from "./support/memory-disk.ts";

const accepted = (generation: number): Event => ({
  type: "ManifestAccepted",
  generation,
  sha256: sha256Of(String(generation)),
  signedBy: [],
  scores: 0,
});

const opened = (disk: MemoryDisk, clock: FakeClock, stream: MemoryStore): Promise<Recording> =>
  openRecording({
    agentId: AGENT,
    bootId: "b",
    disk,
    stream,
    clock,
    log: () => {},
    random: () => 0.5,
    newLog: () => "0123456789abcdef",
  });

const sequences = (server: MemoryServer): readonly number[] =>
  server.events.all.flatMap(({ line }) => {
    const read = readEntry(Buffer.from(line).toString());
    return read._tag === "Entry" ? [read.head.sequence] : [];
  });
const upTo = (last: number): readonly number[] => Array.from({ length: last }, (_, at) => at + 1);

test("what is on record is told in order, and the cursor is written once for all of it", async () => {
  const [disk, clock, store] = [new MemoryDisk(), new FakeClock(), new MemoryStore()];
  const recording = await opened(disk, clock, store);
  recording.start();
  for (let generation = 1; generation <= 5; generation += 1) recording.trail.record(accepted(generation));
  await settle();
  expect(sequences(store.server)).toEqual(upTo(5));
  await clock.advance(5_000);
  expect(disk.writes.filter((write) => write.includes("told"))).toHaveLength(1);
  const written = disk.writes.length;
  await clock.advance(3_600_000);
  expect(disk.writes).toHaveLength(written);
  await recording.stop();
  expect(disk.writes).toHaveLength(written);
});

test("after an outage and a start it goes on where it was", async () => {
  const [disk, clock, store] = [new MemoryDisk(), new FakeClock(), new MemoryStore()];
  const first = await opened(disk, clock, store);
  first.start();
  first.trail.record(accepted(1));
  await settle();
  store.disconnect();
  first.trail.record(accepted(2));
  await settle();
  await first.stop();
  const second = await opened(disk, clock, store);
  second.start();
  second.trail.record(accepted(3));
  await settle();
  expect(sequences(store.server)).toEqual([1]);
  store.reconnect();
  await settle();
  expect(sequences(store.server)).toEqual([1, 2, 3]);
});

test("a stream that was made anew is told again what is on record", async () => {
  const [disk, clock, store] = [new MemoryDisk(), new FakeClock(), new MemoryStore()];
  const recording = await opened(disk, clock, store);
  recording.start();
  for (let generation = 1; generation <= 4; generation += 1) recording.trail.record(accepted(generation));
  await settle();
  store.server.events.lose();
  recording.trail.record(accepted(5));
  await settle();
  expect(sequences(store.server)).toEqual([5, 1, 2, 3, 4]);
  recording.trail.record(accepted(6));
  await settle();
  expect(sequences(store.server)).toEqual([5, 1, 2, 3, 4, 6]);
});

test("a server without the stream is asked rarely, and told all once it has one", async () => {
  const [clock, disk] = [new FakeClock(), new MemoryDisk()];
  const server = new MemoryServer({ buckets: false });
  const store = new MemoryStore(server);
  const recording = await opened(disk, clock, store);
  recording.start();
  recording.trail.record(accepted(1));
  await clock.advance(60_000);
  server.makeBuckets();
  await clock.advance(800_000);
  expect(sequences(server)).toEqual([1]);
});

test("whatever fails on the way, every record arrives, once and in order", async () => {
  const step = fc.constantFrom("record", "before", "after", "cut", "mend", "kill", "stop", "time");
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const [disk, clock, server] = [new MemoryDisk(), new FakeClock(), new MemoryServer()];
      let store = new MemoryStore(server);
      let recording = await opened(disk, clock, store);
      recording.start();
      let generation = 0;
      for (const each of steps) {
        if (each === "record") recording.trail.record(accepted((generation += 1)));
        else if (each === "before" || each === "after") store.fail(each, { only: ["tellEvent"], times: 2 });
        else if (each === "cut") store.disconnect();
        else if (each === "mend") store.reconnect();
        else if (each === "time") await clock.advance(3_000);
        else {
          await recording.trail.idle();
          if (each === "stop") await recording.stop();
          // Cut off, a killed one can do nothing any more.
          store.disconnect();
          store = new MemoryStore(server);
          recording = await opened(disk, clock, store);
          recording.start();
        }
        await settle();
      }
      store.heal();
      store.reconnect();
      await clock.advance(120_000);
      expect(sequences(server)).toEqual(upTo(generation));
    }),
    { numRuns: 200 },
  );
});
