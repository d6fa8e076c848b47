import type { MsgHdrs } from "nats";
import type { Unreachable } from "../store.ts";
import { ask, type NoResponders } from "./ask.ts";
import type { Call } from "./call.ts";
import type { Link } from "./link.ts";
import { unreachable } from "./unreachable.ts";

/** A message as a stream holds it. `revision` is its sequence number there. */
export interface Message {
  readonly _tag: "Message";
  readonly data: Uint8Array;
  readonly revision: number;
  readonly headers: MsgHdrs;
}

const NOTHING = new Uint8Array();

/** The last message of a subject. The one way of reading that a server can grant for a single key, and the cheapest. */
export async function lastMessage(
  link: Link,
  call: Call,
  stream: string,
  subject: string,
): Promise<Message | { readonly _tag: "Absent" } | NoResponders | Unreachable> {
  return directGet(link, call, `$JS.API.DIRECT.GET.${stream}.${subject}`, NOTHING);
}

/** The first message of a subject that is at `revision` or later. */
export async function nextMessage(
  link: Link,
  call: Call,
  stream: string,
  subject: string,
  revision: number,
): Promise<Message | { readonly _tag: "Absent" } | NoResponders | Unreachable> {
  const wanted = new TextEncoder().encode(JSON.stringify({ seq: revision, next_by_subj: subject }));
  return directGet(link, call, `$JS.API.DIRECT.GET.${stream}`, wanted);
}

/** The last message of a subject, which may have wildcards, for whoever may read the whole stream. */
export async function newestMessage(
  link: Link,
  call: Call,
  stream: string,
  subject: string,
): Promise<Message | { readonly _tag: "Absent" } | NoResponders | Unreachable> {
  const wanted = new TextEncoder().encode(JSON.stringify({ last_by_subj: subject }));
  return directGet(link, call, `$JS.API.DIRECT.GET.${stream}`, wanted);
}

async function directGet(
  link: Link,
  call: Call,
  subject: string,
  wanted: Uint8Array,
): Promise<Message | { readonly _tag: "Absent" } | NoResponders | Unreachable> {
  const answer = await ask(link, call, subject, wanted);
  if (answer._tag !== "Answer") return answer;
  const { headers, data } = answer;
  if (headers?.code === 404) return { _tag: "Absent" };
  const revision = Number(headers?.get("Nats-Sequence"));
  if (headers === undefined || headers.code !== 0 || !(revision > 0)) {
    const why = headers?.description ?? "it has no headers";
    return unreachable("Failed", `the answer on ${subject} is no stored message: ${why}`);
  }
  return { _tag: "Message", data, revision, headers };
}
