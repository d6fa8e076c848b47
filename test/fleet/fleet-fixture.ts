import { manifest, PiTopology } from "harmony-edge";
import { expect } from "vitest";
import { type ApplyResult, createFleet, type Progress } from "../../src/fleet/index.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import { file } from "./scripted-agent.ts";

/** Two Scores, one after the other. */
export const two = manifest(PiTopology, { a: file("/a"), b: file("/b") }, { after: { b: ["a"] } });

/** Runs something before each read or write, as another writer or a bad network does. */
class MeddledStore extends MemoryStore {
  beforeGet: ((bucket: string) => Promise<unknown>) | null = null;
  beforePut: (() => Promise<unknown>) | null = null;

  override async get(...given: Parameters<MemoryStore["get"]>): ReturnType<MemoryStore["get"]> {
    await this.beforeGet?.(given[0]);
    return super.get(...given);
  }

  override async put(...given: Parameters<MemoryStore["put"]>): ReturnType<MemoryStore["put"]> {
    const [bucket] = given;
    if (bucket === "desired-state") await this.beforePut?.();
    return super.put(...given);
  }
}

/** A server of its own, a fleet on one connection to it, and a second connection for what plays the device. */
export function fleetFixture(options: ConstructorParameters<typeof MemoryServer>[0] = {}) {
  const clock = new FakeClock();
  const server = new MemoryServer(options);
  const store = new MeddledStore(server);
  const device = new MemoryStore(server);
  const progress: Progress[] = [];
  return {
    clock,
    server,
    store,
    device,
    fleet: createFleet({ store, clock }),
    progress,
    onProgress: (each: Progress): void => void progress.push(each),
    tags: (): readonly string[] => progress.map(({ _tag }) => _tag),

    /** Lets time pass until the result is there; nothing may be left over then. */
    settled: async (applying: Promise<ApplyResult>): Promise<ApplyResult> => {
      const results: ApplyResult[] = [];
      void applying.then((each) => results.push(each));
      for (let turns = 0; results.length === 0 && turns < 400; turns += 1) await clock.advance(500);
      const [result] = results;
      if (result === undefined) throw new Error("no result after 200 s");
      expect(clock.timers).toBe(0);
      // One may be the device's own.
      expect(server.watchers.size).toBeLessThanOrEqual(1);
      return result;
    },
  };
}
