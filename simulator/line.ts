import type { EventStream } from "../src/wire/event-stream.ts";
import type { AgentId } from "../src/wire/keys.ts";
import type { MemoryServer } from "../src/wire/memory-server.ts";
import { MemoryStore } from "../src/wire/memory-store.ts";
import type { AssetPlace, Bucket, CallOptions, Found, Reply, Store, Unreachable, Written } from "../src/wire/store.ts";
import type { ProcessClock, Actor, World } from "./world.ts";

/** What somebody looks at who wants to know what a process has told and been told. */
export interface Overheard {
  /** It asks the server to write. */
  puts(bucket: Bucket, value: Uint8Array): void;
  /** It learns that this was written. */
  wrote(bucket: Bucket, value: Uint8Array): void;
  /** It learns that the key holds this. */
  read(bucket: Bucket, value: Uint8Array): void;
  /** The server took a write over what the process has not read. */
  overwrote(bucket: Bucket): void;
}

const ANSWER_MS = 5000;
/** How likely a message, of a request or of its answer, or a hint is lost, and a key read as it was before. */
const LOST = 0.04;
const HINT_LOST = 0.2;
const STALE = 0.02;

const revisionOf = (found: Found): number => (found._tag === "Absent" ? 0 : found.revision);

const unreachable = (reason: Unreachable["reason"]): Unreachable => ({
  _tag: "Unreachable",
  reason,
  message: "the simulator wanted this",
});

/** The transport of one process: each request and each answer is a message that comes late, or never. */
export class Line implements Store, Pick<EventStream, "tellEvent"> {
  readonly #world: World;
  readonly #actor: Actor;
  readonly #clock: ProcessClock;
  readonly #overheard: Overheard;
  readonly #inner: MemoryStore;
  readonly #open = new Set<(answer: Unreachable) => void>();
  readonly #listeners = new Set<() => void>();
  readonly #pokes = new Set<() => void>();
  readonly #before = new Map<string, Found>();
  /** The revisions of its keys that it has learnt of: `heartbeat 7`. */
  readonly #known = new Set<string>();
  readonly handlers = new Map<string, (request: Uint8Array) => Promise<Uint8Array>>();
  #up: boolean;

  constructor(
    world: World,
    actor: Actor,
    clock: ProcessClock,
    server: MemoryServer,
    overheard: Overheard,
    isUp: boolean,
  ) {
    this.#world = world;
    this.#actor = actor;
    this.#clock = clock;
    this.#overheard = overheard;
    this.#inner = new MemoryStore(server);
    this.#up = isUp;
  }

  get isUp(): boolean {
    return this.#up;
  }

