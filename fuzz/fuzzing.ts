import type { Random } from "../simulator/random.ts";
import type { Coverage } from "./coverage.ts";
import type { Message, Progress } from "./messages.ts";
import { minimise } from "./minimise.ts";
import { INPUT_LIMIT_BYTES, mutate } from "./mutate.ts";
import type { Target } from "./target.ts";

const TELL_EVERY_MS = 200;
const MINIMISE_MS = 10_000;
/** Of what is told of a finding. */
const MESSAGE_LIMIT = 4000;
/** Together, of the inputs that others are made of. */
const CORPUS_LIMIT_BYTES = 8 * 1024 * 1024;
/** Looking at what was reached may take about that part of the time. */
const LOOK_SHARE = 0.25;
const BATCH_LIMIT = 512;
/** In a shorter run, what is left tells of the inputs alone that came last. */
const GROWTH_MS = 30_000;

interface Parts {
  readonly target: Target;
  readonly coverage: Coverage;
  readonly random: Random;
  /** Called with each input before it is read. */
  readonly keep: (input: Uint8Array) => void;
  readonly tell: (message: Message) => Promise<void>;
}

/** Makes inputs of inputs, and goes on from those that reached something new. */
export class Fuzzing {
  readonly #parts: Parts;
  readonly #corpus: Uint8Array[] = [];
  #corpusBytes = 0;
  #inputs = 0;
  #kept = 0;
  #bySeeds = 0;
  #batch = 1;
  #toldAt = 0;
  #base: number | null = null;
  #grownBytes = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Null: a promise was broken, and that is told. */
  async run(ms: number): Promise<Progress | null> {
    const { target, coverage } = this.#parts;
    const [startedAt, endsAt] = [performance.now(), performance.now() + ms];
    for (const seed of target.seeds) {
      if (!(await this.#try(seed))) return null;
      if (seed.length <= INPUT_LIMIT_BYTES) this.#add(seed);
    }
    coverage.add(coverage.take());
    this.#bySeeds = coverage.blocks().reached;
    while (performance.now() < endsAt) {
      if (!(await this.#round(endsAt))) return null;
      if (ms >= GROWTH_MS && this.#base === null && performance.now() - startedAt > ms / 4) this.#base = leftBytes();
    }
    this.#grownBytes = this.#base === null ? 0 : Math.max(0, leftBytes() - this.#base);
    target.close?.();
    return this.#progress();
  }

  async replay(input: Uint8Array): Promise<void> {
    if (await this.#try(input, false)) await this.#parts.tell({ _tag: "Done", progress: this.#progress() });
  }

  /** Some inputs, and then a look at what they reached. */
  async #round(endsAt: number): Promise<boolean> {
    const { target, coverage } = this.#parts;
    const startedAt = performance.now();
    const tried: Uint8Array[] = [];
    while (tried.length < this.#batch && performance.now() < endsAt) {
      const input = this.#next();
      tried.push(input);
      if (!(await this.#try(input))) return false;
    }
    const lookAt = performance.now();
    const taken = coverage.take();
    if (coverage.hasNews(taken)) {
      if (target.isRepeatable === false) tried.forEach((input) => this.#keep(input));
      else if (!(await this.#findNews(tried))) return false;
    }
    coverage.add(taken);
    const lookMs = performance.now() - lookAt;
    const isDear = lookMs > LOOK_SHARE * (lookAt - startedAt);
    if (target.isRepeatable === false) return true;
    this.#batch = Math.max(1, Math.min(BATCH_LIMIT, isDear ? this.#batch * 2 : this.#batch / 2));
    return true;
  }

  /** Which of them reached it: one after the other, once more. */
  async #findNews(tried: readonly Uint8Array[]): Promise<boolean> {
    const { coverage } = this.#parts;
    for (const input of tried) {
      if (!(await this.#try(input))) return false;
      if (coverage.add(coverage.take())) this.#keep(input);
    }
    return true;
  }

  #next(): Uint8Array {
    const { target, random } = this.#parts;
    if (target.invent !== undefined && random.chance(0.3)) return target.invent(random);
    // What came last leads on more often than what everything began with.
    const recent = this.#corpus.slice(-32);
    const input = random.pick(random.chance(0.4) ? recent : this.#corpus) ?? Buffer.alloc(0);
    return mutate(input, random.pick(this.#corpus) ?? input, random);
  }

  async #try(input: Uint8Array, isMinimised = true): Promise<boolean> {
    const { target, keep, tell } = this.#parts;
    keep(input);
    this.#inputs += 1;
    await this.#tellSometimes();
    try {
      const running = target.run(input);
      if (running !== undefined) await running;
      return true;
    } catch (error) {
      const why = reasonOf(error);
      const again = async (smaller: Uint8Array): Promise<boolean> => {
        keep(smaller);
        await this.#tellSometimes();
        return Promise.resolve(smaller)
          .then(target.run)
          .then(
            () => false,
            (other: unknown) => reasonOf(other) === why,
          );
      };
      const smallest = isMinimised ? await minimise(input, again, MINIMISE_MS) : input;
      const message = (error instanceof Error ? (error.stack ?? error.message) : String(error)).slice(0, MESSAGE_LIMIT);
      await tell({ _tag: "Finding", kind: "broken", message, input: Buffer.from(smallest).toString("base64") });
      return false;
    }
  }

  /** Also lets the process breathe. */
  async #tellSometimes(): Promise<void> {
    const now = performance.now();
    if (now - this.#toldAt < TELL_EVERY_MS) return;
    this.#toldAt = now;
    await this.#parts.tell(this.#progress());
    await new Promise((resume) => setImmediate(resume));
  }

  #progress(): Progress {
    const { reached } = this.#parts.coverage.blocks();
    const blocks = { bySeeds: this.#bySeeds, reached };
    return { _tag: "Progress", inputs: this.#inputs, kept: this.#kept, blocks, grownBytes: this.#grownBytes };
  }

  #keep(input: Uint8Array): void {
    if (input.length > INPUT_LIMIT_BYTES) return;
    this.#kept += 1;
    this.#add(input);
  }

  #add(input: Uint8Array): void {
    this.#corpus.push(Buffer.from(input));
    this.#corpusBytes += input.length;
    while (this.#corpusBytes > CORPUS_LIMIT_BYTES) {
      const [gone] = this.#corpus.splice(this.#parts.random.below(this.#corpus.length), 1);
      this.#corpusBytes -= gone?.length ?? 0;
    }
  }
}

/** The first words: numbers and names in it differ from one input to the next. */
const reasonOf = (error: unknown): string =>
  error instanceof Error ? `${error.name} ${error.message.slice(0, 24)}` : String(error).slice(0, 24);

/** What is left after a collection. */
function leftBytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
