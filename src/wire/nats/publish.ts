import { headers, type MsgHdrs } from "nats";
import * as z from "zod";
import type { Unreachable } from "../store.ts";
import { ask, type NoResponders } from "./ask.ts";
import type { Call } from "./call.ts";
import type { Link } from "./link.ts";
import { unreachable } from "./unreachable.ts";
import { safeParse } from "../safe-parse.ts";

/** The stream answers each write with this. */
const Acknowledgement = z.object({
  stream: z.string().optional(),
  seq: z.int().optional(),
  duplicate: z.boolean().optional(),
  error: z.object({ err_code: z.int().optional(), description: z.string().optional() }).optional(),
});

/** "wrong last sequence", and how a replicated stream says it while another write to the same key is under way. */
const WRONG_REVISION = new Set([10071, 10164]);

export type Stored =
  /** `isKnown`: the stream had it already, by its id, and stored nothing. */
  | { readonly _tag: "Written"; readonly revision: number; readonly isKnown?: true }
  | { readonly _tag: "Conflict" }
  | NoResponders
  | Unreachable;

/** Publishes a message to a stream and waits until it is stored. */
export async function publish(
  link: Link,
  call: Call,
  to: { readonly stream: string; readonly subject: string },
  payload: Uint8Array,
  head?: MsgHdrs,
): Promise<Stored> {
  const answer = await ask(link, call, to.subject, payload, head);
  if (answer._tag === "Unreachable" && answer.reason === "TimedOut") {
    // A stream whose disk is full says nothing at all.
    return unreachable("TimedOut", `${to.stream} has not acknowledged a write to ${to.subject} in time`);
  }
  if (answer._tag !== "Answer") return answer;
  const acknowledgement = safeParse(Acknowledgement, json(answer.data)).data;
  const { stream, seq, error, duplicate } = acknowledgement ?? {};
  if (error?.err_code !== undefined && WRONG_REVISION.has(error.err_code)) return { _tag: "Conflict" };
  if (error !== undefined) {
    return unreachable(
      "Failed",
      `${to.stream} refused a write to ${to.subject}: ${error.description ?? "no reason was given"}`,
    );
  }
  if (stream !== to.stream || seq === undefined) {
    return unreachable("Failed", `the answer to a write to ${to.subject} does not come from ${to.stream}`);
  }
  return { _tag: "Written", revision: seq, ...(duplicate === true && { isKnown: true }) };
}

/** Headers that make the stream refuse the message unless the last one of its subject has this revision; 0: there is none. */
export function expecting(revision: number): MsgHdrs {
  const head = headers();
  head.set("Nats-Expected-Last-Subject-Sequence", String(revision));
  return head;
}

/** Undefined where the bytes are no JSON. */
export function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
