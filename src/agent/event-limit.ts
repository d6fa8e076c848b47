import type { EventType } from "../wire/events.ts";

interface Rate {
  /** So many at once. */
  readonly burst: number;
  /** And one more after each of these. */
  readonly everyMs: number;
}

/** What others can bring about as often as they like. What is not here is always put on record. */
const RATES: Readonly<Partial<Record<EventType, Rate>>> = {
  ManifestRefused: { burst: 30, everyMs: 60_000 },
  ManifestAccepted: { burst: 120, everyMs: 10_000 },
  ManifestSettled: { burst: 120, everyMs: 10_000 },
  PolicyChanged: { burst: 30, everyMs: 60_000 },
  AuthorsChanged: { burst: 30, everyMs: 60_000 },
  AgentStarted: { burst: 30, everyMs: 60_000 },
  Fenced: { burst: 30, everyMs: 60_000 },
};

const LEAST_MS = 1000;

/** How often events of each type are put on record: whoever writes bad manifests all day must fill no disk with them. */
export class EventLimit {
  readonly #levels = new Map<EventType, { level: number; at: number }>();

  /** Takes one more of this type at this time, in milliseconds; false where it is one too many. */
  takes(type: EventType, at: number): boolean {
    const rate = RATES[type];
    if (rate === undefined) return true;
    const held = this.#levels.get(type) ?? { level: 0, at };
    // A clock that was set back lets nobody wait longer, and nobody in.
    const level = Math.max(0, held.level - Math.max(0, at - held.at) / rate.everyMs);
    const fits = level + 1 <= rate.burst;
    this.#levels.set(type, { level: fits ? level + 1 : level, at });
    return fits;
  }

  /** Milliseconds until one of this type is taken again; at least a second. */
  waitMs(type: EventType, at: number): number {
    const [rate, held] = [RATES[type], this.#levels.get(type)];
    if (rate === undefined || held === undefined) return LEAST_MS;
    return Math.max(LEAST_MS, Math.ceil((held.level + 1 - rate.burst) * rate.everyMs - Math.max(0, at - held.at)));
  }
}
