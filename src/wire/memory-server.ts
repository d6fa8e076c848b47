import { harmless } from "./nats/harmless.ts";
import { MemoryEvents } from "./memory-events.ts";
import { BUCKETS, type Bucket, type Written } from "./store.ts";

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
  readonly events = new MemoryEvents();
  readonly assets = new Map<string, Uint8Array>();
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
    this.buckets ??= new Map(BUCKETS.map((bucket) => [bucket, { revision: 0, entries: new Map() }]));
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
    for (const watcher of this.watchers) {
      queueMicrotask(() => {
        if (this.watchers.has(watcher)) harmless(() => watcher(bucket, key));
      });
    }
    return { _tag: "Written", revision: state.revision };
  }
}
