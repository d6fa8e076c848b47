import { createHash } from "node:crypto";
import type { EventStream, StoredEvent } from "./event-stream.ts";
import type { AgentId } from "./keys.ts";
import { MemoryServer, type Served } from "./memory-server.ts";
import { Call } from "./nats/call.ts";
import { harmless } from "./nats/harmless.ts";
import { orAborted } from "./nats/or-aborted.ts";
import { isKey, isPlainSubject } from "./nats/subjects.ts";
import type { AssetRef } from "../scores/asset.ts";
import type { Revisions } from "./revisions.ts";
import {
  type AssetPiece,
  type AssetPlace,
  type Bucket,
  type CallOptions,
  type Found,
  type FoundAsset,
  type Reply,
  type Store,
  type StoreAdmin,
  type RemovedAsset,
  type StreamedAsset,
  type StreamOptions,
  type Unreachable,
  type Written,
} from "./store.ts";

export type Operation =
  | "get"
  | "put"
  | "delete"
  | "keys"
  | "revisionAt"
  | "putAsset"
  | "getAsset"
  | "findAsset"
  | "readAsset"
  | "streamAsset"
  | "removeAsset"
  | "request"
  | "ensureBuckets"
  | "tellEvent"
  | "eventAt"
  | "lastEvent";

export interface Fault {
  /** How many calls it strikes. Default 1; `Infinity` until `heal`. */
  readonly times?: number;
  /** Which calls it strikes. Default all. */
  readonly only?: readonly Operation[];
  /** Default `TimedOut`. */
  readonly reason?: Unreachable["reason"];
}

interface OrderedFault {
  readonly effect: boolean;
  readonly times: number;
  readonly only: readonly Operation[] | undefined;
  readonly reason: Unreachable["reason"];
}

/** What is there on each connection: a watcher, or a handler. */
interface Attachment {
  attach(): void;
  detach(): void;
  onConnected?(): void;
}

/**
 * The port in memory, for tests and without a deadline of its own except in `request`. Several stores on one server
 * see each other as over NATS. Beyond the port it can be cut off, and made to fail.
 */
export class MemoryStore implements Store, StoreAdmin, EventStream, Revisions {
  readonly server: MemoryServer;
  readonly #attached = new Set<Attachment>();
  readonly #listeners = new Set<(state: "connected" | "disconnected") => void>();
  /** Fires when the connection is lost. */
  #connection = new AbortController();
  #closed = false;
  #fault: OrderedFault | undefined;

  constructor(server: MemoryServer = new MemoryServer()) {
    this.server = server;
  }

  /**
   * Makes the next calls of this store answer `Unreachable`: `"before"`, so that nothing has happened, or `"after"`,
   * so that it has happened and only the answer was lost.
   */
  fail(when: "before" | "after", { times = 1, only, reason = "TimedOut" }: Fault = {}): void {
    this.#fault = { effect: when === "after", times, only, reason };
  }

  /** Takes back what `fail` has ordered. */
  heal(): void {
    this.#fault = undefined;
  }

