import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PortError } from "../../../src/capabilities/index.ts";
import { CacheRig, madeOf, never, PIECE } from "./cache-rig.ts";

let rig: CacheRig;
beforeEach(async () => {
  rig = await CacheRig.open();
});
afterEach(() => rig.close());

const a = madeOf(1, 3500);
const b = madeOf(2, 4200);
const c = madeOf(3, 5000);

describe("fetching", () => {
  test("brings it whole, and from then on needs no server", async () => {
    rig.put(a);
    expect(await rig.fetch(a.ref)).toBeNull();
    rig.store.disconnect();
    expect(await rig.fetch(a.ref)).toBeNull();
    expect(Buffer.from(await rig.bytesOf(a.ref)).equals(a.bytes)).toBe(true);
    expect(rig.held).toEqual([a.ref.asset]);
  });

  test("comes once for all who ask for it at the same time, and those who give up do not end it for the others", async () => {
    rig.put(a);
    const before = rig.store.reads;
    const gone = new AbortController();
    const all = [rig.fetch(a.ref), rig.fetch(a.ref, gone.signal), rig.fetch(a.ref)];
    gone.abort();
    expect((await Promise.all(all)).map((problem) => problem?.code ?? "here")).toEqual(["here", "TimedOut", "here"]);
    expect(rig.store.reads - before).toBe(Math.ceil(a.ref.size / PIECE));
  });

  test("an empty one comes too", async () => {
    const none = madeOf(0, 0);
    rig.put(none);
    expect(await rig.fetch(none.ref)).toBeNull();
    expect(await rig.bytesOf(none.ref)).toHaveLength(0);
  });

  test("one that is not there is told, and comes once it is", async () => {
    expect(await rig.fetch(a.ref)).toMatchObject({ code: "NotFound", blame: "author" });
    rig.put(a);
    expect(await rig.fetch(a.ref)).toBeNull();
  });

  test.each([
    ["other bytes", madeOf(9, a.ref.size).bytes, "its bytes do not have that hash"],
    ["fewer bytes", a.bytes.slice(0, 2000), "it has 2000 bytes there"],
  ])("%s than its hash says are told, never kept, and not read again before they are others", async (_, bytes, how) => {
    rig.server.assets.set(a.ref.asset, bytes);
    expect(await rig.fetch(a.ref)).toMatchObject({ code: "Corrupt", message: expect.stringContaining(how) });
    expect(rig.held).toEqual([]);
    const before = rig.store.reads;
    expect(await rig.fetch(a.ref)).toMatchObject({ code: "Corrupt" });
    expect(rig.store.reads).toBe(before);
    rig.put(a);
    expect(await rig.fetch(a.ref)).toBeNull();
  });

  test("one that loses its end while it is read is told", async () => {
    rig.put(a);
    rig.store.instead = (after) => (after >= 2 ? { _tag: "End" } : null);
    expect(await rig.fetch(a.ref)).toMatchObject({
      code: "Corrupt",
      message: expect.stringContaining("it ends after 2000 of 3500 bytes"),
    });
  });

  test("waits a minute for a server that does not answer, goes on from there, and then tells", async () => {
    rig.put(a);
    rig.store.fail("before", { only: ["readAsset"], times: 5 });
    expect(await rig.fetch(a.ref)).toBeNull();
    rig.put(b);
    rig.store.fail("before", { only: ["readAsset"], times: Infinity });
    const before = rig.clock.monotonicMs();
    expect(await rig.fetch(b.ref)).toMatchObject({ code: "Unavailable" });
    expect(rig.clock.monotonicMs() - before).toBeLessThanOrEqual(61_000);
  });
});

