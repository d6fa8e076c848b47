import type { Msg } from "nats";
import type { AssetRef } from "../../scores/asset.ts";
import type { EventStream } from "../event-stream.ts";
import type { AgentId } from "../keys.ts";
import type { Revisions } from "../revisions.ts";
import type {
  AssetPiece,
  AssetPlace,
  Bucket,
  CallOptions,
  Found,
  FoundAsset,
  Reply,
  Store,
  StoreAdmin,
  RemovedAsset,
  StreamedAsset,
  StreamOptions,
  Unreachable,
  Written,
} from "../store.ts";
import { ask } from "./ask.ts";
import { findAsset, readAsset, removeAsset, streamAsset } from "./asset-stream.ts";
import { getAsset, putAsset } from "./assets.ts";
import { Call } from "./call.ts";
import { ensureBuckets } from "./ensure.ts";
import { eventAt, lastEvent, tellEvent } from "./event-messages.ts";
import { get, keys, put, remove, revisionAt } from "./key-value.ts";
import type { ConnectionState, Link } from "./link.ts";
import { hintSubject, isKey, isPlainSubject } from "./subjects.ts";
import { unreachable } from "./unreachable.ts";

/** How long `close` waits for what is under way. */
const FLUSH_MS = 2000;

/** The port over NATS JetStream. `connectStore` makes one. */
export class NatsStore implements Store, StoreAdmin, EventStream, Revisions {
  readonly #link: Link;
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(link: Link) {
    this.#link = link;
  }

  async get(bucket: Bucket, key: string, options?: CallOptions): Promise<Found | Unreachable> {
    if (!isKey(key)) return noKey(key);
    return this.#run(options, (call) => get(this.#link, call, bucket, key));
  }

  async put(
    bucket: Bucket,
    key: string,
    value: Uint8Array,
    options?: CallOptions & { readonly expect?: number | undefined },
  ): Promise<Written | Unreachable> {
    if (!isKey(key)) return noKey(key);
    return this.#run(options, (call) => put(this.#link, call, bucket, key, value, options?.expect));
  }

  async delete(
    bucket: Bucket,
    key: string,
    options?: CallOptions & { readonly expect?: number | undefined },
  ): Promise<Written | Unreachable> {
    if (!isKey(key)) return noKey(key);
    return this.#run(options, (call) => remove(this.#link, call, bucket, key, options?.expect));
  }

  async revisionAt(
    bucket: Bucket,
    key: string,
    from: number,
    options?: CallOptions,
  ): ReturnType<Revisions["revisionAt"]> {
    if (!isKey(key)) return noKey(key);
    return this.#run(options, (call) => revisionAt(this.#link, call, bucket, key, from));
  }

  async keys(bucket: Bucket, options?: CallOptions): Promise<readonly string[] | Unreachable> {
    return this.#run(options, (call) => keys(this.#link, call, bucket));
  }

