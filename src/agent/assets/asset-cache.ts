import type { AssetRef } from "../../scores/asset.ts";
import type { Assets, Clock, Log } from "../../scores/context.ts";
import type { Store } from "../../wire/store.ts";
import { calledOff } from "../called-off.ts";
import { floorOf } from "../free-space.ts";
import type { AssetDisk, Held } from "./asset-disk.ts";
import { noRoom, overLimit } from "./asset-errors.ts";
import { type CorruptObjects, fetchAsset } from "./fetch-asset.ts";

/** How many come side by side. More would only make each of them slower. */
const AT_ONCE = 2;

export interface AssetCacheParts {
  readonly store: Pick<Store, "findAsset" | "readAsset">;
  readonly disk: AssetDisk;
  readonly clock: Clock;
  readonly log: Log;
  /** Bytes of all that is in it, and of what is on its way. */
  readonly limitBytes: number;
}

/** One that is on its way, for all who wait for it. */
interface Coming {
  readonly size: number;
  readonly done: Promise<void>;
  readonly stop: AbortController;
  waiting: number;
}

/**
 * The files that Scores refer to by their hash: fetched once for all of them, kept within a bound, and gone when nothing refers
 * to them any more.
 */
export class AssetCache implements Assets {
  readonly #parts: AssetCacheParts;
  readonly #coming = new Map<string, Coming>();
  readonly #inUse = new Set<() => ReadonlySet<string>>();
  readonly #corrupt: CorruptObjects = new Map();
  readonly #queue: (() => void)[] = [];
  #running = 0;
  #collected: readonly ReadonlySet<string>[] = [];

  constructor(parts: AssetCacheParts) {
    this.#parts = parts;
  }

  get limitBytes(): number {
    return this.#parts.limitBytes;
  }

  /** What these hashes name is kept from now on; asked each time. Returns the way to let go of them. */
  keeps(hashes: () => ReadonlySet<string>): () => void {
    this.#inUse.add(hashes);
    return () => void this.#inUse.delete(hashes);
  }

  async fetch(
    ref: AssetRef,
    { signal, copyTo }: { readonly signal: AbortSignal; readonly copyTo?: string },
  ): Promise<void> {
    const { disk } = this.#parts;
    while (!disk.has(ref)) {
      if (signal.aborted) throw calledOff();
      const coming = this.#coming.get(ref.asset);
      // Nobody waited for it any more, and now somebody does.
      if (coming?.stop.signal.aborted === true) await coming.done.catch(() => {});
      else await this.#wait(coming ?? this.#begin(ref, copyTo ?? null), signal);
    }
    disk.touch(ref.asset);
  }

  read(ref: AssetRef, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#parts.disk.read(ref, signal);
  }

