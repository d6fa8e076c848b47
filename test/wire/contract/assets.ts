import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { AssetPlace } from "../../../src/wire/store.ts";
import { type AnyStore, bytes, comparable, freshKey, type Scene, storedAs } from "./scene.ts";

async function* inPieces(asset: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < asset.length; at += size) yield asset.subarray(at, at + size);
}

async function* unread(): AsyncGenerator<Uint8Array> {
  yield* [];
  throw new Error("the source broke");
}

async function allOf(store: AnyStore, sha256: string) {
  const found = await store.findAsset(sha256);
  if (found._tag !== "Found") throw new Error(`expected an asset, got ${JSON.stringify(found)}`);
  const { object } = found;
  const pieces: Uint8Array[] = [];
  const places: AssetPlace[] = [];
  for (let place: AssetPlace = { object, at: 0, bytes: 0 }; ;) {
    const piece = await store.readAsset(sha256, place);
    if (piece._tag === "End") return { object, pieces, places };
    if (piece._tag !== "Piece") throw new Error(piece.message);
    pieces.push(piece.bytes);
    place = { object, at: piece.at, bytes: place.bytes + piece.bytes.length };
    places.push(place);
  }
}

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

    test.each([0, 1, 300_000, 2_500_000])("%i bytes are streamed in, found, and read piece by piece", async (size) => {
      const [writer, reader] = [await client(), await client()];
      const asset = Uint8Array.from({ length: size }, (_, index) => (index * 37 + size) % 256);
      const ref = { asset: createHash("sha256").update(asset).digest("hex"), size };
      const told: number[] = [];
      const onProgress = (sent: number): void => void told.push(sent);
      const first = await writer.streamAsset(ref, () => inPieces(asset, 100_003), { onProgress, again: true });
      expect(first).toEqual({ _tag: "Stored", before: false });
      expect(told.at(-1) ?? 0).toBe(size);
      expect(await writer.streamAsset(ref, unread)).toEqual({ _tag: "Stored", before: true });
      const { object, pieces, places } = await allOf(reader, ref.asset);
      expect(Buffer.concat(pieces).equals(asset)).toBe(true);
      // From any of them on, also in the middle of a block of the cipher.
      for (const [at, place] of places.slice(0, -1).entries()) {
        const next = await reader.readAsset(ref.asset, place);
        expect(next._tag === "Piece" && Buffer.from(next.bytes).equals(pieces[at + 1] ?? Buffer.alloc(0))).toBe(true);
      }
      expect(await writer.streamAsset(ref, () => inPieces(asset, 70_001), { again: true })).toEqual({
        _tag: "Stored",
        before: false,
      });
      expect(await reader.findAsset(ref.asset)).not.toMatchObject({ object });
      expect(Buffer.concat((await allOf(reader, ref.asset)).pieces).equals(asset)).toBe(true);
    });

    test("what was stored whole at once can be read piece by piece, from any of them on", async () => {
      const store = await client();
      const asset = Uint8Array.from({ length: 1_000_000 }, (_, index) => (index * 41) % 256);
      const sha256 = storedAs(await store.putAsset(asset));
      const { object, pieces, places } = await allOf(store, sha256);
      expect(pieces.length).toBeGreaterThan(2);
      const third = await store.readAsset(sha256, places[1] ?? { object, at: 0, bytes: 0 });
      expect(third._tag === "Piece" && Buffer.from(third.bytes).equals(pieces[2] ?? Buffer.alloc(0))).toBe(true);
    });

    test("what streams in with another hash or size is not stored, nor what its source breaks off", async () => {
      const store = await client();
      const asset = bytes(`asset ${freshKey()}`);
      const sha256 = createHash("sha256").update(asset).digest("hex");
      for (const ref of [
        { asset: sha256, size: asset.length + 1 },
        { asset: "1".repeat(64), size: asset.length },
      ]) {
        expect(await store.streamAsset(ref, () => inPieces(asset, 4))).toMatchObject({ _tag: "Mismatch" });
        expect(await store.findAsset(ref.asset)).toEqual({ _tag: "Absent" });
      }
      const broken = store.streamAsset({ asset: sha256, size: asset.length }, unread);
      await expect(broken).rejects.toThrow("the source broke");
      expect(await store.findAsset(sha256)).toEqual({ _tag: "Absent" });
    });

    test("what is removed is Absent, can be stored again, and is removed but once", async () => {
      const [writer, reader] = [await client(), await client()];
      const asset = Uint8Array.from({ length: 600_000 }, (_, index) => (index * 43) % 256);
      const ref = { asset: createHash("sha256").update(asset).digest("hex"), size: asset.length };
      expect(await writer.removeAsset(ref.asset)).toEqual({ _tag: "Absent" });
      for (let turn = 0; turn < 2; turn += 1) {
        expect(await writer.streamAsset(ref, () => inPieces(asset, 100_000))).toEqual({
          _tag: "Stored",
          before: false,
        });
        const { object } = await allOf(reader, ref.asset);
        expect(await writer.removeAsset(ref.asset)).toEqual({ _tag: "Removed" });
        expect(await reader.findAsset(ref.asset)).toEqual({ _tag: "Absent" });
        // Nor is it read on by whoever had begun to: what is left of it is nothing.
        const left = await reader.readAsset(ref.asset, { object, at: 0, bytes: 0 });
        expect(left._tag === "End" || (left._tag === "Piece" && left.bytes.length === 0)).toBe(true);
        expect(await writer.removeAsset(ref.asset)).toEqual({ _tag: "Absent" });
      }
    });

    test("no asset has no object, and no object no piece", async () => {
      const store = await client();
      expect(await store.findAsset("2".repeat(64))).toEqual({ _tag: "Absent" });
      expect(await store.readAsset("2".repeat(64), { object: "nothing", at: 0, bytes: 0 })).toEqual({ _tag: "End" });
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
