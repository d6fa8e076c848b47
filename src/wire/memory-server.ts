import { harmless } from "./nats/harmless.ts";
import { MemoryEvents } from "./memory-events.ts";
import type { StoredRevision } from "./revisions.ts";
import { ALL_BUCKETS, type Bucket, type Written } from "./store.ts";

interface Entry {
  /** Undefined: a deletion marker. */
  readonly value: Uint8Array | undefined;
  readonly revision: number;
}

interface BucketState {
  revision: number;
  readonly entries: Map<string, Entry>;
}

export interface Served {
  readonly subject: string;
  readonly handler: (request: Uint8Array) => Promise<Uint8Array>;
}

/** What the stores of one test share: the data, and who watches and serves. */
export class MemoryServer {
  readonly maxPayload: number;
  /** Undefined until they are made. */
  buckets: ReadonlyMap<Bucket, BucketState> | undefined;
  /** All that `desired-state` has held, in order. */
  readonly revisions: (StoredRevision & { readonly key: string })[] = [];
  /** When a revision is stored now. A test may set it. */
  now: () => Date = () => new Date(0);
  readonly events = new MemoryEvents();
  readonly assets = new Map<string, Uint8Array>();
  /** What each copy of an asset is called. */
  readonly #objects = new WeakMap<Uint8Array, string>();
  #copies = 0;
  /** Of an asset, as it is read. */
  pieceBytes = 256 * 1024;
  readonly watchers = new Set<(bucket: Bucket, key: string) => void>();
  readonly served = new Set<Served>();

  /**
   * `maxPayload`: bytes, default 1 MiB. `buckets`: whether they exist from the start, default true; if not, calls
   * answer `NoBucket` until `ensureBuckets`.
   */
  constructor(options: { readonly maxPayload?: number; readonly buckets?: boolean } = {}) {
    this.maxPayload = options.maxPayload ?? 1024 * 1024;
    if (options.buckets !== false) this.makeBuckets();
  }

  makeBuckets(): void {
    this.buckets ??= new Map(ALL_BUCKETS.map((bucket) => [bucket, { revision: 0, entries: new Map() }]));
  }

  objectOf(held: Uint8Array): string {
    let object = this.#objects.get(held);
    if (object === undefined) this.#objects.set(held, (object = `copy${(this.#copies += 1)}`));
    return object;
  }

  /** Undefined where that copy is gone, or ends before. */
  piece(object: string, index: number): Uint8Array | undefined {
    const held = [...this.assets.values()].find((each) => this.#objects.get(each) === object);
    const piece = held?.slice(index * this.pieceBytes, (index + 1) * this.pieceBytes);
    return piece?.length === 0 ? undefined : piece;
  }

  /** Undefined as value leaves a deletion marker. Undefined as answer: the buckets were not made. */
  write(bucket: Bucket, key: string, value: Uint8Array | undefined, expect: number | undefined): Written | undefined {
    const state = this.buckets?.get(bucket);
    if (state === undefined) return undefined;
    const held = state.entries.get(key);
    // A deletion marker passes for "no live value" and for its own revision.
    const asExpected = expect === 0 ? held?.value === undefined : expect === held?.revision;
    if (expect !== undefined && !asExpected) return { _tag: "Conflict" };
    state.revision += 1;
    state.entries.set(key, { value, revision: state.revision });
    if (bucket === "desired-state") {
      const kept = { _tag: "Revision", revision: state.revision, storedAt: this.now(), value: value ?? null } as const;
      this.revisions.push({ ...kept, key });
    }
    for (const watcher of this.watchers) {
      queueMicrotask(() => {
        if (this.watchers.has(watcher)) harmless(() => watcher(bucket, key));
      });
    }
    return { _tag: "Written", revision: state.revision };
  }
}
