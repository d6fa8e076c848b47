import { expect, test } from "vitest";
import { CacheRig, madeOf, PIECE } from "./cache-rig.ts";

const a = madeOf(1, 7 * PIECE + 1);

/** The caller gives up while this piece is asked for. */
function giveUpAt(rig: CacheRig, piece: number): AbortSignal {
  const cut = new AbortController();
  rig.store.onCall = (after) => {
    if (after === piece) cut.abort();
  };
  return cut.signal;
}

test("what was given up goes on from where it was, also after a restart, and is right", async () => {
  const rig = await CacheRig.open();
  rig.put(a);
  for (const piece of [2, 5]) {
    expect(await rig.fetch(a.ref, giveUpAt(rig, piece))).toMatchObject({ code: "TimedOut" });
    await rig.cache.idle();
    await rig.start();
  }
  expect(await rig.fetch(a.ref)).toBeNull();
  const resumed = rig.log.filter(({ message }) => message === "going on with an asset").map(({ fields }) => fields);
  expect(resumed).toMatchObject([{ from: 2 * PIECE }, { from: 5 * PIECE }]);
  expect(Buffer.from(await rig.bytesOf(a.ref)).equals(a.bytes)).toBe(true);
  rig.close();
});

test("of another copy on the server it begins anew", async () => {
  const rig = await CacheRig.open();
  rig.server.assets.set(
    a.ref.asset,
    a.bytes.map((byte) => byte ^ 1),
  );
  expect(await rig.fetch(a.ref, giveUpAt(rig, 3))).toMatchObject({ code: "TimedOut" });
  await rig.cache.idle();
  rig.put(a);
  expect(await rig.fetch(a.ref)).toBeNull();
  expect(Buffer.from(await rig.bytesOf(a.ref)).equals(a.bytes)).toBe(true);
  rig.close();
});
