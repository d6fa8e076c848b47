import type { Msg, NatsConnection, Subscription } from "nats";
import type { Unreachable } from "../store.ts";
import { harmless } from "./harmless.ts";
import { HEADER_BYTES, MAX_MESSAGE_BYTES } from "./layout.ts";
import { unreachable } from "./unreachable.ts";

export type ConnectionState = "connected" | "disconnected";
type Listener = (state: ConnectionState) => void;

/** Something that is subscribed on every connection, one after the other, until it is given up. */
export interface Interest {
  readonly subject: string;
  onMessage(message: Msg): void;
  /** Called on each connection once it is subscribed there, except on one that was there before it. */
  onConnected?(): void;
}

/** A connection that lasted so long was a good one, and its loss is no reason to wait. */
const SETTLED_MS = 1000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** A connection that has a successor stays so long, for the answers to what was asked on it. */
const GRACE_MS = 10_000;

/**
 * Keeps one connection, for ever: whenever it is lost, a new one is made, after a pause that grows and is random, so
 * that a fleet does not come back in step. The client library could reconnect by itself, but it then sends what was
 * published meanwhile, and it gives up for good when a server refuses it twice.
 */
export class Link {
  readonly #dial: (signal: AbortSignal) => Promise<NatsConnection | Unreachable>;
  readonly #closed = new AbortController();
  readonly #interests = new Map<Interest, Subscription | undefined>();
  readonly #listeners = new Set<Listener>();
  /** Those that have a successor. */
  readonly #leaving = new Set<NatsConnection>();
  #onReplaced = (): void => {};
  #connection: NatsConnection | undefined;
  #lost: Unreachable = unreachable("Disconnected", "not connected yet");
  #maxMessage = MAX_MESSAGE_BYTES;

  /** `first`: a connection that exists already. */
  constructor(dial: (signal: AbortSignal) => Promise<NatsConnection | Unreachable>, first?: NatsConnection) {
    this.#dial = dial;
    if (first !== undefined) this.#up(first);
    void this.#keep(first);
  }

  get connection(): NatsConnection | undefined {
    return this.#connection;
  }

  /** Why there is no connection. */
  get lost(): Unreachable {
    return this.#lost;
  }

  /** Bytes that a value may have, so that it fits into a message together with the headers that this transport adds. */
  get maxValueBytes(): number {
    return this.#maxMessage - HEADER_BYTES;
  }

  attach(interest: Interest): () => void {
    this.#interests.set(interest, undefined);
    if (this.#connection !== undefined) this.#subscribe(this.#connection, interest);
    return () => {
      this.#interests.get(interest)?.unsubscribe();
      this.#interests.delete(interest);
    };
  }

  onState(listener: Listener): () => void {
    // Wrapped, so that a listener that is registered twice counts twice.
    const entry: Listener = (state) => listener(state);
    this.#listeners.add(entry);
    harmless(() => entry(this.#connection === undefined ? "disconnected" : "connected"));
    return () => void this.#listeners.delete(entry);
  }

  /**
   * Makes another connection by this dial and puts it in the place of the one that is there: nobody is told of an outage,
   * since there is none. Where one of the two cannot be had, all stays as it is.
   */
  async replace(dial: (signal: AbortSignal) => Promise<NatsConnection | Unreachable>): Promise<Unreachable | null> {
    const dialled = await dial(this.#closed.signal);
    if ("_tag" in dialled) return dialled;
    const former = this.#connection;
    if (former === undefined) {
      await dialled.close();
      return this.#lost;
    }
    const heard = [...this.#interests.values()];
    this.#up(dialled, "silently");
    this.#onReplaced();
    // Heard twice is better than not at all: the former subscriptions end once the server knows the new ones.
    await dialled.flush().catch(() => {});
    for (const subscription of heard) void subscription?.drain().catch(() => {});
    this.#leaving.add(former);
    setTimeout(() => void this.#letGo(former), GRACE_MS).unref();
    return null;
  }

  /** Ends everything that is under way. */
  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    const connection = this.#connection;
    this.#down(unreachable("Disconnected", "this store was closed"));
    this.#closed.abort();
    await Promise.all([connection?.close(), ...[...this.#leaving].map((each) => this.#letGo(each))]);
  }

  async #letGo(connection: NatsConnection): Promise<void> {
    this.#leaving.delete(connection);
    await connection.close();
  }

  async #keep(first: NatsConnection | undefined): Promise<void> {
    const { signal } = this.#closed;
    let connection = first ?? (await this.#connect());
    for (let failures = 0; !signal.aborted; failures += 1) {
      if (connection !== undefined) {
        const since = performance.now();
        const replaced = new Promise<void>((resolve) => (this.#onReplaced = resolve));
        const error = await Promise.race([connection.closed(), replaced]);
        if (this.#connection !== undefined && this.#connection !== connection) {
          connection = this.#connection;
          continue;
        }
        if (performance.now() - since > SETTLED_MS) failures = 0;
        if (signal.aborted) return;
        this.#down(unreachable("Disconnected", lostBecause(error)));
      }
      await pause(failures, signal);
      if (!signal.aborted) connection = await this.#connect();
    }
  }

  async #connect(): Promise<NatsConnection | undefined> {
    const dialled = await this.#dial(this.#closed.signal);
    if ("_tag" in dialled) {
      this.#lost = unreachable("Disconnected", dialled.message);
      return undefined;
    }
    if (this.#closed.signal.aborted) await dialled.close();
    else this.#up(dialled);
    return dialled;
  }

  #up(connection: NatsConnection, how: "told" | "silently" = "told"): void {
    this.#connection = connection;
    this.#maxMessage = Math.min(connection.info?.max_payload ?? MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES);
    for (const interest of this.#interests.keys()) this.#subscribe(connection, interest);
    if (how === "told") for (const listener of this.#listeners) harmless(() => listener("connected"));
    for (const interest of this.#interests.keys()) harmless(() => interest.onConnected?.());
  }

  #down(why: Unreachable): void {
    const told = this.#connection !== undefined;
    this.#connection = undefined;
    this.#lost = why;
    if (told) for (const listener of this.#listeners) harmless(() => listener("disconnected"));
  }

  #subscribe(connection: NatsConnection, interest: Interest): void {
    if (connection.isClosed()) return;
    const subscription = connection.subscribe(interest.subject, {
      callback: (error, message) => {
        if (error === null) harmless(() => interest.onMessage(message));
        // Reading on a timer goes on without the hints, so this is no failure, but somebody should know.
        else process.emitWarning(`the NATS server refuses the subscription to ${interest.subject}: ${error.message}`);
      },
    });
    this.#interests.set(interest, subscription);
  }
}

function lostBecause(error: unknown): string {
  return error instanceof Error ? `the connection was lost: ${error.message}` : "the connection was lost";
}

/** Grows from 0.2 to 10 seconds, between half of it and all of it at random. */
async function pause(failures: number, signal: AbortSignal): Promise<void> {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, longest * (0.5 + Math.random() / 2));
    signal.addEventListener("abort", end, { once: true });
  });
}
