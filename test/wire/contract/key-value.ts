import { describe, expect, test } from "vitest";
import { bytes, comparable, freshKey, revisionOf, type Scene } from "./scene.ts";

/** Reading, writing, compare-and-set, listing. */
export function keyValueContract({ client, bare }: Scene): void {
  describe("get, put, delete", () => {
    test("a key that was never written is Absent", async () => {
      const store = await client();
      expect(await store.get("heartbeat", freshKey())).toEqual({ _tag: "Absent" });
    });

    test("a value can be read by another client, at the revision that the write told", async () => {
      const [writer, reader] = [await client(), await client()];
      const key = freshKey();
      const written = await writer.put("heartbeat", key, bytes("hello"));
      const revision = revisionOf(written);
      expect(revision).toBeGreaterThan(0);
      expect(comparable(await reader.get("heartbeat", key))).toEqual({
        _tag: "Value",
        value: bytes("hello"),
        revision,
      });
    });

    test("an empty value is a value", async () => {
      const store = await client();
      const key = freshKey();
      const revision = revisionOf(await store.put("heartbeat", key, bytes("")));
      expect(comparable(await store.get("heartbeat", key))).toEqual({ _tag: "Value", value: bytes(""), revision });
    });

    test("the same key in another bucket is another key", async () => {
      const store = await client();
      const key = freshKey();
      await store.put("heartbeat", key, bytes("1"));
      expect(await store.get("capabilities", key)).toEqual({ _tag: "Absent" });
    });

    test("a deleted key is Deleted, at a revision of its own", async () => {
      const store = await client();
      const key = freshKey();
      const first = revisionOf(await store.put("heartbeat", key, bytes("1")));
      const revision = revisionOf(await store.delete("heartbeat", key));
      expect(revision).toBeGreaterThan(first);
      expect(await store.get("heartbeat", key)).toEqual({ _tag: "Deleted", revision });
    });

    test("deleting a key that never was leaves a marker too", async () => {
      const store = await client();
      const key = freshKey();
      const revision = revisionOf(await store.delete("heartbeat", key));
      expect(await store.get("heartbeat", key)).toEqual({ _tag: "Deleted", revision });
    });

    test("what is no key reaches no server", async () => {
      const store = await client();
      for (const key of ["", "*", ">", "a.b", "a b", "a\r\nPUB x 0\r\n"]) {
        expect(await store.get("heartbeat", key)).toMatchObject({ _tag: "Unreachable", reason: "Failed" });
        expect(await store.put("heartbeat", key, bytes("x"))).toMatchObject({ reason: "Failed" });
        expect(await store.delete("heartbeat", key)).toMatchObject({ reason: "Failed" });
      }
      expect(() => store.onChange("heartbeat", "a.b", () => {})).toThrow(TypeError);
    });
  });

  describe("compare-and-set", () => {
    test("without `expect` a write replaces whatever is there", async () => {
      const store = await client();
      const key = freshKey();
      const first = revisionOf(await store.put("heartbeat", key, bytes("1")));
      const second = revisionOf(await store.put("heartbeat", key, bytes("2")));
      expect(second).toBeGreaterThan(first);
    });

    test("at the expected revision it writes, at any other it is a Conflict that changes nothing", async () => {
      const store = await client();
      const key = freshKey();
      const first = revisionOf(await store.put("heartbeat", key, bytes("1")));
      const revision = revisionOf(await store.put("heartbeat", key, bytes("2"), { expect: first }));
      expect(await store.put("heartbeat", key, bytes("3"), { expect: first })).toEqual({ _tag: "Conflict" });
      expect(await store.put("heartbeat", key, bytes("3"), { expect: 0 })).toEqual({ _tag: "Conflict" });
      expect(comparable(await store.get("heartbeat", key))).toEqual({ _tag: "Value", value: bytes("2"), revision });
    });

    test("a revision is not expected where a key never was", async () => {
      const store = await client();
      const key = freshKey();
      expect(await store.put("heartbeat", key, bytes("1"), { expect: 1 })).toEqual({ _tag: "Conflict" });
      expect(await store.get("heartbeat", key)).toEqual({ _tag: "Absent" });
    });

    test("a delete that expects another revision is a conflict, and takes nothing away", async () => {
      const store = await client();
      const key = freshKey();
      const first = revisionOf(await store.put("heartbeat", key, bytes("one")));
      const second = revisionOf(await store.put("heartbeat", key, bytes("two")));
      expect(await store.delete("heartbeat", key, { expect: first })).toEqual({ _tag: "Conflict" });
      expect(await store.get("heartbeat", key)).toMatchObject({ _tag: "Value", revision: second });
      expect(await store.delete("heartbeat", key, { expect: second })).toMatchObject({ _tag: "Written" });
      expect(await store.get("heartbeat", key)).toMatchObject({ _tag: "Deleted" });
    });

    test("`expect: 0` writes where a key never was, and where it was deleted", async () => {
      const store = await client();
      const key = freshKey();
      expect(await store.put("heartbeat", key, bytes("1"), { expect: 0 })).toMatchObject({ _tag: "Written" });
      await store.delete("heartbeat", key);
      expect(await store.put("heartbeat", key, bytes("2"), { expect: 0 })).toMatchObject({ _tag: "Written" });
      expect(await store.put("heartbeat", key, bytes("3"), { expect: 0 })).toEqual({ _tag: "Conflict" });
    });

    test("the revision of a deletion marker can be expected", async () => {
      const store = await client();
      const key = freshKey();
      const marker = revisionOf(await store.delete("heartbeat", key));
      expect(await store.put("heartbeat", key, bytes("1"), { expect: marker })).toMatchObject({ _tag: "Written" });
    });

    test("of many writers at one revision, one wins", async () => {
      const [one, other] = [await client(), await client()];
      const key = freshKey();
      const expected = revisionOf(await one.put("heartbeat", key, bytes("0")));
      const writes = Array.from({ length: 20 }, async (_, index) =>
        (index % 2 === 0 ? one : other).put("heartbeat", key, bytes(String(index)), { expect: expected }),
      );
      const tags = (await Promise.all(writes)).map(({ _tag }) => _tag);
      expect(tags.filter((tag) => tag === "Written")).toHaveLength(1);
      expect(tags.filter((tag) => tag === "Conflict")).toHaveLength(19);
    });
  });

  describe("keys", () => {
    test("lists the keys with a live value", async () => {
      const store = await bare();
      await store.ensureBuckets();
      expect(await store.keys("actual-state")).toEqual([]);
      for (const key of ["a", "b", "c"]) await store.put("actual-state", key, bytes(key));
      await store.put("heartbeat", "elsewhere", bytes("x"));
      await store.delete("actual-state", "b");
      const listed = await store.keys("actual-state");
      expect("_tag" in listed ? listed : listed.toSorted()).toEqual(["a", "c"]);
      await store.delete("actual-state", "a");
      await store.delete("actual-state", "c");
      expect(await store.keys("actual-state")).toEqual([]);
    });
  });
}