describe("what is in the cache", () => {
  test("and is not what its hash says ends with an error in place of its end, is thrown away, and comes again", async () => {
    rig.put(a);
    await rig.fetch(a.ref);
    const damaged = Uint8Array.from(a.bytes, (byte, at) => (at === 3000 ? byte ^ 1 : byte));
    writeFileSync(join(rig.folder, "assets", a.ref.asset), damaged);
    const problem = await rig.bytesOf(a.ref).catch((error: unknown) => error instanceof PortError && error.problem);
    expect(problem).toMatchObject({ code: "Corrupt", blame: "device" });
    expect(rig.held).toEqual([]);
    expect(await rig.fetch(a.ref)).toBeNull();
    expect(Buffer.from(await rig.bytesOf(a.ref)).equals(a.bytes)).toBe(true);
  });

  test("and has lost its end comes again", async () => {
    rig.put(a);
    await rig.fetch(a.ref);
    truncateSync(join(rig.folder, "assets", a.ref.asset), 10);
    expect(await rig.fetch(a.ref)).toBeNull();
    expect(Buffer.from(await rig.bytesOf(a.ref)).equals(a.bytes)).toBe(true);
  });

  test("is collected when nothing refers to it any more, and not while something does", async () => {
    for (const each of [a, b]) rig.put(each);
    rig.inUse = new Set([a.ref.asset, b.ref.asset]);
    await rig.fetch(a.ref);
    await rig.fetch(b.ref);
    rig.cache.collect();
    expect(rig.held).toHaveLength(2);
    rig.inUse = new Set([b.ref.asset]);
    rig.cache.collect();
    expect(rig.held).toEqual([b.ref.asset]);
  });

  test("makes room for others, the one that was used longest ago first; what is referred to stays", async () => {
    for (const each of [a, b, c]) rig.put(each);
    rig.limitBytes = 9000;
    await rig.start();
    await rig.fetch(a.ref);
    await rig.fetch(b.ref);
    // Used just now, and so not the one to go.
    await new Promise((later) => setTimeout(later, 20));
    await rig.fetch(a.ref);
    expect(await rig.fetch(c.ref)).toBeNull();
    expect(rig.held.toSorted()).toEqual([a.ref.asset, c.ref.asset].toSorted());
    rig.inUse = new Set([a.ref.asset, c.ref.asset]);
    expect(await rig.fetch(b.ref)).toMatchObject({
      code: "NoSpace",
      message: expect.stringMatching(/4\.1 KiB\).* it may hold 8\.8 KiB, and 8\.3 KiB of that are in use/),
    });
    expect(rig.held).toHaveLength(2);
  });

  test("need not come any further once nothing refers to it", async () => {
    rig.put(a);
    rig.store.fail("before", { only: ["readAsset"], times: Infinity });
    const fetching = rig.fetch(a.ref);
    rig.cache.release();
    expect(await fetching).toMatchObject({ code: "TimedOut" });
    rig.store.heal();
    expect(await rig.fetch(a.ref)).toBeNull();
  });
});

describe("the disk", () => {
  const space = (freeBytes: number) => ({ freeBytes, totalBytes: 100_000 });

  test("is looked at before the first byte comes: for itself, its copy, and a reserve", async () => {
    rig.put(a);
    const before = rig.store.reads;
    rig.room = { cache: space(16_999), copy: null };
    expect(await rig.fetch(a.ref, never, "/srv/a")).toMatchObject({
      code: "NoSpace",
      blame: "device",
      message: `the asset ${a.ref.asset} (3.4 KiB) needs 16.6 KiB for itself, its copy, and the agent's own reserve, on the disk of the cache, and 16.6 KiB are free there.`,
    });
    expect(rig.store.reads).toBe(before);
    expect(rig.held).toEqual([]);
    rig.room = { cache: space(17_000), copy: null };
    expect(await rig.fetch(a.ref, never, "/srv/a")).toBeNull();
  });

  test("of the copy may be another one", async () => {
    rig.put(a);
    rig.room = { cache: space(13_500), copy: space(3499) };
    expect(await rig.fetch(a.ref, never, "/srv/a")).toMatchObject({
      code: "NoSpace",
      message: expect.stringContaining("where /srv/a is"),
    });
    rig.room = { cache: space(13_500), copy: space(3500) };
    expect(await rig.fetch(a.ref, never, "/srv/a")).toBeNull();
  });

  test("that is too full has what nothing refers to taken away first", async () => {
    for (const each of [a, b]) rig.put(each);
    await rig.fetch(a.ref);
    rig.disk.room = async () => ({ cache: space(rig.held.includes(a.ref.asset) ? 100 : 50_000), copy: null });
    expect(await rig.fetch(b.ref)).toBeNull();
    expect(rig.held).toEqual([b.ref.asset]);
  });
});
