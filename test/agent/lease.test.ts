import { expect, test } from "vitest";
import { Lease } from "../../src/agent/lease.ts";
import { FakeClock, settle } from "../../src/testing/fake-clock.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import { type Heartbeat, writeDocument } from "../../src/wire/status.ts";
import { MemoryDisk } from "./support/memory-disk.ts";

const PAIR = AgentId.parse("web");
const MEMBER = AgentId.parse("pi-a");

/** A disk whose notes are long in coming. */
class SlowDisk extends MemoryDisk {
  answers = (): void => {};
  readonly #reading = new Promise<void>((resolve) => (this.answers = resolve));
  override async read(name: string): Promise<Uint8Array | null> {
    await this.#reading;
    return super.read(name);
  }
}

function lease(server: MemoryServer, disk: MemoryDisk) {
  const taken: number[] = [];
  const made = new Lease({
    store: new MemoryStore(server),
    pair: PAIR,
    member: MEMBER,
    bootId: "boot-2",
    clock: new FakeClock(),
    disk,
    log: () => {},
    observedGeneration: () => 0,
    mayTake: () => true,
    onHeld: (token) => taken.push(token),
    onLost: () => {},
    onNews: () => {},
  });
  return { lease: made, taken };
}

const released = (epoch: number): Heartbeat => ({
  agentId: PAIR,
  bootId: "former",
  epoch,
  sequence: 1,
  uptimeMs: 1,
  agentVersion: "0.1.0",
  observedGeneration: 0,
  at: new Date(0).toISOString(),
  lease: { member: AgentId.parse("pi-b"), released: true },
});

test("a connection that comes before the note is read does not let it take a token that there has been", async () => {
  const server = new MemoryServer();
  const store = new MemoryStore(server);
  await store.ensureBuckets();
  await store.put("heartbeat", PAIR, writeDocument(released(6)), {});
  const disk = new SlowDisk();
  const { lease: member, taken } = lease(server, disk);
  const starting = member.start();
  member.look();
  await settle();
  expect(taken).toEqual([]);

  disk.answers();
  await starting;
  await settle();
  expect(taken).toEqual([7]);
  member.stop();
});