  cut(): void {
    if (!this.#up) return;
    this.#up = false;
    for (const answer of [...this.#open]) answer(unreachable("Disconnected"));
    for (const listener of [...this.#listeners]) listener();
  }

  mend(): void {
    if (this.#up) return;
    this.#up = true;
    for (const listener of [...this.#listeners]) listener();
    for (const poke of [...this.#pokes]) poke();
  }

  async get(bucket: Bucket, key: string, options?: CallOptions): Promise<Found | Unreachable> {
    const answer = await this.#ask(`reads ${bucket}`, options, async (): Promise<Found | Unreachable> => {
      const found = await this.#inner.get(bucket, key);
      if (found._tag === "Unreachable") return found;
      const before = this.#before.get(bucket);
      this.#before.set(bucket, found);
      // From a follower that lags.
      return bucket === "desired-state" && before !== undefined && this.#world.strikes(STALE) ? before : found;
    });
    if (answer._tag !== "Unreachable") this.#known.add(`${bucket} ${revisionOf(answer)}`);
    if (answer._tag === "Value") this.#overheard.read(bucket, answer.value);
    return answer;
  }

  async put(
    bucket: Bucket,
    key: string,
    value: Uint8Array,
    options?: CallOptions & { readonly expect?: number | undefined },
  ): Promise<Written | Unreachable> {
    this.#overheard.puts(bucket, value);
    const copy = value.slice();
    const answer = await this.#ask(`writes ${bucket}`, options, async () => {
      const before = await this.#inner.get(bucket, key);
      const written = await this.#inner.put(bucket, key, copy, { expect: options?.expect });
      const isBlind = before._tag !== "Unreachable" && !this.#known.has(`${bucket} ${revisionOf(before)}`);
      // What an agent offers is the newest one's to say, and is looked at before.
      if (written._tag === "Written" && isBlind && bucket !== "capabilities") this.#overheard.overwrote(bucket);
      return written;
    });
    if (answer._tag === "Written") {
      this.#known.add(`${bucket} ${answer.revision}`);
      this.#overheard.wrote(bucket, copy);
    }
    return answer;
  }

  delete(bucket: Bucket, key: string, options?: CallOptions): Promise<Written | Unreachable> {
    return this.#ask(`deletes ${bucket}`, options, () => this.#inner.delete(bucket, key));
  }

  keys(bucket: Bucket, options?: CallOptions): Promise<readonly string[] | Unreachable> {
    return this.#ask(`lists ${bucket}`, options, () => this.#inner.keys(bucket));
  }

  onChange(bucket: Bucket, key: AgentId, poke: (key: string) => void): () => void {
    const hinted = (): void => {
      if (!this.#up || !this.#actor.alive || this.#world.strikes(HINT_LOST)) return;
      this.#world.post(this.#actor, "message", `is hinted at ${bucket}`, () => poke(key));
    };
    this.#pokes.add(hinted);
    const stop = this.#inner.onChange(bucket, key, hinted);
    return () => {
      this.#pokes.delete(hinted);
      stop();
    };
  }

  onConnection(listener: (state: "connected" | "disconnected") => void): () => void {
    let last = this.#up;
    const told = (): void => {
      this.#world.post(this.#actor, "message", "hears of its connection", () => {
        if (last === this.#up) return;
        last = this.#up;
        listener(last ? "connected" : "disconnected");
      });
    };
    this.#listeners.add(told);
    listener(last ? "connected" : "disconnected");
    return () => void this.#listeners.delete(told);
  }

  tellEvent(...given: Parameters<EventStream["tellEvent"]>): ReturnType<EventStream["tellEvent"]> {
    return this.#ask("tells an event", undefined, () => this.#inner.tellEvent(...given));
  }

  putAsset(bytes: Uint8Array): ReturnType<Store["putAsset"]> {
    return this.#ask("stores an asset", undefined, () => this.#inner.putAsset(bytes));
  }

  getAsset(sha256: string, options: CallOptions & { readonly limit: number }): ReturnType<Store["getAsset"]> {
    return this.#ask("reads an asset", options, () => this.#inner.getAsset(sha256, { limit: options.limit }));
  }

  findAsset(sha256: string, options?: CallOptions): ReturnType<Store["findAsset"]> {
    return this.#ask("looks for an asset", options, () => this.#inner.findAsset(sha256));
  }

  readAsset(sha256: string, place: AssetPlace, options?: CallOptions): ReturnType<Store["readAsset"]> {
    return this.#ask("reads a piece of an asset", options, () => this.#inner.readAsset(sha256, place));
  }

  removeAsset(sha256: string): ReturnType<Store["removeAsset"]> {
    return this.#ask("removes an asset", undefined, () => this.#inner.removeAsset(sha256));
  }

  streamAsset(...given: Parameters<Store["streamAsset"]>): ReturnType<Store["streamAsset"]> {
    return this.#ask("stores an asset", undefined, () => this.#inner.streamAsset(...given));
  }

  serve(subject: string, handler: (request: Uint8Array) => Promise<Uint8Array>): () => void {
    this.handlers.set(subject, handler);
    return () => void this.handlers.delete(subject);
  }

  async request(): Promise<Reply | Unreachable> {
    return { _tag: "NobodyThere" };
  }

  maxPayload(): number {
    return this.#inner.maxPayload();
  }

  close(): Promise<void> {
    this.#up = false;
    this.#pokes.clear();
    this.#listeners.clear();
    return this.#inner.close();
  }

  #ask<T>(what: string, options: CallOptions | undefined, effect: () => Promise<T>): Promise<T | Unreachable> {
    if (!this.#up) return Promise.resolve(unreachable("Disconnected"));
    const world = this.#world;
    return new Promise((resolve) => {
      const end = (answer: T | Unreachable): void => {
        this.#open.delete(end);
        late();
        resolve(answer);
      };
      this.#open.add(end);
      const late = this.#clock.after(options?.timeoutMs ?? ANSWER_MS, () => end(unreachable("TimedOut")));
      if (world.strikes(LOST)) {
        world.note(this.#actor.name, `${what}, and the request is lost`);
        return;
      }
      const arrives = (): void =>
        void effect().then((answer) => {
          if (world.strikes(LOST)) world.note(this.#actor.name, `${what}: the answer is lost`);
          else world.post(this.#actor, "message", `${what}: ${told(answer)}`, () => end(answer));
        });
      world.post(this.#actor, "message", `${what} at the server`, arrives, true);
    });
  }
}

const told = (answer: unknown): string =>
  typeof answer === "object" && answer !== null && "_tag" in answer
    ? `${String(answer._tag)}${"revision" in answer ? ` (revision ${String(answer.revision)})` : ""}`
    : "answered";