  /** Cuts this store off: its calls answer `Unreachable`, it hears nothing, and what it serves is gone. */
  disconnect(): void {
    if (this.#connection.signal.aborted) return;
    this.#connection.abort();
    for (const attachment of this.#attached) attachment.detach();
    for (const listener of this.#listeners) harmless(() => listener("disconnected"));
  }

  reconnect(): void {
    if (!this.#connection.signal.aborted || this.#closed) return;
    this.#connection = new AbortController();
    for (const attachment of this.#attached) attachment.attach();
    for (const listener of this.#listeners) harmless(() => listener("connected"));
    for (const attachment of this.#attached) harmless(() => attachment.onConnected?.());
  }

  async get(bucket: Bucket, key: string, options?: CallOptions): Promise<Found | Unreachable> {
    if (!isKey(key)) return noKey(key);
    return this.#run("get", options, (): Found | Unreachable => {
      if (this.server.buckets === undefined) return noBuckets();
      const entry = this.server.buckets.get(bucket)?.entries.get(key);
      if (entry === undefined) return { _tag: "Absent" };
      const { value, revision } = entry;
      return value === undefined ? { _tag: "Deleted", revision } : { _tag: "Value", value: value.slice(), revision };
    });
  }

  async put(
    bucket: Bucket,
    key: string,
    value: Uint8Array,
    options?: CallOptions & { readonly expect?: number | undefined },
  ): Promise<Written | Unreachable> {
    if (!isKey(key)) return noKey(key);
    const limit = this.server.maxPayload;
    const copy = value.slice();
    return this.#run("put", options, () =>
      copy.length > limit
        ? { _tag: "TooLarge", bytes: copy.length, limit }
        : (this.server.write(bucket, key, copy, options?.expect) ?? noBuckets()),
    );
  }

  async delete(
    bucket: Bucket,
    key: string,
    options?: CallOptions & { readonly expect?: number | undefined },
  ): Promise<Written | Unreachable> {
    if (!isKey(key)) return noKey(key);
    return this.#run(
      "delete",
      options,
      () => this.server.write(bucket, key, undefined, options?.expect) ?? noBuckets(),
    );
  }

  async revisionAt(
    bucket: Bucket,
    key: string,
    from: number,
    options?: CallOptions,
  ): ReturnType<Revisions["revisionAt"]> {
    if (!isKey(key)) return noKey(key);
    return this.#run("revisionAt", options, () => {
      if (this.server.buckets === undefined) return noBuckets();
      const newest = this.server.buckets.get(bucket)?.entries.get(key);
      const kept =
        bucket === "desired-state"
          ? this.server.revisions.filter((each) => each.key === key)
          : newest === undefined
            ? []
            : [{ revision: newest.revision, storedAt: this.server.now(), value: newest.value ?? null }];
      const found = kept.find(({ revision }) => revision >= from);
      if (found === undefined) return { _tag: "None" };
      const { revision, storedAt, value } = found;
      return { _tag: "Revision", revision, storedAt, value: value?.slice() ?? null };
    });
  }

  async keys(bucket: Bucket, options?: CallOptions): Promise<readonly string[] | Unreachable> {
    return this.#run("keys", options, () => {
      if (this.server.buckets === undefined) return noBuckets();
      const entries = [...(this.server.buckets.get(bucket)?.entries ?? [])];
      return entries.filter(([, { value }]) => value !== undefined).map(([key]) => key);
    });
  }

  onChange(bucket: Bucket, key: string, poke: (key: string) => void): () => void {
    if (key !== "*" && !isKey(key)) throw new TypeError(noKey(key).message);
    const watcher = (where: Bucket, what: string): void => {
      if (where === bucket && (key === "*" || key === what)) poke(what);
    };
    return this.#attach({
      attach: () => void this.server.watchers.add(watcher),
      detach: () => void this.server.watchers.delete(watcher),
      onConnected: () => poke(key),
    });
  }

  onConnection(listener: (state: "connected" | "disconnected") => void): () => void {
    const entry: typeof listener = (state) => listener(state);
    this.#listeners.add(entry);
    harmless(() => entry(this.#connection.signal.aborted ? "disconnected" : "connected"));
    return () => void this.#listeners.delete(entry);
  }

  async putAsset(
    bytes: Uint8Array,
    options?: CallOptions,
  ): Promise<{ readonly _tag: "Stored"; readonly sha256: string } | Unreachable> {
    const copy = bytes.slice();
    return this.#run("putAsset", options, () => {
      if (this.server.buckets === undefined) return noBuckets();
      const sha256 = sha256Of(copy);
      this.server.assets.set(sha256, copy);
      return { _tag: "Stored", sha256 };
    });
  }

  async getAsset(sha256: string, options: CallOptions & { readonly limit: number }): ReturnType<Store["getAsset"]> {
    const { limit } = options;
    return this.#run("getAsset", options, () => {
      if (this.server.buckets === undefined) return noBuckets();
      const held = this.server.assets.get(sha256);
      if (held === undefined) return { _tag: "Absent" };
      if (held.length > limit) return { _tag: "TooLarge", bytes: held.length, limit };
      if (sha256Of(held) === sha256) return { _tag: "Value", value: held.slice() };
      return { _tag: "Corrupt", message: `asset ${sha256} does not have that hash` };
    });
  }

  async findAsset(sha256: string, options?: CallOptions): Promise<FoundAsset | Unreachable> {
    return this.#run("findAsset", options, (): FoundAsset | Unreachable => {
      if (this.server.buckets === undefined) return noBuckets();
      const held = this.server.assets.get(sha256);
      if (held === undefined) return { _tag: "Absent" };
      return { _tag: "Found", object: this.server.objectOf(held), size: held.length };
    });
  }

  async readAsset(_: string, { object, at }: AssetPlace, options?: CallOptions): Promise<AssetPiece | Unreachable> {
    return this.#run("readAsset", options, (): AssetPiece | Unreachable => {
      if (this.server.buckets === undefined) return noBuckets();
      const bytes = this.server.piece(object, at);
      return bytes === undefined ? { _tag: "End" } : { _tag: "Piece", bytes, at: at + 1 };
    });
  }

  async streamAsset(
    { asset: sha256, size }: AssetRef,
    pieces: () => AsyncIterable<Uint8Array>,
    { again = false, onProgress, ...options }: StreamOptions = {},
  ): Promise<StreamedAsset | Unreachable> {
    return this.#run("streamAsset", options, async (): Promise<StreamedAsset | Unreachable> => {
      if (this.server.buckets === undefined) return noBuckets();
      if (!again && this.server.assets.get(sha256)?.length === size) return { _tag: "Stored", before: true };
      const read: Uint8Array[] = [];
      for await (const piece of pieces()) {
        read.push(piece.slice());
        onProgress?.(read.reduce((sum, each) => sum + each.length, 0));
      }
      const whole = Uint8Array.from(Buffer.concat(read));
      if (whole.length !== size || sha256Of(whole) !== sha256) {
        return {
          _tag: "Mismatch",
          message: `what was read is ${whole.length} bytes with the sha256 ${sha256Of(whole)}`,
        };
      }
      this.server.assets.set(sha256, whole);
      return { _tag: "Stored", before: false };
    });
  }

  async removeAsset(sha256: string, options?: CallOptions): Promise<RemovedAsset | Unreachable> {
    return this.#run("removeAsset", options, (): RemovedAsset | Unreachable => {
      if (this.server.buckets === undefined) return noBuckets();
      return { _tag: this.server.assets.delete(sha256) ? "Removed" : "Absent" };
    });
  }

  async tellEvent(
    agentId: AgentId,
    line: Uint8Array,
    sha256: string,
    options?: CallOptions,
  ): ReturnType<EventStream["tellEvent"]> {
    const copy = line.slice();
    return this.#run("tellEvent", options, () => {
      if (this.server.buckets === undefined) return noBuckets();
      return { _tag: "Told", ...this.server.events.tell(agentId, copy, sha256) };
    });
  }

  async eventAt(whom: AgentId | "*", position: number, options?: CallOptions): ReturnType<EventStream["eventAt"]> {
    return this.#run("eventAt", options, () => this.#event((of) => of.find((each) => each.position >= position), whom));
  }

  async lastEvent(whom: AgentId | "*", options?: CallOptions): ReturnType<EventStream["lastEvent"]> {
    return this.#run("lastEvent", options, () => this.#event((of) => of.at(-1), whom));
  }

  onEvent(whom: AgentId | "*", poke: () => void): () => void {
    const told = (by: string): void => {
      if (whom === "*" || whom === by) poke();
    };
    return this.#attach({
      attach: () => void this.server.events.listeners.add(told),
      detach: () => void this.server.events.listeners.delete(told),
      onConnected: poke,
    });
  }

  #event(
    choose: (of: readonly StoredEvent[]) => StoredEvent | undefined,
    whom: AgentId | "*",
  ): Awaited<ReturnType<EventStream["eventAt"]>> {
    if (this.server.buckets === undefined) return noBuckets();
    const of = this.server.events.all.filter(({ agentId }) => whom === "*" || agentId === whom);
    return choose(of) ?? { _tag: "None" };
  }

  serve(subject: string, handler: Served["handler"]): () => void {
    if (!isPlainSubject(subject)) throw new TypeError(`"${subject}" is no subject that can be served`);
    const served = { subject, handler };
    return this.#attach({
      attach: () => void this.server.served.add(served),
      detach: () => void this.server.served.delete(served),
    });
  }

  async request(subject: string, value: Uint8Array, options?: CallOptions): Promise<Reply | Unreachable> {
    if (!isPlainSubject(subject)) return unreachable("Failed", `"${subject}" is no subject that can be asked`);
    const copy = value.slice();
    return this.#run("request", options, async () => {
      const { served, maxPayload } = this.server;
      if (copy.length > maxPayload) return unreachable("Failed", "the request is larger than the server takes");
      const there = [...served].filter((entry) => entry.subject === subject);
      if (there.length === 0) return { _tag: "NobodyThere" };
      return this.#firstReply(there, copy, options);
    });
  }

  maxPayload(): number {
    return this.server.maxPayload;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.disconnect();
    this.#attached.clear();
    this.#listeners.clear();
  }

  async ensureBuckets(options?: CallOptions): Promise<{ readonly _tag: "Ready" } | Unreachable> {
    return this.#run("ensureBuckets", options, () => {
      this.server.makeBuckets();
      return { _tag: "Ready" };
    });
  }

  async #run<T>(
    operation: Operation,
    options: CallOptions | undefined,
    effect: () => T | Promise<T>,
  ): Promise<T | Unreachable> {
    if (this.#connection.signal.aborted) {
      return unreachable("Disconnected", this.#closed ? "this store was closed" : "this store was cut off");
    }
    if (new Call(options).left() === 0) {
      return unreachable("TimedOut", "the caller gave up");
    }
    // As over a network, nothing happens before the caller goes on.
    await Promise.resolve();
    const fault = this.#takeFault(operation);
    if (fault === undefined) return effect();
    if (fault.effect) await effect();
    return unreachable(fault.reason, "the test wanted this call to fail");
  }

  #takeFault(operation: Operation): OrderedFault | undefined {
    const fault = this.#fault;
    if (fault === undefined || fault.only?.includes(operation) === false) return undefined;
    this.#fault = fault.times > 1 ? { ...fault, times: fault.times - 1 } : undefined;
    return fault;
  }

  #attach(attachment: Attachment): () => void {
    this.#attached.add(attachment);
    if (!this.#connection.signal.aborted) attachment.attach();
    return () => {
      this.#attached.delete(attachment);
      attachment.detach();
    };
  }

  /** A handler that throws, or whose reply is too large, answers nothing. */
  async #firstReply(
    there: readonly Served[],
    value: Uint8Array,
    options: CallOptions | undefined,
  ): Promise<Reply | Unreachable> {
    const { timeoutMs } = new Call(options);
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    const replies = there.map(async ({ handler }) => {
      const reply = await handler(value.slice());
      if (reply.length > this.server.maxPayload) throw new RangeError("the reply is larger than the server takes");
      return { _tag: "Reply", value: reply.slice() } as const;
    });
    const first = Promise.any(replies).catch(async () => new Promise<never>(() => {}));
    const { signal: lost } = this.#connection;
    const ends = [deadline.signal, lost, ...(options?.signal === undefined ? [] : [options.signal])];
    const reply = await orAborted(AbortSignal.any(ends), first, () =>
      lost.aborted
        ? unreachable("Disconnected", "this store was cut off")
        : unreachable("TimedOut", `no answer within ${timeoutMs} ms`),
    );
    clearTimeout(timer);
    return reply;
  }
}

const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const unreachable = (reason: Unreachable["reason"], message: string): Unreachable => ({
  _tag: "Unreachable",
  reason,
  message,
});

const noBuckets = (): Unreachable => unreachable("NoBucket", "the buckets were not made");

const noKey = (key: string): Unreachable => unreachable("Failed", `${JSON.stringify(key)} is no key`);
