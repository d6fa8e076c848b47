import type { AssetRef } from "../scores/asset.ts";

/** The buckets of the transport, each keyed by agent id. */
export const BUCKETS = ["desired-state", "actual-state", "heartbeat", "capabilities"] as const;
/** Keyed by the id of a roll-out. It is the control plane's own: no agent reads or writes it. */
export const ROLLOUTS = "rollouts";
export const ALL_BUCKETS = [...BUCKETS, ROLLOUTS] as const;
export type Bucket = (typeof ALL_BUCKETS)[number];

/** Nothing could be learnt: the server, the bucket or the answer was not there in time. Never to be read as "no key". */
export interface Unreachable {
  readonly _tag: "Unreachable";
  /** `NoBucket`: the server answered that the bucket does not exist. */
  readonly reason: "Disconnected" | "TimedOut" | "NoBucket" | "Denied" | "Failed";
  readonly message: string;
}

/** What a key holds. `Absent` (never written) and `Deleted` (somebody removed it) are told apart, and neither is an empty value. */
export type Found =
  | { readonly _tag: "Value"; readonly value: Uint8Array; readonly revision: number }
  | { readonly _tag: "Deleted"; readonly revision: number }
  | { readonly _tag: "Absent" };

export type Written =
  | { readonly _tag: "Written"; readonly revision: number }
  /** Compare-and-set lost: the key is no longer at the revision that was expected. Read again and decide. */
  | { readonly _tag: "Conflict" }
  | { readonly _tag: "TooLarge"; readonly bytes: number; readonly limit: number };

/**
 * Bounds of one call, however many round trips it takes. The call ends with `Unreachable`, reason `TimedOut`, when
 * `timeoutMs` (default 5000) has passed or `signal` fires; an effect that was under way may take place all the same.
 */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

export type Reply =
  | { readonly _tag: "Reply"; readonly value: Uint8Array }
  /** The server knows of nobody who listens there. */
  | { readonly _tag: "NobodyThere" };

export type FoundAsset =
  | { readonly _tag: "Found"; readonly object: string; readonly size: number }
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Corrupt"; readonly message: string };

/** How far one copy of an asset has been read. */
export interface AssetPlace {
  readonly object: string;
  /** Where the last piece lies, 0 before the first. */
  readonly at: number;
  /** How long the pieces up to there are together. */
  readonly bytes: number;
}

export type AssetPiece =
  /** `at`: where it lies, to be given for the next one. */
  | { readonly _tag: "Piece"; readonly bytes: Uint8Array; readonly at: number }
  /** There is no further one. */
  | { readonly _tag: "End" };

