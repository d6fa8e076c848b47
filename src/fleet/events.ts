import type { Clock } from "../scores/context.ts";
import { ChainCheck, type Entry, readEntry } from "../wire/event-chain.ts";
import type { EventStream, StoredEvent } from "../wire/event-stream.ts";
import type { AgentId } from "../wire/keys.ts";
import type { Unreachable } from "../wire/store.ts";
import { eventsBetween, positionSince, type Whose } from "./event-range.ts";
import { Bell } from "./waiting.ts";

export interface EventsOptions {
  /** Default: all agents. */
  readonly agentId?: AgentId | undefined;
  /** Those alone that the server stored from then on. */
  readonly since?: Date | undefined;
  /** Of those that are there, the newest so many. Default: all. */
  readonly limit?: number | undefined;
  /** By the type of the event, whether it is wanted. Default: each is. All are verified. */
  readonly isWanted?: ((type: string) => boolean) | undefined;
  /** Goes on with what comes. Default false. */
  readonly follow?: boolean | undefined;
  readonly signal: AbortSignal;
  /** Milliseconds between two looks, which hints do not replace. Default 10,000. */
  readonly everyMs?: number | undefined;
}

/** An event as it was told. */
export interface ToldEvent extends Entry {
  readonly _tag: "Event";
  /** In the stream of all. */
  readonly position: number;
  /** By the server's clock. */
  readonly storedAt: Date;
}

/** What is wrong with what was told, or worth knowing. */
export interface EventFinding {
  readonly _tag: "Finding";
  /**
   * `Gap`: records are missing. `Broken`: one is not the one that was there, or that another follows. `Unreadable`: it is no
   * record. `Foreign`: it says that it is another agent's. `Anew`: the agent, or the stream, has begun a new log.
   */
  readonly reason: "Gap" | "Broken" | "Unreadable" | "Foreign" | "Anew";
  readonly agentId: string;
  /** Of the record; null where it has none. */
  readonly sequence: number | null;
  readonly position: number;
  /** One sentence. */
  readonly message: string;
}

export interface EventsParts {
  readonly stream: EventStream;
  readonly clock: Clock;
}

type News = ToldEvent | EventFinding | Unreachable;

/**
 * What agents have put on record, in the order in which the server has it: each once, and held against the chain of its log.
 * `Unreachable` ends it, unless it follows: then that is told once, and it goes on where it was.
 */
export async function* events(
  { stream, clock }: EventsParts,
  { agentId, since, limit, isWanted = () => true, follow = false, signal, everyMs = 10_000 }: EventsOptions,
): AsyncGenerator<News, void, void> {
  const whose: Whose = { stream, whom: agentId ?? "*", call: { signal } };
  const chain = new ChainCheck();
  const bell = new Bell(clock);
  const stop = follow ? stream.onEvent(whose.whom, bell.ring) : (): void => {};
  let next: number | null = null;
  let isLost = false;
  try {
    while (!signal.aborted) {
      const last = await lastPosition(whose);
      let lost: Unreachable | null = typeof last === "number" ? null : last;
      if (typeof last === "number") {
        if (next !== null && last < next - 1) {
          yield anew(whose.whom);
          next = 1;
        }
        const begins: number | Unreachable =
          next ?? (since === undefined ? 1 : await positionSince(whose, since, last));
        if (typeof begins !== "number") lost = begins;
        else {
          const hidden = new Set<number>();
          const isShown = (event: StoredEvent): boolean => isWanted(typeOf(event));
          const found: AsyncIterable<StoredEvent | Unreachable> =
            next === null && limit !== undefined
              ? newest(whose, begins, last, limit, isShown, hidden)
              : eventsBetween(whose, begins, last);
          for await (const event of found) {
            if (event._tag === "Unreachable") lost = event;
            else {
              yield* judged(event, chain, (type) => !hidden.has(event.position) && isWanted(type));
              next = event.position + 1;
            }
          }
        }
        if (lost === null) next = Math.max(next ?? 1, last + 1);
      }
      if (signal.aborted) return;
      if (lost !== null && !isLost) yield lost;
      isLost = lost !== null;
      if (!follow) return;
      await bell.next(everyMs, signal);
    }
  } finally {
    stop();
  }
}

async function lastPosition({ stream, whom, call }: Whose): Promise<number | Unreachable> {
  const last = await stream.lastEvent(whom, call);
  if (last._tag === "Unreachable") return last;
  return last._tag === "None" ? 0 : last.position;
}

/**
 * Reads from the end in ever wider steps, until there are enough that are wanted; gives all that was read, so that it can
 * be verified. The positions of those that are too many are in `hidden` before the first one is given.
 */
async function* newest(
  whose: Whose,
  begins: number,
  last: number,
  limit: number,
  isWanted: (event: StoredEvent) => boolean,
  hidden: Set<number>,
): AsyncGenerator<StoredEvent | Unreachable, void, void> {
  let all: readonly StoredEvent[] = [];
  for (let [to, width] = [last, Math.max(64, limit)]; to >= begins; width *= 2) {
    const from = Math.max(begins, to - width + 1);
    const before: StoredEvent[] = [];
    for await (const event of eventsBetween(whose, from, to)) {
      if (event._tag === "Unreachable") return yield event;
      before.push(event);
    }
    all = before.concat(all);
    if (all.filter(isWanted).length >= limit) break;
    to = from - 1;
  }
  const wanted = all.filter(isWanted);
  for (const { position } of wanted.slice(0, Math.max(0, wanted.length - limit))) hidden.add(position);
  yield* all;
}

function typeOf({ line }: StoredEvent): string {
  const read = readEntry(Buffer.from(line).toString("utf8"));
  return read._tag === "Entry" ? read.head.type : "";
}

function* judged(
  { line, agentId, position, storedAt }: StoredEvent,
  chain: ChainCheck,
  isShown: (type: string) => boolean,
): Generator<ToldEvent | EventFinding, void, void> {
  const finding = (reason: EventFinding["reason"], sequence: number | null, message: string): EventFinding => ({
    _tag: "Finding",
    reason,
    agentId,
    sequence,
    position,
    message,
  });
  const entry = readEntry(Buffer.from(line).toString("utf8"));
  if (entry._tag === "Unreadable") return yield finding("Unreadable", null, `it is no record: ${entry.message}`);
  const { sequence, type, log } = entry.head;
  if (entry.head.agentId !== agentId) {
    return yield finding("Foreign", sequence, `it says that it is of ${entry.head.agentId}`);
  }
  const isAnew = chain.isAnew(entry.head);
  const follows = chain.look(entry);
  switch (follows._tag) {
    case "Again":
      return;
    case "First":
      if (isAnew) yield finding("Anew", sequence, `the device has begun another log, ${log}`);
      break;
    case "Gap":
      yield finding("Gap", sequence, `${follows.missing} records before record ${sequence} were never told`);
      break;
    case "Broken":
      yield finding("Broken", sequence, `the chain is broken at record ${sequence}: ${follows.message}`);
      break;
    case "Next":
      break;
  }
  if (isShown(type)) yield { ...entry, _tag: "Event", position, storedAt };
}

const anew = (whom: AgentId | "*"): EventFinding => ({
  _tag: "Finding",
  reason: "Anew",
  agentId: whom,
  sequence: null,
  position: 0,
  message: "the stream was made anew; what agents tell again comes once more",
});
