import * as fc from "fast-check";
import { expect, test } from "vitest";
import { revisionsBackwards } from "../../src/fleet/revisions.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const IDS = ["pi-1", "pi-2"] as const;

test("what a key held comes newest first, each once, whatever else was written in between", async () => {
  const write = fc.record({ id: fc.constantFrom(...IDS), deletes: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(write, { maxLength: 700, size: "max" }), async (writes) => {
      const store = new MemoryStore();
      const held: Record<string, (string | null)[]> = { "pi-1": [], "pi-2": [] };
      for (const [at, { id, deletes }] of writes.entries()) {
        if (deletes) await store.delete("desired-state", id);
        else await store.put("desired-state", id, bytes(String(at)));
        held[id]?.push(deletes ? null : String(at));
      }
      for (const id of IDS) {
        const seen: (string | null)[] = [];
        for await (const each of revisionsBackwards(store, AgentId.parse(id), writes.length, {})) {
          if (each._tag !== "Revision") throw new Error(each.message);
          seen.push(each.value === null ? null : Buffer.from(each.value).toString());
        }
        expect(seen).toEqual(held[id]?.toReversed());
      }
    }),
    { numRuns: 40 },
  );
});

test("who wants but the newest few does not read all", async () => {
  const store = new MemoryStore();
  for (let at = 0; at < 2_000; at += 1) await store.put("desired-state", "pi-1", bytes(String(at)));
  let asked = 0;
  const revisionAt = store.revisionAt.bind(store);
  store.revisionAt = (...given) => {
    asked += 1;
    return revisionAt(...given);
  };
  for await (const each of revisionsBackwards(store, AgentId.parse("pi-1"), 2_000, {})) {
    if (each._tag === "Revision" && each.revision === 1_990) break;
  }
  expect(asked).toBeLessThan(300);
});

test("what cannot be reached is told, and ends it", async () => {
  const store = new MemoryStore();
  await store.put("desired-state", "pi-1", bytes("x"));
  store.fail("before", { times: 16, only: ["revisionAt"] });
  const seen = [];
  for await (const each of revisionsBackwards(store, AgentId.parse("pi-1"), 1, {})) seen.push(each._tag);
  expect(seen).toEqual(["Unreachable"]);
});
