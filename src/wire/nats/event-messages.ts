import { headers } from "nats";
import type { EventStream, StoredEvent } from "../event-stream.ts";
import type { AgentId } from "../keys.ts";
import type { Unreachable } from "../store.ts";
import type { Call } from "./call.ts";
import { type Message, nextMessage, newestMessage } from "./direct-get.ts";
import type { Link } from "./link.ts";
import type { NoResponders } from "./ask.ts";
import { publish } from "./publish.ts";
import { EVENTS_STREAM, eventSubject } from "./subjects.ts";
import { unreachable } from "./unreachable.ts";

type Answer<Name extends "tellEvent" | "eventAt"> = Awaited<ReturnType<EventStream[Name]>>;

/**
 * The server knows a message that it has already by this id, of all agents' together. So it holds the hash of the record, which
 * nobody knows before it is told: an id that can be guessed could be used up by another agent.
 */
export async function tellEvent(
  link: Link,
  call: Call,
  agentId: AgentId,
  line: Uint8Array,
  sha256: string,
): Promise<Answer<"tellEvent">> {
  const head = headers();
  head.set("Nats-Msg-Id", `${agentId}-${sha256}`);
  const to = { stream: EVENTS_STREAM, subject: eventSubject(agentId) };
  const stored = await publish(link, call, to, line, head);
  switch (stored._tag) {
    case "Written":
      return { _tag: "Told", position: stored.revision, isNew: stored.isKnown !== true };
    case "NoResponders":
      return noStream();
    case "Conflict":
      return unreachable("Failed", "the stream of events expects another message");
    case "Unreachable":
      return stored;
  }
}

export async function eventAt(
  link: Link,
  call: Call,
  whom: AgentId | "*",
  position: number,
): Promise<Answer<"eventAt">> {
  return asEvent(await nextMessage(link, call, EVENTS_STREAM, eventSubject(whom), Math.max(1, position)));
}

export async function lastEvent(link: Link, call: Call, whom: AgentId | "*"): Promise<Answer<"eventAt">> {
  return asEvent(await newestMessage(link, call, EVENTS_STREAM, eventSubject(whom)));
}

function asEvent(found: Message | { readonly _tag: "Absent" } | NoResponders | Unreachable): Answer<"eventAt"> {
  if (found._tag === "Unreachable") return found;
  if (found._tag === "NoResponders") return noStream();
  if (found._tag === "Absent") return { _tag: "None" };
  const { data, revision, headers: head } = found;
  const subject = head.get("Nats-Subject");
  const storedAt = new Date(head.get("Nats-Time-Stamp"));
  const prefix = eventSubject("");
  if (!subject.startsWith(prefix) || Number.isNaN(storedAt.getTime())) {
    return unreachable("Failed", `the message ${revision} of ${EVENTS_STREAM} does not say whose it is and from when`);
  }
  return {
    _tag: "Event",
    line: data,
    agentId: subject.slice(prefix.length),
    position: revision,
    storedAt,
  } satisfies StoredEvent;
}

const noStream = (): Unreachable =>
  unreachable("NoBucket", `the server has no stream ${EVENTS_STREAM}: a control plane makes it on its first run`);
