import type { MaybePromise } from "../scores/context.ts";
import type { ReconcilerParts } from "./reconciler-parts.ts";

/** How long a pass may hold the event loop before it lets heartbeats and messages through. */
const SLICE_MS = 5;
/** How long everything rests after a bug of the agent's own, so that it cannot run hot. */
const AFTER_BUG_MS = 1000;

/** What the loop turns. */
export interface Work {
  /** Does what is next, and is false where nothing is. A promise only where something has to be waited for. */
  turn(): MaybePromise<boolean>;
  /** Resolves when nothing that was begun is under way any more. */
  finish(): Promise<void>;
  /** Nothing is left to do, and nothing stopped it on the way there. */
  onCarriedThrough(): void;
  /** Whether a turn would find something to do, or to wait for. */
  isLeft(): boolean;
}

type Around = Pick<ReconcilerParts, "clock" | "log" | "stop" | "breathe" | "onChange">;

/** Turns while there is something to do and rests while there is not; never twice at the same time, and not hot after a bug. */
export class ReconcileLoop {
  readonly #around: Around;
  readonly #work: Work;
  #working: Promise<void> | null = null;
  #isBeginning = false;
  #isPaused = false;
  /** When it last came round, by the clock that never jumps. */
  #turnedAt = 0;

  constructor(around: Around, work: Work) {
    this.#around = around;
    this.#work = work;
  }

  get isWorking(): boolean {
    return this.#working !== null;
  }
  get isPaused(): boolean {
    return this.#isPaused;
  }
  /** Milliseconds since it last came round. */
  get turnedMs(): number {
    return this.#around.clock.monotonicMs() - this.#turnedAt;
  }

  /** Begins no other turn, for good. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#working !== null) await this.#working;
  }

  kick(): void {
    if (this.#isBeginning || this.#working !== null || this.#isPaused) return;
    const { clock, log, stop, onChange } = this.#around;
    this.#turnedAt = clock.monotonicMs();
    // Work goes on up to its first wait before there is a promise of it, and may make another Score due by then.
    this.#isBeginning = true;
    const working = this.#run();
    this.#isBeginning = false;
    this.#working = working
      .catch(async (bug: unknown) => {
        log("a bug of the reconciler", { bug: String(bug) });
        await new Promise<void>((resume) => void clock.after(AFTER_BUG_MS, resume));
      })
      .finally(() => {
        this.#working = null;
        // Something may have become due between the last look and now.
        if (this.#work.isLeft() && !stop.aborted) this.kick();
        else onChange("settled");
      });
  }

  async #run(): Promise<void> {
    const { clock, breathe, stop, onChange } = this.#around;
    let sliceBegan = clock.monotonicMs();
    while (!stop.aborted && !this.#isPaused) {
      const turned = this.#work.turn();
      if (!(turned instanceof Promise ? await turned : turned)) break;
      // Only here: a turn that ends in a bug is none.
      this.#turnedAt = clock.monotonicMs();
      if (this.#turnedAt - sliceBegan >= SLICE_MS) {
        onChange("working");
        await breathe();
        sliceBegan = clock.monotonicMs();
      }
    }
    await this.#work.finish();
    if (!stop.aborted && !this.#isPaused) this.#work.onCarriedThrough();
  }
}
