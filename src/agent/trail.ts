import { PortError } from "../capabilities/port-error.ts";
import type { Clock, Log } from "../scores/context.ts";
import type { Event, EventType } from "../wire/events.ts";
import { EventLimit } from "./event-limit.ts";
import { type About, EventLog, type EventLogParts } from "./event-log.ts";
import { Standing } from "./standing.ts";

/** So many wait for a disk that takes nothing; of those beyond it the oldest are counted and forgotten. */
const WAITING = 64;
const RETRY_MS = 60_000;

export interface TrailParts extends EventLogParts {
  readonly log: Log;
}

/** Events that were not put on record. */
interface LeftOut {
  readonly since: string;
  count: number;
  last: Event;
}

/**
 * What happens on this device is put on record here. What is found as it was is no event. While the disk takes nothing, what
 * happens all the same waits here, and how much of it was lost is recorded later; what must not happen unrecorded, does not.
 */
export class Trail {
  readonly events: EventLog;
  readonly #about: About;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #limit: EventLimit;
  readonly #standing: Standing;
  /** The first of them may be on its way to the disk. */
  readonly #waiting: Event[] = [];
  /** Because too many came. */
  readonly #tooMany = new Map<EventType, LeftOut>();
  #cancel: (() => void) | null = null;
  #isTroubled = false;
  #isStopped = false;
  #writing: Promise<void> | null = null;

  private constructor(parts: TrailParts, events: EventLog, limit: EventLimit, standing: Standing) {
    this.events = events;
    this.#about = parts.about;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#limit = limit;
    this.#standing = standing;
  }

  /** Rejects with a PortError where what there is cannot be read. */
  static async open(parts: TrailParts): Promise<Trail> {
    const [limit, standing] = [new EventLimit(), new Standing()];
    const events = await EventLog.open(parts, ({ record }) => {
      if (record === null) return;
      limit.takes(record.type, Date.parse(record.at));
      standing.isNews(record);
    });
    const trail = new Trail(parts, events, limit, standing);
    const { damaged } = events;
    if (damaged > 0) {
      parts.log("lines of the record of events cannot be read; they are kept", { lines: damaged });
      trail.record({ type: "RecordDamaged", lines: damaged });
    }
    return trail;
  }

  /** Of this start of the agent, as soon as it has one. */
  set epoch(epoch: number) {
    this.#about.epoch = epoch;
  }

  /** Of something that happens whether or not it can be put on record. Nothing is written where it is as it was. */
  record(event: Event): void {
    if (this.#isStopped || !this.#standing.isNews(event)) return;
    const now = this.#clock.now();
    if (this.#limit.takes(event.type, now.getTime())) this.#waiting.push(event);
    else this.#leaveOut(event, now);
    this.#shorten(now);
    this.#write();
  }

  /** Of something that must not happen unrecorded. Resolves when it is on disk, or rejects with a PortError. */
  async demand(event: Event): Promise<void> {
    await this.events.append(event);
  }

  /** Resolves when nothing is on its way to the disk. */
  async idle(): Promise<void> {
    await this.#writing;
  }

  /** Nothing is put on record after it. Resolves when what came before is on disk, or cannot be. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#writing;
    for (const [type, left] of this.#tooMany) this.#waiting.push(...asEvents(type, left));
    await this.#writeAll();
  }

  #leaveOut(event: Event, now: Date): void {
    const left = this.#tooMany.get(event.type) ?? { since: now.toISOString(), count: 0, last: event };
    this.#tooMany.set(event.type, { ...left, count: left.count + 1, last: event });
  }

  /** What waits too long for the disk. */
  #shorten(now: Date): void {
    if (this.#waiting.length <= WAITING) return;
    const lost = this.#waiting.findIndex((each, at) => at > 0 && each.type !== "LeftOut");
    const [gone] = this.#waiting.splice(lost, 1);
    const at = this.#waiting.findIndex((each) => each.type === "LeftOut" && each.because === "disk");
    const told = this.#waiting[at];
    if (gone === undefined) return;
    const isCounted = told?.type === "LeftOut" && at > 0;
    const events = { ...(isCounted ? told.events : {}) };
    events[gone.type] = (events[gone.type] ?? 0) + 1;
    const since = isCounted ? told.since : now.toISOString();
    const counted: Event = { type: "LeftOut", because: "disk", since, events };
    if (isCounted) this.#waiting[at] = counted;
    else this.#waiting.splice(1, 0, counted);
  }

  #again(ms: number): void {
    if (this.#isStopped) return;
    this.#cancel?.();
    this.#cancel = this.#clock.after(ms, () => this.#write());
  }

  #write(): void {
    this.#writing ??= this.#writeAll().then(() => {
      this.#writing = null;
      // What came while this ended.
      if (this.#waiting.length > 0 && !this.#isTroubled) this.#write();
    });
  }

  async #writeAll(): Promise<void> {
    this.#admit();
    try {
      for (let event = this.#waiting[0]; event !== undefined; event = this.#waiting[0]) {
        await this.events.append(event).catch((error: unknown) => this.#unfit(event, error));
        this.#waiting.shift();
        this.#isTroubled = false;
        this.#admit();
      }
    } catch (error) {
      if (!this.#isTroubled) this.#log("events cannot be put on record; it is tried again", { error: String(error) });
      this.#isTroubled = true;
      this.#again(RETRY_MS);
    }
  }

  /** What can never be put on record must not keep the others from it. */
  #unfit(event: Event, error: unknown): void {
    if (error instanceof PortError) throw error;
    this.#log("a bug of the record of events: one is lost", { type: event.type, bug: String(error) });
  }

  /** Those of which there were too many, and are not any more. */
  #admit(): void {
    const now = this.#clock.now().getTime();
    for (const [type, left] of this.#tooMany) {
      if (this.#limit.takes(type, now)) {
        this.#tooMany.delete(type);
        this.#waiting.push(...asEvents(type, left));
      } else this.#again(this.#limit.waitMs(type, now));
    }
  }
}

/** The last one is on record for itself: it tells how things stand. */
const asEvents = (type: EventType, { since, count, last }: LeftOut): readonly Event[] =>
  count === 1 ? [last] : [{ type: "LeftOut", because: "rate", since, events: { [type]: count - 1 } }, last];
