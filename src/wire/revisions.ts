import type { Bucket, CallOptions, Unreachable } from "./store.ts";

/** What a key held from one moment on, until the next. */
export interface StoredRevision {
  readonly _tag: "Revision";
  readonly revision: number;
  /** By the server's clock. */
  readonly storedAt: Date;
  /** Null: it was deleted. */
  readonly value: Uint8Array | null;
}

/** What keys held before. Of `desired-state` the last 1000 of each are kept, of other buckets the newest alone. */
export interface Revisions {
  /** The first one of a key at `from` or later. Control plane only: an agent lacks the right. */
  revisionAt(
    bucket: Bucket,
    key: string,
    from: number,
    options?: CallOptions,
  ): Promise<StoredRevision | { readonly _tag: "None" } | Unreachable>;
}