  /** What nothing refers to any more need not come any further. */
  release(): void {
    const inUse = this.#hashesInUse();
    for (const [sha256, { stop }] of this.#coming) if (!inUse.has(sha256)) stop.abort();
  }

  /** Removes what nothing refers to. Does nothing where nothing has come since, and the same is referred to. */
  collect(): void {
    const { disk, log } = this.#parts;
    const inUse = [...this.#inUse].map((hashes) => hashes());
    if (inUse.length === this.#collected.length && inUse.every((each, at) => each === this.#collected[at])) return;
    try {
      for (const { sha256, bytes } of this.#unused()) {
        disk.remove(sha256);
        log("removed an asset that nothing refers to any more", { asset: sha256, bytes });
      }
      this.#collected = inUse;
    } catch (error) {
      log("the cache of assets could not be tidied", { error: String(error) });
    }
  }

  /** Resolves once what was called off has come to rest, and how far it was is saved. Never rejects. */
  async idle(): Promise<void> {
    await Promise.allSettled([...this.#coming.values()].map(({ done }) => done));
  }

  #hashesInUse(): ReadonlySet<string> {
    return new Set([...this.#inUse].flatMap((hashes) => [...hashes()]));
  }

  /** The one that was used longest ago comes first. */
  #unused(): readonly Held[] {
    const inUse = this.#hashesInUse();
    return this.#parts.disk
      .list()
      .filter(({ sha256 }) => !inUse.has(sha256) && !this.#coming.has(sha256))
      .toSorted((a, b) => a.usedMs - b.usedMs);
  }

  /** Somebody who gives up does not end it for the others. */
  async #wait(coming: Coming, signal: AbortSignal): Promise<void> {
    coming.waiting += 1;
    let give = (): void => {};
    const gaveUp = new Promise<never>((_, reject) => (give = () => reject(calledOff())));
    signal.addEventListener("abort", give, { once: true });
    if (signal.aborted) give();
    try {
      await Promise.race([coming.done, gaveUp]);
    } finally {
      signal.removeEventListener("abort", give);
      coming.waiting -= 1;
      if (coming.waiting === 0) coming.stop.abort();
    }
  }

  #begin(ref: AssetRef, copyTo: string | null): Coming {
    const stop = new AbortController();
    const done = this.#inTurn(stop.signal, () => this.#fetch(ref, copyTo, stop.signal)).finally(() => {
      this.#coming.delete(ref.asset);
      this.#collected = [];
    });
    // Whoever waited may have gone.
    done.catch(() => {});
    const coming: Coming = { size: ref.size, done, stop, waiting: 0 };
    this.#coming.set(ref.asset, coming);
    return coming;
  }

  async #inTurn(signal: AbortSignal, run: () => Promise<void>): Promise<void> {
    if (this.#running >= AT_ONCE) await new Promise<void>((begin) => this.#queue.push(begin));
    else this.#running += 1;
    try {
      if (signal.aborted) throw calledOff();
      await run();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  async #fetch(ref: AssetRef, copyTo: string | null, signal: AbortSignal): Promise<void> {
    const { store, disk, clock, log } = this.#parts;
    const makeRoom = (): Promise<void> => this.#makeRoom(ref, copyTo);
    await fetchAsset(ref, { store, disk, clock, log, signal, corrupt: this.#corrupt, makeRoom });
  }

  /** Before the first byte comes: within the bound, and on the disk, also for the copy of it. */
  async #makeRoom(ref: AssetRef, copyTo: string | null): Promise<void> {
    const { disk, limitBytes } = this.#parts;
    const others = this.#othersThan(ref.asset);
    for (const each of this.#unused()) {
      if (others() + ref.size <= limitBytes) break;
      disk.remove(each.sha256);
    }
    if (others() + ref.size > limitBytes) throw overLimit(ref, limitBytes, others());
    const got = disk.list().find(({ sha256 }) => sha256 === ref.asset)?.bytes ?? 0;
    const needed = Math.max(0, ref.size - got);
    for (;;) {
      const { cache, copy } = await disk.room(copyTo);
      const copied = copyTo === null ? 0 : ref.size;
      if (copy !== null && copy.freeBytes < copied) throw noRoom(ref, copied, copy.freeBytes, `where ${copyTo} is`);
      if (cache === null) return;
      const all = needed + (copy === null ? copied : 0) + floorOf(cache);
      if (cache.freeBytes >= all) return;
      const [first] = this.#unused();
      const both =
        copied > 0 && copy === null
          ? "for itself, its copy, and the agent's own reserve,"
          : "and the agent's own reserve,";
      if (first === undefined) throw noRoom(ref, all, cache.freeBytes, `${both} on the disk of the cache`);
      disk.remove(first.sha256);
    }
  }

  /** Bytes of all else that is in the cache, or on its way into it. */
  #othersThan(sha256: string): () => number {
    return () => {
      const held = this.#parts.disk.list().filter((each) => each.sha256 !== sha256 && !this.#coming.has(each.sha256));
      const coming = [...this.#coming].filter(([each]) => each !== sha256);
      return held.reduce((sum, { bytes }) => sum + bytes, 0) + coming.reduce((sum, [, { size }]) => sum + size, 0);
    };
  }
}
