import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Socket } from "node:net";
import { connect, type ConnectionOptions, DebugEvents, type NatsConnection } from "nats";
import type { Unreachable } from "../store.ts";
import { readCredentials } from "./credentials.ts";
import { orAborted } from "./or-aborted.ts";
import { explain, unreachable } from "./unreachable.ts";

/** Where and as whom to connect. */
export interface DialOptions {
  /**
   * `nats://[USER:PASSWORD@]HOST[:PORT]`, or `tls://` to refuse a server without TLS; of several, in random order, the
   * first that answers.
   */
  readonly servers: string | readonly string[];
  /**
   * The content of a `.creds` file: JWT and seed, or a seed alone. Certificates in it are the only authorities that may
   * vouch for the server, and a server without TLS is refused then.
   */
  readonly credsFile?: string | undefined;
  /** How the server lists this client. */
  readonly name?: string | undefined;
  /**
   * Replies come in on `<inboxPrefix>.*.*`; a grant holds just its own. Default: `_INBOX.<public key>` where the
   * credentials are a seed alone, else `_INBOX`.
   */
  readonly inboxPrefix?: string | undefined;
  /** Milliseconds between two pings; a connection with two of them unanswered is given up. Default 6000. */
  readonly pingIntervalMs?: number | undefined;
}

/** Milliseconds until an address that does not answer is given up. */
const DIAL_TIMEOUT_MS = 5000;
/** Three of these pass before a connection that has fallen silent is given up: within 20 seconds. */
const PING_INTERVAL_MS = 6000;

/** Makes one connection, which does not reconnect: the link makes a new one. Gives up when `signal` fires. */
export async function dial(options: DialOptions, signal: AbortSignal): Promise<NatsConnection | Unreachable> {
  const doing = `connect to ${serverNames(options)}`;
  if (signal.aborted) return calledOff(doing);
  return within(signal, doing, async () => connect(connectionOptions(options)));
}

/** The servers without user and password, for messages. */
export function serverNames(options: DialOptions): string {
  return [options.servers]
    .flat()
    .map((server) => server.replace(/^([a-z]+:\/\/)?.*@/, "$1"))
    .join(", ");
}

function connectionOptions(options: DialOptions): ConnectionOptions {
  const urls = [options.servers].flat().map((server) => new URL(server.includes("://") ? server : `nats://${server}`));
  const login = urls.find((url) => url.username !== "");
  const creds = options.credsFile === undefined ? undefined : readCredentials(options.credsFile);
  const authorities = creds?.authorities ?? null;
  const inboxPrefix = options.inboxPrefix ?? creds?.inbox ?? undefined;
  return {
    servers: urls.map((url) => url.host),
    timeout: DIAL_TIMEOUT_MS,
    reconnect: false,
    pingInterval: options.pingIntervalMs ?? PING_INTERVAL_MS,
    maxPingOut: 2,
    // Each request would otherwise pay for a stack trace.
    noAsyncTraces: true,
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    ...(authorities !== null || urls.some((url) => url.protocol === "tls:")
      ? { tls: authorities === null ? {} : { ca: authorities } }
      : {}),
    ...(login === undefined
      ? {}
      : { user: decodeURIComponent(login.username), pass: decodeURIComponent(login.password) }),
    ...(creds === undefined ? {} : { authenticator: creds.authenticator }),
  };
}

/** Tells the sockets of an attempt from those that others in this process open meanwhile. */
const attempt = new AsyncLocalStorage<Set<Socket>>();
let attempts = 0;

/**
 * The client library forgets the socket of a server that accepts and then says nothing, so that a long outage behind a
 * load balancer would use up all file descriptors. So the sockets of an attempt that failed are closed from here.
 */
async function within(
  signal: AbortSignal,
  doing: string,
  connecting: () => Promise<NatsConnection>,
): Promise<NatsConnection | Unreachable> {
  const sockets = new Set<Socket>();
  const remember = (event: unknown): void => {
    if (attempt.getStore() !== sockets) return;
    if (event instanceof Object && "socket" in event && event.socket instanceof Socket) sockets.add(event.socket);
  };
  const closeSockets = (): void => sockets.forEach((socket) => socket.destroy());
  const attemptOnce = async (): Promise<NatsConnection | Unreachable> => {
    attempts += 1;
    subscribe("net.client.socket", remember);
    const outcome = await attempt.run(sockets, connecting).catch((error: unknown) => explain(error, doing));
    unsubscribe("net.client.socket", remember);
    attempts -= 1;
    // As long as it is in use, it makes every promise of the process slower.
    if (attempts === 0) attempt.disable();
    if ("_tag" in outcome || signal.aborted) closeSockets();
    else void whenStale(outcome, closeSockets);
    return outcome;
  };
  return orAborted(signal, attemptOnce(), () => {
    closeSockets();
    return calledOff(doing);
  });
}

/**
 * The client library gives up a connection that has fallen silent only once all that it had to send is on its way. Where
 * that fills the kernel's buffers, it would wait for as long as TCP does, which is a quarter of an hour.
 */
async function whenStale(connection: NatsConnection, giveUp: () => void): Promise<void> {
  for await (const { type } of connection.status()) if (type === DebugEvents.StaleConnection) giveUp();
}

const calledOff = (doing: string): Unreachable => unreachable("Disconnected", `could not ${doing}: it was called off`);