export interface StreamOptions extends CallOptions {
  readonly again?: boolean | undefined;
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

export type StreamedAsset =
  /** `before`: it was there, and nothing was sent. */
  | { readonly _tag: "Stored"; readonly before: boolean }
  /** The pieces are not what the hash or the size says; nothing was stored. */
  | { readonly _tag: "Mismatch"; readonly message: string };

export type RemovedAsset = { readonly _tag: "Removed" } | { readonly _tag: "Absent" };

/**
 * The transport as everything but `wire/nats` sees it. A put whose answer was lost may have been applied all the same:
 * after `Unreachable` read back before trying again. No method throws on account of the outside world. A key is one to
 * 128 of letters, digits, `-` and `_`; with any other, calls answer `Unreachable` with reason `Failed`, and `onChange`,
 * like `serve` with a subject that has a wildcard in it, throws a TypeError.
 */
export interface Store {
  get(bucket: Bucket, key: string, options?: CallOptions): Promise<Found | Unreachable>;
  /** `expect`: the revision that the key must be at, 0 for "holds no live value and never did or was deleted"; left out: whatever it is at. */
  put(
    bucket: Bucket,
    key: string,
    value: Uint8Array,
    options?: CallOptions & { readonly expect?: number | undefined },
  ): Promise<Written | Unreachable>;
  /** Leaves a deletion marker, so that a reader can tell it from a key that never was. `expect`: as for `put`, but for 0. */
  delete(
    bucket: Bucket,
    key: string,
    options?: CallOptions & { readonly expect?: number | undefined },
  ): Promise<Written | Unreachable>;
  /** Keys with a live value. Control plane only: an agent lacks the right. */
  keys(bucket: Bucket, options?: CallOptions): Promise<readonly string[] | Unreachable>;
  /**
   * Calls `poke` after a write to the key was stored, and after every reconnect. It is a hint: it carries no data, can
   * come twice and can be lost, so whoever uses it also reads on a timer. `"*"` as key means all keys.
   */
  onChange(bucket: Bucket, key: string, poke: (key: string) => void): () => void;
  /** Tells of the connection; calls back at once with the present state. */
  onConnection(listener: (state: "connected" | "disconnected") => void): () => void;
  /**
   * Stores bytes as they are, which every agent can read, under their own sha256 (lower-case hexadecimal); storing them again
   * is harmless.
   */
  putAsset(
    bytes: Uint8Array,
    options?: CallOptions,
  ): Promise<{ readonly _tag: "Stored"; readonly sha256: string } | Unreachable>;
  /** `Corrupt`: what came back does not have that hash. `limit`: more bytes than that are not read (`TooLarge`). */
  getAsset(
    sha256: string,
    options: CallOptions & { readonly limit: number },
  ): Promise<
    | { readonly _tag: "Value"; readonly value: Uint8Array }
    | { readonly _tag: "Absent" }
    | { readonly _tag: "Corrupt"; readonly message: string }
    | { readonly _tag: "TooLarge"; readonly bytes: number; readonly limit: number }
    | Unreachable
  >;
  /**
   * Looks for an asset, and reads none of it. `object`: what this copy of it is called, another name each time that it is
   * stored anew; goes into {@link readAsset}.
   */
  findAsset(sha256: string, options?: CallOptions): Promise<FoundAsset | Unreachable>;
  /** The piece that comes there. Only the hash of all of them tells whether they are right. */
  readAsset(sha256: string, place: AssetPlace, options?: CallOptions): Promise<AssetPiece | Unreachable>;
  /**
   * Stores an asset piece by piece, to be read by whoever knows its sha256 and nobody else, unless it is there already, as far as can be told without reading it; `again`: whether or
   * not it is. `timeoutMs` is that of one piece, and the caller is told how many bytes the server has. Rejects only with what
   * `pieces` throw.
   */
  streamAsset(
    ref: AssetRef,
    pieces: () => AsyncIterable<Uint8Array>,
    options?: StreamOptions,
  ): Promise<StreamedAsset | Unreachable>;
  /** Takes an asset away, whoever may still refer to it. Control plane only: an agent lacks the right. */
  removeAsset(sha256: string, options?: CallOptions): Promise<RemovedAsset | Unreachable>;
  /** Answers requests on a subject until the returned function is called. A handler that throws answers nothing. */
  serve(subject: string, handler: (request: Uint8Array) => Promise<Uint8Array>): () => void;
  /** A value larger than `maxPayload` is `Unreachable` with reason `Failed`. */
  request(subject: string, value: Uint8Array, options?: CallOptions): Promise<Reply | Unreachable>;
  /**
   * The largest value in bytes that `put` and `request` take: what the server says, at most 1 MiB, less the room that
   * the headers of a write need. 1 MiB less that room until the server has said.
   */
  maxPayload(): number;
  /** Waits for what is under way, at most 2 seconds, and lets go of the connection. */
  close(): Promise<void>;
}

/** What only a control plane does: make the buckets and streams as this version wants them. Safe to repeat. */
export interface StoreAdmin {
  ensureBuckets(options?: CallOptions): Promise<{ readonly _tag: "Ready" } | Unreachable>;
}
