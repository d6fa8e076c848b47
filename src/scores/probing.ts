import type { Life, Probe, Probed, Question } from "../capabilities/probe.ts";
import type { Clock } from "./context.ts";
import { answered, isOtherTrouble, newborn, type ProbeState, restAfter } from "./probe-state.ts";

/** Asks once. Resolves to null where it is well, else to why not, as it ends a sentence. */
export type Ask = (thing: string, question: Question, signal: AbortSignal) => Promise<string | null>;

/** How often what has not been well yet is asked. */
const EAGER_MS = 1000;

interface Kept {
  readonly thing: string;
  readonly probe: Probe;
  readonly text: string;
  readonly life: string;
  readonly bornAtMs: number;
  state: ProbeState;
  askedAtMs: number | null;
  asking: Promise<void> | null;
  /** Ends the question that is under way. */
  giveUp: () => void;
  cancel: () => void;
}

interface Revived {
  readonly times: number;
  readonly why: string;
}

/**
 * Asks things that run whether they are well, again and again while somebody watches them, and keeps count. For the
 * adapters and fakes of the capabilities that things run by: time is the clock's, and `ask` is theirs.
 */
export class Probing {
  readonly #clock: Clock;
  readonly #ask: Ask;
  readonly #kept = new Map<string, Kept>();
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #revived = new Map<string, Revived>();
  readonly #rests = new Map<string, () => void>();

  constructor(clock: Clock, ask: Ask) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Tells how it is. Asks where nobody has in this life, or an interval ago and nobody watches. */
  async look(thing: string, name: string, probe: Probe, life: Life): Promise<Probed> {
    const kept = this.#of(thing, name, probe, life);
    if (kept.asking !== null && kept.askedAtMs === null) await kept.asking;
    else if (kept.askedAtMs === null || (!this.#watchers.has(thing) && this.#waitMs(kept) <= 0)) {
      await this.#question(kept);
    }
    return this.#told(kept);
  }

  /** Tells of each change of health. What is unhealthy and rests is told of again when it has rested. */
  watch(thing: string, changed: () => void): () => void {
    const watchers = this.#watchers.get(thing) ?? new Set();
    this.#watchers.set(thing, watchers);
    const own = (): void => changed();
    watchers.add(own);
    for (const kept of this.#kept.values()) if (kept.thing === thing) this.#schedule(kept);
    return () => {
      watchers.delete(own);
      if (watchers.size > 0 || this.#watchers.get(thing) !== watchers) return;
      this.#watchers.delete(thing);
      this.forget(thing);
    };
  }

  /** It is restarted because it was unhealthy. */
  revives(thing: string): void {
    const why = [...this.#kept.values()].find((kept) => kept.thing === thing && isBad(kept))?.state.why;
    const times = (this.#revived.get(thing)?.times ?? 0) + 1;
    this.#revived.set(thing, { times, why: why ?? "it was not well" });
    this.ends(thing);
  }

  /** It is started anew or stopped: what was asked is over. */
  ends(thing: string): void {
    for (const [key, kept] of this.#kept) {
      if (kept.thing !== thing) continue;
      this.#kept.delete(key);
      kept.cancel();
      kept.giveUp();
    }
    this.#rests.get(thing)?.();
    this.#rests.delete(thing);
  }

  /** As if nobody had ever asked. */
  forget(thing: string): void {
    this.ends(thing);
    this.#revived.delete(thing);
  }

  #of(thing: string, name: string, probe: Probe, life: Life): Kept {
    const key = `${thing} ${name}`;
    const text = JSON.stringify(probe);
    const known = this.#kept.get(key);
    if (known?.life === life.id && known.text === text) return known;
    known?.cancel();
    known?.giveUp();
    const now = this.#clock.monotonicMs();
    const kept: Kept = {
      thing,
      probe,
      text,
      life: life.id,
      bornAtMs: now - life.ageMs,
      state: newborn(now),
      askedAtMs: null,
      asking: null,
      giveUp: () => {},
      cancel: () => {},
    };
    this.#kept.set(key, kept);
    return kept;
  }

  #told(kept: Kept): Probed {
    const { health, why, sinceMs } = kept.state;
    const revived = this.#revived.get(kept.thing) ?? null;
    const restMs = isBad(kept) ? sinceMs + restAfter(revived?.times ?? 0) - this.#clock.monotonicMs() : 0;
    if (restMs > 0) this.#rest(kept.thing, restMs);
    return { health, why, restMs: Math.max(0, restMs), revived };
  }

  #rest(thing: string, restMs: number): void {
    if (this.#rests.has(thing) || !this.#watchers.has(thing)) return;
    const over = (): void => {
      this.#rests.delete(thing);
      this.#tell(thing);
    };
    this.#rests.set(thing, this.#clock.after(restMs, over));
  }

  #waitMs({ probe, state, askedAtMs }: Kept): number {
    const everyMs = probe.intervalSeconds * 1000;
    const paceMs = state.health === "starting" ? Math.min(everyMs, EAGER_MS) : everyMs;
    return askedAtMs === null ? 0 : askedAtMs + paceMs - this.#clock.monotonicMs();
  }

  #schedule(kept: Kept): void {
    kept.cancel();
    if (kept.asking !== null || !this.#watchers.has(kept.thing)) return;
    kept.cancel = this.#clock.after(Math.max(0, this.#waitMs(kept)), () => void this.#again(kept));
  }

  async #again(kept: Kept): Promise<void> {
    const { health } = kept.state;
    await this.#question(kept);
    if (kept.state.health !== health) this.#tell(kept.thing);
  }

  async #question(kept: Kept): Promise<void> {
    kept.cancel();
    kept.asking ??= this.#asked(kept).finally(() => {
      kept.asking = null;
      if ([...this.#kept.values()].includes(kept)) this.#schedule(kept);
    });
    await kept.asking;
  }

  async #asked(kept: Kept): Promise<void> {
    const { thing, probe, bornAtMs } = kept;
    const askedAtMs = this.#clock.monotonicMs();
    // One for each question: Node keeps what listens to a signal that lives for years.
    const late = new AbortController();
    const why = await new Promise<string | null | undefined>((resolve) => {
      const cancel = this.#clock.after(probe.timeoutSeconds * 1000, () => {
        resolve(`${subject(probe)} did not answer within ${probe.timeoutSeconds} s`);
        late.abort();
      });
      kept.giveUp = (): void => {
        cancel();
        resolve(undefined);
        late.abort();
      };
      this.#ask(thing, probe, late.signal)
        .then(resolve, (error: unknown) => resolve(error instanceof Error ? error.message : String(error)))
        .finally(cancel);
    });
    kept.giveUp = (): void => {};
    // Given up: it is not known.
    if (why === undefined) return;
    kept.askedAtMs = askedAtMs;
    const before = kept.state;
    kept.state = answered(before, { why, askedAtMs, bornAtMs }, probe);
    if (isBad(kept) && isOtherTrouble(before, askedAtMs)) this.#revived.delete(thing);
  }

  #tell(thing: string): void {
    for (const changed of this.#watchers.get(thing) ?? []) changed();
  }
}

const isBad = ({ state }: Kept): boolean => state.health === "unhealthy";

/** What is asked, as a sentence about it begins. */
export const subject = (question: Question): string => {
  if (question.type === "command") return question.command[0] ?? "";
  return question.type === "tcp" ? `port ${question.port}` : `port ${question.port}${question.path}`;
};
