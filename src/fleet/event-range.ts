import type { EventStream, StoredEvent } from "../wire/event-stream.ts";
import type { AgentId } from "../wire/keys.ts";
import type { CallOptions, Unreachable } from "../wire/store.ts";

/** Messages that are asked for at once. */
const AT_ONCE = 32;

export interface Whose {
  readonly stream: EventStream;
  readonly whom: AgentId | "*";
  readonly call: CallOptions;
}

/**
 * The events from one position to another, both included. There is no consumer: each is asked for by its number, many
 * at once where they lie close together.
 */
export async function* eventsBetween(
  { stream, whom, call }: Whose,
  from: number,
  to: number,
): AsyncGenerator<StoredEvent | Unreachable, void, void> {
  let wide = 1;
  for (let position = from; position <= to;) {
    // Each answers with the first one from there on, so that together they miss none.
    const asked = Array.from({ length: Math.min(wide, to - position + 1) }, (_, at) => position + at);
    const found = await Promise.all(asked.map((each) => stream.eventAt(whom, each, call)));
    const events = new Map<number, StoredEvent>();
    for (const each of found) {
      if (each._tag === "Unreachable") return yield each;
      if (each._tag === "Event" && each.position <= to) events.set(each.position, each);
    }
    for (const event of [...events.values()].toSorted((a, b) => a.position - b.position)) yield event;
    const last = found.at(-1);
    if (last === undefined || last._tag === "None") return;
    if (last._tag === "Event") position = last.position + 1;
    wide = Math.min(AT_ONCE, events.size * 2);
  }
}

/** The position of the first event that the server stored at this time or later; one beyond `last` where there is none. */
export async function positionSince(whose: Whose, since: Date, last: number): Promise<number | Unreachable> {
  let [low, high] = [1, last + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const found = await whose.stream.eventAt(whose.whom, middle, whose.call);
    if (found._tag === "Unreachable") return found;
    if (found._tag === "None" || found.storedAt >= since) high = middle;
    else low = found.position + 1;
  }
  return low;
}
