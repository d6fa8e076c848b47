import type { NatsConnection } from "nats";
import type { Unreachable } from "../store.ts";
import { tooLate } from "./ask.ts";
import type { Call } from "./call.ts";
import type { Link } from "./link.ts";
import { orAborted } from "./or-aborted.ts";
import { explain, unreachable } from "./unreachable.ts";

/**
 * Work that the client library does in several requests. It knows a timeout for each of them alone, so the bounds of
 * the whole call are kept here.
 */
export async function libraryCall<T>(
  link: Link,
  call: Call,
  doing: string,
  work: (connection: NatsConnection, timeoutMs: number) => Promise<T>,
): Promise<T | Unreachable> {
  const { connection } = link;
  if (connection === undefined) return link.lost;
  const timeoutMs = call.left();
  if (timeoutMs === 0) return tooLate(call, doing);
  const lost = unreachable("Disconnected", `the connection was lost: could not ${doing}`);
  const answer = work(connection, timeoutMs).then(
    // Work that a lost connection has cut short can look like finished work.
    (value) => (connection.isClosed() ? lost : value),
    (error: unknown) => (connection.isClosed() ? lost : explain(error, doing)),
  );
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), timeoutMs);
  const signal = call.signal === undefined ? deadline.signal : AbortSignal.any([call.signal, deadline.signal]);
  return orAborted(signal, answer, () => tooLate(call, doing)).finally(() => clearTimeout(timer));
}