  onChange(bucket: Bucket, key: string, poke: (key: string) => void): () => void {
    if (key !== "*" && !isKey(key)) throw new TypeError(noKey(key).message);
    const prefix = hintSubject(bucket, "").length;
    return this.#link.attach({
      subject: hintSubject(bucket, key),
      onMessage: ({ subject }) => poke(subject.slice(prefix)),
      onConnected: () => poke(key),
    });
  }

  onConnection(listener: (state: ConnectionState) => void): () => void {
    return this.#link.onState(listener);
  }

  async putAsset(
    bytes: Uint8Array,
    options?: CallOptions,
  ): Promise<{ readonly _tag: "Stored"; readonly sha256: string } | Unreachable> {
    return this.#run(options, (call) => putAsset(this.#link, call, bytes));
  }

  async getAsset(sha256: string, options: CallOptions & { readonly limit: number }): ReturnType<Store["getAsset"]> {
    return this.#run(options, (call) => getAsset(this.#link, call, sha256, options.limit));
  }

  async findAsset(sha256: string, options?: CallOptions): Promise<FoundAsset | Unreachable> {
    return this.#run(options, (call) => findAsset(this.#link, call, sha256));
  }

  async readAsset(sha256: string, place: AssetPlace, options?: CallOptions): Promise<AssetPiece | Unreachable> {
    return this.#run(options, (call) => readAsset(this.#link, call, sha256, place));
  }

  async removeAsset(sha256: string, options?: CallOptions): Promise<RemovedAsset | Unreachable> {
    return this.#run(options, (call) => removeAsset(this.#link, call, sha256));
  }

  async streamAsset(
    ref: AssetRef,
    pieces: () => AsyncIterable<Uint8Array>,
    options: StreamOptions = {},
  ): Promise<StreamedAsset | Unreachable> {
    return this.#run(options, () => streamAsset(this.#link, ref, pieces, options));
  }

  async tellEvent(
    agentId: AgentId,
    line: Uint8Array,
    sha256: string,
    options?: CallOptions,
  ): ReturnType<EventStream["tellEvent"]> {
    return this.#run(options, (call) => tellEvent(this.#link, call, agentId, line, sha256));
  }

  async eventAt(whom: AgentId | "*", position: number, options?: CallOptions): ReturnType<EventStream["eventAt"]> {
    return this.#run(options, (call) => eventAt(this.#link, call, whom, position));
  }

  async lastEvent(whom: AgentId | "*", options?: CallOptions): ReturnType<EventStream["lastEvent"]> {
    return this.#run(options, (call) => lastEvent(this.#link, call, whom));
  }

  onEvent(whom: AgentId | "*", poke: () => void): () => void {
    return this.#link.attach({ subject: hintSubject("events", whom), onMessage: poke, onConnected: poke });
  }

  serve(subject: string, handler: (request: Uint8Array) => Promise<Uint8Array>): () => void {
    if (!isPlainSubject(subject)) throw new TypeError(`"${subject}" is no subject that can be served`);
    const answer = async (message: Msg): Promise<void> => {
      try {
        const reply = await handler(message.data);
        if (reply.length <= this.maxPayload()) message.respond(reply);
      } catch {
        // Whoever asked learns by the deadline; only the handler itself can tell what went wrong.
      }
    };
    return this.#link.attach({ subject, onMessage: (message) => void this.#track(answer(message)) });
  }

  async request(subject: string, value: Uint8Array, options?: CallOptions): Promise<Reply | Unreachable> {
    if (!isPlainSubject(subject)) return unreachable("Failed", `"${subject}" is no subject that can be asked`);
    const limit = this.maxPayload();
    return this.#run(options, async (call) => {
      if (value.length > limit) return unreachable("Failed", `a request takes ${limit} bytes, not ${value.length}`);
      const answer = await ask(this.#link, call, subject, value);
      if (answer._tag === "NoResponders") return { _tag: "NobodyThere" };
      return answer._tag === "Answer" ? { _tag: "Reply", value: answer.data } : answer;
    });
  }

  maxPayload(): number {
    return this.#link.maxValueBytes;
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async ensureBuckets(options?: CallOptions): Promise<{ readonly _tag: "Ready" } | Unreachable> {
    return this.#run(options, (call) => ensureBuckets(this.#link, call));
  }

  async #run<T>(options: CallOptions | undefined, work: (call: Call) => Promise<T>): Promise<T | Unreachable> {
    if (this.#closing !== undefined) return unreachable("Disconnected", "this store was closed");
    return this.#track(work(new Call(options)));
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
    }
  }

  async #close(): Promise<void> {
    let deadline: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      deadline = setTimeout(resolve, FLUSH_MS);
    });
    const flushed = Promise.allSettled(this.#underWay).then(async () => this.#link.connection?.flush());
    await Promise.race([flushed.catch(() => {}), tooLong]);
    clearTimeout(deadline);
    await this.#link.close();
  }
}

function noKey(key: string): Unreachable {
  return unreachable("Failed", `${JSON.stringify(key)} is no key: letters, digits, "-" and "_", at most 128`);
}
