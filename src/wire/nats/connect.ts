import type { EventStream } from "../event-stream.ts";
import type { Revisions } from "../revisions.ts";
import type { Store, StoreAdmin, Unreachable } from "../store.ts";
import { Call } from "./call.ts";
import { dial, serverNames, type DialOptions } from "./dial.ts";
import { Link } from "./link.ts";
import { NatsStore } from "./nats-store.ts";
import { unreachable } from "./unreachable.ts";

export interface ConnectOptions extends DialOptions {
  /**
   * In place of `credsFile`: asked at each attempt. The first that the server does not refuse is taken; none: as nobody.
   */
  readonly credentials?: (() => readonly string[]) | undefined;
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
  readonly store: Store & StoreAdmin & EventStream & Revisions;
  /** What the server says of itself; null while there is no connection. */
  readonly server: () => { readonly version: string; readonly hasJetStream: boolean } | null;
  /**
   * Makes a connection with these credentials and puts it in the place of the one that is there, without an outage. Where
   * that cannot be, all stays as it is.
   */
  readonly switchTo: (credsFile: string) => Promise<Unreachable | null>;
}

/**
 * Connects to a NATS server. A connection that is lost later is made anew for ever, with growing, random pauses of at
 * most 10 seconds. Never rejects: without a connection it answers `Unreachable`, with reason `Denied` where the server
 * refuses the credentials.
 */
export async function connectStore(options: ConnectOptions): Promise<Connected | Unreachable> {
  const redial = (signal: AbortSignal): ReturnType<typeof dial> => dialAny(options, signal);
  const over = (link: Link): Connected => ({
    _tag: "Connected",
    store: new NatsStore(link),
    server: () => {
      const info = link.connection?.info;
      return info === undefined ? null : { version: info.version, hasJetStream: info.jetstream === true };
    },
    switchTo: (credsFile) => link.replace((signal) => dial({ ...options, credsFile }, signal)),
  });
  if (options.waitOnFirstConnect === true) return over(new Link(redial));
  const { timeoutMs } = new Call(options);
  const timeout = AbortSignal.timeout(timeoutMs);
  const first = await dialAny(
    options,
    options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]),
  );
  if (!("_tag" in first)) return over(new Link(redial, first));
  if (!timeout.aborted) return first;
  return unreachable("TimedOut", `no connection to ${serverNames(options)} within ${timeoutMs} ms`);
}

/** With each of the credentials until the server lets one of them in. */
async function dialAny({ credentials, ...options }: ConnectOptions, signal: AbortSignal): ReturnType<typeof dial> {
  if (credentials === undefined) return dial(options, signal);
  const [first, ...others] = credentials();
  let dialled = await dial({ ...options, credsFile: first }, signal);
  for (const credsFile of others) {
    if (!("_tag" in dialled) || dialled.reason !== "Denied") break;
    dialled = await dial({ ...options, credsFile }, signal);
  }
  return dialled;
}
