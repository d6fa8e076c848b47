import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AssetDirectory } from "../../../src/agent/adapters/asset-directory.ts";
import { AssetCache } from "../../../src/agent/assets/asset-cache.ts";
import type { Room } from "../../../src/agent/assets/asset-disk.ts";
import { PortError, type PortProblem } from "../../../src/capabilities/index.ts";
import type { AssetRef } from "../../../src/scores/asset.ts";
import { MemoryServer } from "../../../src/wire/memory-server.ts";
import { MemoryStore } from "../../../src/wire/memory-store.ts";
import type { AssetPiece } from "../../../src/wire/store.ts";
import { FakeClock, settle } from "../../../src/testing/fake-clock.ts";

export const PIECE = 1000;
export const never = new AbortController().signal;

export function madeOf(seed: number, size: number): { readonly ref: AssetRef; readonly bytes: Uint8Array } {
  const bytes = Uint8Array.from({ length: size }, (_, at) => (at * 31 + seed * 7 + (at >> 8)) % 256);
  return { ref: { asset: createHash("sha256").update(bytes).digest("hex"), size }, bytes };
}

/** Tells of each call before it answers. */
class WatchedStore extends MemoryStore {
  reads = 0;
  /** `after`: null where the asset is only looked for. */
  onCall: (after: number | null) => void = () => {};
  /** Where it gives something, that is the answer. */
  instead: (after: number) => AssetPiece | null = () => null;

  override findAsset(...given: Parameters<MemoryStore["findAsset"]>): ReturnType<MemoryStore["findAsset"]> {
    this.onCall(null);
    return super.findAsset(...given);
  }

  override async readAsset(...given: Parameters<MemoryStore["readAsset"]>): ReturnType<MemoryStore["readAsset"]> {
    this.reads += 1;
    const { at } = given[1];
    this.onCall(at);
    return this.instead(at) ?? super.readAsset(...given);
  }
}

/** The cache as an agent has it, on a real directory, with a server in memory. Starts of it follow one another. */
export class CacheRig {
  readonly folder = mkdtempSync(join(tmpdir(), "harmony-cache-"));
  readonly server = new MemoryServer();
  readonly store = new WatchedStore(this.server);
  readonly clock = new FakeClock();
  readonly log: { readonly message: string; readonly fields: unknown }[] = [];
  inUse: ReadonlySet<string> = new Set();
  /** Null: as it really is. */
  room: Room | null = null;
  limitBytes: number;
  cache!: AssetCache;
  disk!: AssetDirectory;

  private constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
    this.server.pieceBytes = PIECE;
  }

  static async open(limitBytes = 1_000_000): Promise<CacheRig> {
    const rig = new CacheRig(limitBytes);
    await rig.start();
    return rig;
  }

  /** A new start of the agent: what it only had in memory is gone. */
  async start(): Promise<void> {
    const { store, clock, limitBytes } = this;
    const disk = await AssetDirectory.open(join(this.folder, "assets"), this.folder);
    const room = disk.room.bind(disk);
    disk.room = async (copyTo) => this.room ?? room(copyTo);
    const log = (message: string, fields: unknown): void => void this.log.push({ message, fields });
    this.disk = disk;
    this.cache = new AssetCache({ store, disk, clock, log, limitBytes });
    this.cache.keeps(() => this.inUse);
  }

  put({ ref, bytes }: ReturnType<typeof madeOf>): void {
    this.server.assets.set(ref.asset, bytes);
  }

  /** Null: it came. */
  async fetch(ref: AssetRef, signal = never, copyTo?: string): Promise<PortProblem | null> {
    const state = { isOver: false };
    const coming = this.cache
      .fetch(ref, { signal, ...(copyTo !== undefined && { copyTo }) })
      .then(
        () => null,
        (error: unknown) => {
          if (error instanceof PortError) return error.problem;
          throw error;
        },
      )
      .finally(() => (state.isOver = true));
    // What waits for time is given some.
    while (!state.isOver) {
      await settle();
      await new Promise((turn) => setImmediate(turn));
      if (this.clock.timers > 0) await this.clock.advance(500);
    }
    return coming;
  }

  async bytesOf(ref: AssetRef): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this.cache.read(ref, never)) pieces.push(piece.slice());
    return Buffer.concat(pieces);
  }

  get held(): readonly string[] {
    return this.disk.list().map(({ sha256, isWhole }) => `${sha256}${isWhole ? "" : ".part"}`);
  }
  get heldBytes(): number {
    return this.disk.list().reduce((sum, { bytes }) => sum + bytes, 0);
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
