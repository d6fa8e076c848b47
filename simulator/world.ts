import type { Clock } from "../src/scores/context.ts";
import { FakeClock } from "../src/testing/fake-clock.ts";
import { Random } from "./random.ts";

/** Somebody who acts: a process of the agent, the operator, the world around. What waits for a dead one never comes about. */
export interface Actor {
  readonly name: string;
  alive: boolean;
}

/** Something that is under way and may come about next. */
export interface Item {
  readonly actor: Actor;
  readonly what: string;
  readonly run: () => void;
  /** `work`: it belongs to the reconciler, which is not idle while one is under way. */
  readonly sort: "work" | "message" | "timer";
  /**
   * It has left the process, and may come about although that has died: a job of the supervisor, a message on its way.
   * `at once`: with its death or not at all, as a write that the kernel has begun ends before the process does.
   */
  readonly outlives: boolean | "at once";
  cancelled: boolean;
}

/** An invariant that did not hold. */
export interface Broken {
  readonly invariant: string;
  readonly what: string;
}

/** Lets all run that waits for nothing but itself. */
const turn = (): Promise<void> => new Promise((resume) => void setImmediate(resume));

/** How likely it is, while there are faults, that time passes although something could come about at once. */
const DAWDLES = 0.03;

/**
 * Time, and what is under way in it. Nothing comes about but by `step`, and which comes first the seed decides: so one
 * seed is one run, for ever.
 */
export class World {
  readonly clock = new FakeClock();
  readonly random: Random;
  /** What came about, for people; null where nobody reads it. */
  readonly trace: string[] | null;
  /** No more faults. */
  calm = false;
  broken: Broken | null = null;
  steps = 0;
  readonly #pending: Item[] = [];

  constructor(seed: number, traced: boolean) {
    this.random = new Random(seed);
    this.trace = traced ? [] : null;
  }

  /** Whether a fault of this probability strikes now. */
  strikes(probability: number): boolean {
    return !this.calm && this.random.chance(probability);
  }

  note(actor: string, what: string): void {
    if (this.trace === null) return;
    const seconds = (this.clock.monotonicMs() / 1000).toFixed(3).padStart(9);
    this.trace.push(`${seconds} s  ${actor.padEnd(9)} ${what}`);
  }

  /** The first invariant that breaks ends the run. */
  break(invariant: string, what: string): void {
    if (this.broken !== null) return;
    this.broken = { invariant, what };
    this.note("BROKEN", `${invariant}: ${what}`);
  }

  post(actor: Actor, sort: Item["sort"], what: string, run: () => void, outlives: Item["outlives"] = false): Item {
    const item = { actor, what, run, sort, outlives, cancelled: !actor.alive && outlives === false };
    if (!item.cancelled) this.#pending.push(item);
    return item;
  }

  /** Whether one of these is under way for this one. */
  has(actor: Actor, ...sorts: readonly Item["sort"][]): boolean {
    return this.#pending.some((item) => item.actor === actor && sorts.includes(item.sort) && !item.cancelled);
  }

  /** Of what a process has under way the seed decides what has left it already. */
  died(actor: Actor): void {
    for (const item of this.#pending) {
      if (item.actor !== actor || item.cancelled) continue;
      const comesAbout = item.outlives !== false && this.random.chance(0.5);
      item.cancelled = !comesAbout || item.outlives === "at once";
      if (!comesAbout || item.outlives !== "at once") continue;
      this.note(actor.name, item.what);
      item.run();
    }
  }

  /** One thing comes about, or time passes up to the next timer. Not further than `until`; false where nothing is left before it. */
  async step(until: number): Promise<boolean> {
    const dawdles = this.strikes(DAWDLES);
    // What was done from outside may just be on its way.
    if (this.#pending.length === 0) await turn();
    const item = dawdles ? undefined : this.#take();
    if (item === undefined) {
      const next = this.clock.nextInMs;
      if (next === null || this.clock.monotonicMs() + next > until) {
        if (this.#pending.length > 0 || until === Infinity) return true;
        await this.clock.advance(until - this.clock.monotonicMs());
        return false;
      }
      this.clock.ringNext();
      return true;
    }
    this.steps += 1;
    this.note(item.actor.name, item.what);
    item.run();
    await turn();
    return true;
  }

  /** Whether nothing can come about before time passes. */
  get isStill(): boolean {
    return this.#pending.every(({ cancelled }) => cancelled);
  }

  #take(): Item | undefined {
    while (this.#pending.length > 0) {
      const at = this.random.below(this.#pending.length);
      const item = this.#pending[at];
      const last = this.#pending.pop();
      if (last !== undefined && last !== item) this.#pending[at] = last;
      if (item?.cancelled === false) return item;
    }
    return undefined;
  }
}

interface Timer {
  /** When it rings, by the wall clock as it was when it was set. */
  readonly wallDue: number;
  /** The same by the clock that never jumps. */
  readonly due: number;
  readonly cancel: () => void;
}

/** How likely a look at the clock finds that a slice's worth of time has passed: so that passes pause in between. */
const SLOW = 0.05;
const SLICE_MS = 6;

/** The clock as one process sees it: its timers die with it. */
export class ProcessClock implements Clock {
  readonly #world: World;
  readonly #actor: Actor;
  readonly timers = new Set<Timer>();
  #busyMs = 0;

  constructor(world: World, actor: Actor) {
    this.#world = world;
    this.#actor = actor;
  }

  now(): Date {
    return this.#world.clock.now();
  }

  monotonicMs(): number {
    if (this.#world.strikes(SLOW)) this.#busyMs += SLICE_MS;
    return this.#world.clock.monotonicMs() + this.#busyMs;
  }

  after(ms: number, then: () => void): () => void {
    const world = this.#world;
    let item: Item | null = null;
    const stop = world.clock.after(ms, () => {
      item = world.post(this.#actor, "timer", `a timer of ${Math.round(ms)} ms rings`, () => {
        this.timers.delete(timer);
        then();
      });
    });
    const timer: Timer = {
      wallDue: world.clock.now().getTime() + ms,
      due: world.clock.monotonicMs() + ms,
      cancel: () => {
        stop();
        if (item !== null) item.cancelled = true;
        this.timers.delete(timer);
      },
    };
    this.timers.add(timer);
    return timer.cancel;
  }

  /** The process has died. */
  clear(): void {
    for (const { cancel } of [...this.timers]) cancel();
  }
}
