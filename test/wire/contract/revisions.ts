import { describe, expect, test } from "vitest";
import type { Bucket } from "../../../src/wire/store.ts";
import { type AnyStore, bytes, freshKey, type Scene, text } from "./scene.ts";

async function told(store: AnyStore, bucket: Bucket, key: string) {
  const seen: (string | null)[] = [];
  for (let from = 1; ;) {
    const found = await store.revisionAt(bucket, key, from);
    if (found._tag === "None") return seen;
    if (found._tag !== "Revision") throw new Error(found.message);
    expect(found.revision).toBeGreaterThanOrEqual(from);
    expect(found.storedAt.getTime()).not.toBeNaN();
    seen.push(found.value === null ? null : text(found.value));
    from = found.revision + 1;
  }
}

/** What keys held before. */
export function revisionContract({ client, bare }: Scene): void {
  describe("revisions", () => {
    test("are read in order, with the deletions, and those of other keys left out", async () => {
      const [writer, reader] = [await client(), await client()];
      const [key, other] = [freshKey(), freshKey()];
      expect(await reader.revisionAt("desired-state", key, 1)).toEqual({ _tag: "None" });
      for (const value of ["one", "two"]) {
        await writer.put("desired-state", key, bytes(value));
        await writer.put("desired-state", other, bytes(`other ${value}`));
      }
      await writer.delete("desired-state", key);
      await writer.put("desired-state", key, bytes("three"));
      expect(await told(reader, "desired-state", key)).toEqual(["one", "two", null, "three"]);
      expect(await told(reader, "desired-state", other)).toEqual(["other one", "other two"]);
    });

    test("are those that the key is known by", async () => {
      const store = await client();
      const key = freshKey();
      const written = await store.put("desired-state", key, bytes("x"));
      if (written._tag !== "Written") throw new Error(written._tag);
      expect(await store.revisionAt("desired-state", key, written.revision)).toMatchObject({
        _tag: "Revision",
        revision: written.revision,
      });
      expect(await store.revisionAt("desired-state", key, written.revision + 1)).toEqual({ _tag: "None" });
    });

    test("of what agents tell are the newest alone", async () => {
      const store = await client();
      const key = freshKey();
      for (const value of ["one", "two"]) await store.put("heartbeat", key, bytes(value));
      expect(await told(store, "heartbeat", key)).toEqual(["two"]);
    });

    test("are of no bucket where there is none", async () => {
      const store = await bare();
      expect(await store.revisionAt("desired-state", "pi-1", 1)).toMatchObject({
        _tag: "Unreachable",
        reason: "NoBucket",
      });
    });
  });
}
