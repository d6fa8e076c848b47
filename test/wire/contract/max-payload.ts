import { describe, expect, test } from "vitest";
import { bytes, comparable, freshKey, settled, type Scene } from "./scene.ts";

/** How large a value may be. */
export function maxPayloadContract({ client }: Scene): void {
  describe("maxPayload", () => {
    test("a value of that size is stored and read back, one byte more is TooLarge and is not", async () => {
      const store = await client();
      const [key, other] = [freshKey(), freshKey()];
      const limit = store.maxPayload();
      const largest = new Uint8Array(limit).fill(7);
      expect(await store.put("desired-state", key, largest, { expect: 0 })).toMatchObject({ _tag: "Written" });
      const found = await store.get("desired-state", key);
      expect(found._tag === "Value" && Buffer.compare(found.value, largest)).toBe(0);
      const tooLarge = await store.put("desired-state", other, new Uint8Array(limit + 1));
      expect(tooLarge).toEqual({ _tag: "TooLarge", bytes: limit + 1, limit });
      expect(await store.get("desired-state", other)).toEqual({ _tag: "Absent" });
    });

    test("a request of that size gets through, one byte more does not", async () => {
      const [server, asker] = [await client(), await client()];
      const subject = `test.size.${freshKey()}`;
      server.serve(subject, async (request) => bytes(String(request.length)));
      const limit = asker.maxPayload();
      await settled(server);
      const reply = await asker.request(subject, new Uint8Array(limit));
      expect(comparable(reply)).toEqual({ _tag: "Reply", value: bytes(String(limit)) });
      const refused = await asker.request(subject, new Uint8Array(limit + 1));
      expect(refused).toMatchObject({ _tag: "Unreachable", reason: "Failed" });
    });
  });
}
