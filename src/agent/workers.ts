import type { Clock } from "../scores/context.ts";

/** How many interpretations are under way at most; those that wait to go on together do not count. */
export const MOST_WORKERS = 32;
/** How long what is gathered waits for what takes long. */
const MOST_PARKED_MS = 5000;

export interface Work {
  /** What nothing else may work on meanwhile: the id and the identity of a Score. */
  readonly keys: readonly string[];
  /** What no other work may be in before this has ended, parked or stepped aside; null: none. */
  readonly lane: string | null;
  /** Whether it may come to a step that others are gathered for. */
  readonly mayGather: boolean;
  /** Whether it is out of date, so that it need not wait for others any more. */
  readonly isStale: () => boolean;
  /** How long it may run without parking; its own deadline ends it by then, or something is wrong with the agent. */
  readonly deadlineMs: number;
}

/** Work that is under way and does not wait for others. */
export interface Running {
  readonly key: string;
  readonly forMs: number;
  readonly deadlineMs: number;
}

interface Worker extends Work {
  /** `parked`: waits for others. `admitted`: has waited, and goes on as soon as there is room. */
  state: "running" | "parked" | "admitted";
  /** When it began, or went on after it had parked. */
  runsSince: number;
  isAside: boolean;
  hasGathered: boolean;
  /** Tells those that waited behind it. */
  free: () => void;
  goOn: () => void;
}

/**
 * The interpretations that wait for something, side by side and within a bound. What serves many is gathered: an
 * interpretation parks before such a step, and the parked ones go on together when nobody else will come to one.
 */
export class Workers {
  readonly #clock: Clock;
  readonly #all = new Set<Worker>();
  readonly #byKey = new Map<string, Worker>();
  readonly #lanes = new Set<string>();
  readonly #admitted: Worker[] = [];
  #running = 0;
  #parked = 0;
  #bug: { readonly thrown: unknown } | null = null;
  #news: (() => void) | null = null;
  #cancelWait: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#all.size;
  }
  /** What is under way now, parked work left out: that waits for these. */
  get running(): readonly Running[] {
    const now = this.#clock.monotonicMs();
    return [...this.#all].flatMap(({ keys: [key = ""], state, runsSince, deadlineMs }) =>
      state === "running" ? [{ key, forMs: now - runsSince, deadlineMs }] : [],
    );
  }
  /** While anything waits to go on there is none, so that one wave is over before the next one gathers. */
  get hasRoom(): boolean {
    return this.#running < MOST_WORKERS;
  }
  isBusy(key: string): boolean {
    return this.#byKey.has(key);
  }
  isLaneBusy(lane: string): boolean {
    return this.#lanes.has(lane);
  }

  /** Takes note of work that has begun. Resolves when what waits behind it may begin: it has ended, parked or stepped aside. */
  begin(work: Work, done: Promise<void>): Promise<void> {
    return new Promise((free) => {
      const worker: Worker = {
        ...work,
        state: "running",
        runsSince: this.#clock.monotonicMs(),
        isAside: false,
        hasGathered: false,
        free,
        goOn: () => {},
      };
      this.#all.add(worker);
      this.#running += 1;
      for (const key of work.keys) this.#byKey.set(key, worker);
      if (work.lane !== null) this.#lanes.add(work.lane);
      void done.catch((thrown: unknown) => void (this.#bug ??= { thrown })).then(() => this.#end(worker));
    });
  }

  /** For the work on this: resolves when all others that will come to such a step have come to theirs. */
  gather(key: string): Promise<void> {
    const worker = this.#byKey.get(key);
    if (worker === undefined || worker.isStale()) return Promise.resolve();
    return new Promise((goOn) => {
      worker.goOn = goOn;
      worker.state = "parked";
      worker.hasGathered = true;
      this.#running -= 1;
      this.#parked += 1;
      this.#cancelWait ??= this.#clock.after(MOST_PARKED_MS, () => this.#release(() => true));
      this.#stepAside(worker);
      this.#admit();
      this.poke();
    });
  }

  /** For the work on this: what waits behind it may begin. */
  aside(key: string): void {
    const worker = this.#byKey.get(key);
    if (worker === undefined || worker.isAside) return;
    this.#stepAside(worker);
    this.poke();
  }

  /** Lets all that is parked go on, unless somebody may still come to such a step. Only for when nothing else can begin. */
  releaseGathered(): void {
    const waits = [...this.#all].some(({ state, mayGather, hasGathered }) => {
      return state === "admitted" || (state === "running" && mayGather && !hasGathered);
    });
    if (!waits) this.#release(() => true);
  }

  /** Lets what is out of date go on, which then ends. */
  releaseStale(): void {
    this.#release(({ isStale }) => isStale());
  }

  /** Resolves at the next thing that happens here, or the next {@link poke}. */
  next(): Promise<void> {
    return new Promise((news) => (this.#news = news));
  }

  /** Throws what work has thrown that it may not throw, once. */
  rethrow(): void {
    const bug = this.#bug;
    this.#bug = null;
    if (bug !== null) throw bug.thrown;
  }

  poke(): void {
    this.#news?.();
    this.#news = null;
  }

  #release(which: (worker: Worker) => boolean): void {
    for (const worker of this.#all) {
      if (worker.state !== "parked" || !which(worker)) continue;
      worker.state = "admitted";
      this.#parked -= 1;
      this.#admitted.push(worker);
    }
    this.#rest();
    this.#admit();
  }

  #admit(): void {
    while (this.#running < MOST_WORKERS) {
      const worker = this.#admitted.shift();
      if (worker === undefined) break;
      worker.state = "running";
      worker.runsSince = this.#clock.monotonicMs();
      this.#running += 1;
      worker.goOn();
    }
  }

  #end(worker: Worker): void {
    this.#all.delete(worker);
    for (const key of worker.keys) if (this.#byKey.get(key) === worker) this.#byKey.delete(key);
    if (worker.state === "running") this.#running -= 1;
    else if (worker.state === "parked") this.#parked -= 1;
    else this.#admitted.splice(this.#admitted.indexOf(worker), 1);
    this.#stepAside(worker);
    this.#rest();
    this.#admit();
    this.poke();
  }

  #stepAside(worker: Worker): void {
    if (!worker.isAside && worker.lane !== null) this.#lanes.delete(worker.lane);
    worker.isAside = true;
    worker.free();
  }

  #rest(): void {
    if (this.#parked > 0) return;
    this.#cancelWait?.();
    this.#cancelWait = null;
  }
}
