import { ErrorCode, type MsgHdrs, type NatsConnection } from "nats";
import type { Unreachable } from "../store.ts";
import type { Call } from "./call.ts";
import type { Link } from "./link.ts";
import { orAborted } from "./or-aborted.ts";
import { explain, hasCode, unreachable } from "./unreachable.ts";

export interface Answer {
  readonly _tag: "Answer";
  readonly data: Uint8Array;
  readonly headers: MsgHdrs | undefined;
}

/** The server says that nobody listens on the subject. */
export interface NoResponders {
  readonly _tag: "NoResponders";
}

/** One request and its one answer, within the bounds of the call. The message is handed over before this returns. */
export async function ask(
  link: Link,
  call: Call,
  subject: string,
  payload: Uint8Array,
  headers?: MsgHdrs,
): Promise<Answer | NoResponders | Unreachable> {
  const { connection } = link;
  if (connection === undefined) return link.lost;
  const timeout = call.left();
  if (timeout === 0) return tooLate(call, subject);
  const options = headers === undefined ? { timeout } : { timeout, headers };
  const answer = connection.request(subject, payload, options).then(
    (message) => ({ _tag: "Answer", data: message.data, headers: message.headers }) as const,
    (error: unknown) => refusal(error, connection, call, subject),
  );
  return call.signal === undefined ? answer : orAborted(call.signal, answer, () => tooLate(call, subject));
}

function refusal(error: unknown, connection: NatsConnection, call: Call, subject: string): NoResponders | Unreachable {
  if (connection.isClosed()) {
    return unreachable("Disconnected", `the connection was lost before an answer on ${subject}`);
  }
  if (hasCode(error, ErrorCode.NoResponders)) return { _tag: "NoResponders" };
  return hasCode(error, ErrorCode.Timeout) ? tooLate(call, subject) : explain(error, `ask on ${subject}`);
}

export function tooLate(call: Call, what: string): Unreachable {
  return call.signal?.aborted === true
    ? unreachable("TimedOut", `the caller gave up on ${what}`)
    : unreachable("TimedOut", `no answer on ${what} within ${call.timeoutMs} ms`);
}
