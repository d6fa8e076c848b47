import type { EventStream } from "../event-stream.ts";
import type { Store, StoreAdmin, Unreachable } from "../store.ts";
import { Call } from "./call.ts";
import { dial, serverNames, type DialOptions } from "./dial.ts";
import { Link } from "./link.ts";
import { NatsStore } from "./nats-store.ts";
import { unreachable } from "./unreachable.ts";

export interface ConnectOptions extends DialOptions {
  /** Gives the first connection up when it fires. Once there is a store, only its `close` ends it. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that the first connection may take. Default 5000. */
  readonly timeoutMs?: number | undefined;
  /**
   * Gives a store at once, for an agent that starts before its network: it answers `Unreachable` with reason
   * `Disconnected` until the connection, which is tried for ever, is there. Default false.
   */
  readonly waitOnFirstConnect?: boolean | undefined;
}

export interface Connected {
  readonly _tag: "Connected";
  readonly store: Store & StoreAdmin & EventStream;
}

/**
 * Connects to a NATS server. A connection that is lost later is made anew for ever, with growing, random pauses of at
 * most 10 seconds. Never rejects: without a connection it answers `Unreachable`, with reason `Denied` where the server
 * refuses the credentials.
 */
export async function connectStore(options: ConnectOptions): Promise<Connected | Unreachable> {
  const redial = (signal: AbortSignal): ReturnType<typeof dial> => dial(options, signal);
  if (options.waitOnFirstConnect === true) return { _tag: "Connected", store: new NatsStore(new Link(redial)) };
  const { timeoutMs } = new Call(options);
  const timeout = AbortSignal.timeout(timeoutMs);
  const first = await dial(
    options,
    options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]),
  );
  if (!("_tag" in first)) return { _tag: "Connected", store: new NatsStore(new Link(redial, first)) };
  if (!timeout.aborted) return first;
  return unreachable("TimedOut", `no connection to ${serverNames(options)} within ${timeoutMs} ms`);
}
