import type { AssetRef } from "../../scores/asset.ts";
import type { AssetPlace } from "../../wire/store.ts";
import type { Space } from "../disk.ts";

/** An asset that is on its way to the disk. One of them for each hash at a time. */
export interface Part {
  /** Of the copy that it was begun with. */
  readonly place: AssetPlace;
  /** What comes next, and how far that leads. What was given long ago outlasts a crash. */
  append(bytes: Uint8Array, place: AssetPlace): Promise<void>;
  /** True: its hash is right, and it is whole from now on, also after a crash. False: it is not, and all of it is gone. */
  finish(): Promise<boolean>;
  /** Leaves it where it is, to go on from there. */
  close(): Promise<void>;
  discard(): void;
}

/** What lies in the cache. */
export interface Held {
  readonly sha256: string;
  /** On disk. */
  readonly bytes: number;
  readonly isWhole: boolean;
  /** When it was used last. */
  readonly usedMs: number;
}

/** Where there has to be room for an asset, and for its copy. */
export interface Room {
  /** Of the file system of the cache; null where that cannot be told. */
  readonly cache: Space | null;
  /** Of the one that the copy goes to, where it is another. */
  readonly copy: Space | null;
}

/** The directory of the cache. Every call may reject with a PortError, or throw one. */
export interface AssetDisk {
  list(): readonly Held[];
  has(ref: AssetRef): boolean;
  /** Goes on from where that copy was, and from the beginning where it is another one. */
  begin(sha256: string, object: string, signal: AbortSignal): Promise<Part>;
  /** Its bytes. Where they are not what the hash says, it is removed, and this rejects (`Corrupt`) in place of ending. */
  read(ref: AssetRef, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** It was used just now. */
  touch(sha256: string): void;
  remove(sha256: string): void;
  /** `copyTo`: as Scores name paths. */
  room(copyTo: string | null): Promise<Room>;
}
