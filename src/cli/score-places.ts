import { assetOf, type AssetRef } from "../scores/asset.ts";
import { type AnyScore, InvalidSpec, isScore } from "../scores/score.ts";
import type { Problem } from "./problem.ts";

/** Where something was called from, as a stack that nobody has read yet. */
type Stack = string;
export type Place = Pick<Problem, "file" | "line" | "column">;

/**
 * Watches a FILE while it is loaded: where it makes each Score, and all that is wrong with specs and assets. What is wrong
 * ends nothing, so that one run tells all of it; something that stands in for it goes on in its place.
 */
export class ScorePlaces {
  readonly #placeOf: (stack: Stack) => Place | null;
  readonly #made = new WeakMap<object, Stack>();
  /** What stands in for a Score that could not be made, and what is to be said of it. */
  readonly #wrong = new Map<object, Problem>();
  readonly #others: Problem[] = [];
  readonly #file: string;
  #isLoaded = false;

  /** `placeOf`: the place in FILE, or in what it imports, that a stack comes from. */
  constructor(file: string, placeOf: (stack: Stack) => Place | null) {
    this.#file = file;
    this.#placeOf = placeOf;
  }

  /** The FILE has run. Whatever its functions make from now on must be right: nobody would ask what was wrong with it. */
  loaded(): void {
    this.#isLoaded = true;
  }

  /** Null where it is not known: it was made by something that does not come through here. */
  of(score: AnyScore): Place | null {
    const stack = this.#made.get(score);
    return stack === undefined ? null : this.#placeOf(stack);
  }

  /** All that was wrong; with the ids of the Scores, where the FILE came to say these. */
  problems(exported: unknown): readonly Problem[] {
    const ids = new Map(scoresOf(exported).map(([id, score]) => [score, id]));
    const named = [...this.#wrong].map(([score, problem]) => {
      const scoreId = ids.get(score);
      return scoreId === undefined ? problem : { ...problem, scoreId };
    });
    return [...named, ...this.#others];
  }

  /** What a FILE is handed in place of what this package exports. */
  watched(exported: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    return Object.fromEntries(Object.entries(exported).map(([name, value]) => [name, this.#watch(value)]));
  }

  asset(make: (path: string | URL) => AssetRef): (path: string | URL) => AssetRef {
    return (path) => {
      try {
        return make(path);
      } catch (error) {
        if (this.#isLoaded) throw error;
        const message = error instanceof Error ? error.message : String(error);
        this.#others.push({ ...this.#here(), message, rule: "AssetUnreadable" });
        return assetOf("0".repeat(64), 0);
      }
    };
  }

  #watch(value: unknown): unknown {
    if (typeof value !== "function") return value;
    if (isScoreClass(value)) return this.#watchClass(value);
    if (!/^[a-z]|^Score$/.test(value.name)) return value;
    return new Proxy(value, {
      apply: (target, self, given) => {
        const result: unknown = Reflect.apply(target, self, given);
        if (isScoreClass(result)) return this.#watchClass(result);
        // What a composition of this package makes, and what nobody has seen being made.
        const stack = stackHere();
        for (const [, score] of scoresOf(result)) {
          if (isScore(score) && !this.#made.has(score)) this.#made.set(score, stack);
        }
        return result;
      },
    });
  }

  #watchClass(Class: ScoreClassLike): ScoreClassLike {
    return new Proxy(Class, {
      construct: (target, given, newTarget) => {
        try {
          const score: unknown = Reflect.construct(target, given, newTarget);
          if (!isScore(score)) throw new TypeError(`${target.kind} makes no Scores`);
          this.#made.set(score, stackHere());
          return score;
        } catch (error) {
          if (!(error instanceof InvalidSpec) || this.#isLoaded) throw error;
          const score = standIn(target, given[0], this.#wrong.size);
          this.#wrong.set(score, { ...this.#here(), message: error.message, rule: "InvalidSpec" });
          return score;
        }
      },
    });
  }

  #here(): Place {
    return this.#placeOf(stackHere()) ?? { file: this.#file };
  }
}

type ScoreClassLike = Function & {
  readonly kind: string;
  readonly version: number;
  readonly requires: readonly unknown[];
};
const isScoreClass = (value: unknown): value is ScoreClassLike =>
  typeof value === "function" && "kind" in value && "requires" in value && "schema" in value;

const scoresOf = (whole: unknown): readonly (readonly [id: string, score: unknown])[] =>
  typeof whole === "object" &&
  whole !== null &&
  "scores" in whole &&
  typeof whole.scores === "object" &&
  whole.scores !== null
    ? Object.entries(whole.scores)
    : [];

/** A kind of the FILE's own has a constructor there, if only the one that every class has: nobody means that. */
const stackHere = (): Stack => (new Error("here").stack ?? "").replaceAll(/^ +at new .*$/gm, "");

/** A Score of which nothing is known, and that is about nothing else. Nobody but `manifest()` gets to see it. */
const standIn = ({ kind, version, requires }: ScoreClassLike, spec: unknown, nth: number): object => ({
  [Symbol.for("harmony-edge.score")]: true,
  kind,
  version,
  requires,
  spec,
  bind: () => ({ identity: `invalid:${nth}`, restarts: true, secrets: [], reach: [] }),
});
