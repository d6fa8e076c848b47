import { describe, expect, test } from "vitest";
import { bytes, comparable, freshKey, storedAs, type Scene } from "./scene.ts";

/** Bytes under their hash. */
export function assetContract({ client, rig }: Scene): void {
  describe("assets", () => {
    test.each([0, 1, 256 * 1024, 2_500_000])("%i bytes come back under their hash", async (size) => {
      const [writer, reader] = [await client(), await client()];
      const asset = Uint8Array.from({ length: size }, (_, index) => (index * 31 + size) % 256);
      const sha256 = storedAs(await writer.putAsset(asset));
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      const got = await reader.getAsset(sha256, { limit: size });
      expect(got._tag === "Value" && Buffer.compare(got.value, asset)).toBe(0);
    });

    test("storing again is harmless, also at the same time", async () => {
      const [one, other] = [await client(), await client()];
      const asset = bytes(`asset ${freshKey()}`);
      const first = await Promise.all([one, other].map(async (store) => store.putAsset(asset)));
      const again = await one.putAsset(asset);
      expect(new Set([...first, again].map(storedAs)).size).toBe(1);
      const got = await other.getAsset(storedAs(again), { limit: 1000 });
      expect(comparable(got)).toEqual({ _tag: "Value", value: asset });
    });

    test("an asset that never was is Absent", async () => {
      const store = await client();
      expect(await store.getAsset("0".repeat(64), { limit: 10 })).toEqual({ _tag: "Absent" });
    });

    test("more bytes than the limit are TooLarge", async () => {
      const store = await client();
      const sha256 = storedAs(await store.putAsset(new Uint8Array(1001).fill(3)));
      expect(await store.getAsset(sha256, { limit: 1000 })).toEqual({ _tag: "TooLarge", bytes: 1001, limit: 1000 });
    });

    test("bytes that do not have the hash are Corrupt, until it is stored again", async () => {
      const store = await client();
      const asset = bytes(`asset ${freshKey()}`);
      const sha256 = storedAs(await store.putAsset(asset));
      await rig().corruptAsset(sha256);
      expect(await store.getAsset(sha256, { limit: 1000 })).toMatchObject({ _tag: "Corrupt" });
      expect(await store.putAsset(asset)).toEqual({ _tag: "Stored", sha256 });
      const got = await store.getAsset(sha256, { limit: 1000 });
      expect(comparable(got)).toEqual({ _tag: "Value", value: asset });
    });
  });
}
