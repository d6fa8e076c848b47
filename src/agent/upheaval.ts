import type { DecodedScore } from "../wire/decode.ts";
import type { PlanReply } from "../wire/status.ts";
import type { Owned } from "./journal.ts";

type ScorePlan = Extract<PlanReply, { readonly _tag: "Plan" }>["scores"][string];
type Accepted = Extract<DecodedScore, { readonly _tag: "Score" }>;

/** What a plan would have changed by the time that the next Score is worked on, so that what that one finds is another thing. */
export class Upheaval {
  readonly #dropped: readonly Owned[];
  readonly #changed = new Map<string, Accepted>();
  /** Paths that are there by then, and by whom. */
  readonly #made = new Map<string, string>();
  /** Those of them that are no directories, or may be none. */
  readonly #files = new Map<string, string>();
  readonly #waiting = new Set<string>();
  /** Those that are not as they should be by then, so that what comes after them waits. */
  readonly #stuck = new Set<string>();

  /** `dropped`: what is removed first. */
  constructor(dropped: readonly Owned[]) {
    this.#dropped = dropped;
  }

  /** A Score that the gate refuses: what comes after it waits. */
  refused(id: string): void {
    this.#stuck.add(id);
  }

  /** Whether the Score with this id would change something; false also where that cannot be told. */
  changes(id: string): boolean {
    return this.#changed.has(id) && !this.waits(id);
  }
  /** Whether what it would do cannot be told. */
  waits(id: string): boolean {
    return this.#waiting.has(id);
  }

  /**
   * Takes note of what one would do, and gives it as it would come about after all that was noted before. `unsure`: it would be
   * started anew if these changed, which cannot be told.
   */
  takes(id: string, score: Accepted, plan: ScorePlan, unsure: readonly string[] = []): ScorePlan {
    const isThere = "observed" in plan && score.score.bind().exists(plan.observed);
    const gone = plan.would === "TELL" ? [] : this.#gone(score, isThere);
    const grounds = plan.would === "FAIL" ? this.#grounds(score) : [];
    const there = this.#inTheWay(score);
    const on = new Set([...score.after.filter((each) => this.#stuck.has(each)), ...gone, ...there, ...grounds]);
    if (plan.would === "CHANGE" || plan.would === "NOOP") for (const each of unsure) on.add(each);
    if (on.size > 0) {
      this.#stuck.add(id);
      this.#waiting.add(id);
      return this.#noted(id, score, { would: "WAIT", kind: plan.kind, on: [...on] });
    }
    if (plan.would === "FAIL" || plan.would === "REFUSE") this.#stuck.add(id);
    if (plan.would !== "CHANGE") return plan;
    const bound = score.score.bind();
    const steps = plan.steps.filter((step) => {
      const claims = bound.claims(step);
      const isMade = claims.length > 0 && claims.every((claim) => this.#made.has(claim));
      for (const claim of claims) this.#made.set(claim, id);
      return !isMade;
    });
    return this.#noted(id, score, { ...plan, steps });
  }

  #noted(id: string, score: Accepted, plan: ScorePlan): ScorePlan {
    this.#changed.set(id, score);
    const isDirectory = plan.would === "CHANGE" && plan.steps.some(makesDirectory);
    for (const path of pathsOf(score)) {
      this.#made.set(path, id);
      if (!isDirectory) this.#files.set(path, id);
    }
    return plan;
  }

  /** What others put at its place by then, or put above it where a directory has to be. */
  #inTheWay(of: Accepted): readonly string[] {
    const places = pathsOf(of);
    const above = [...this.#files].filter(([path]) => places.some((place) => isWithin(place, path)));
    return [...places.flatMap((path) => this.#made.get(path) ?? []), ...above.map(([, id]) => id)];
  }

  /**
   * What is removed first, and stands at its place, or above it or below; and what was made for that: a directory goes with it
   * where nothing else is in there, so not where this one is there already.
   */
  #gone(of: Accepted, isThere: boolean): readonly string[] {
    const places = pathsOf(of);
    const isAbout = ({ identity, claims }: Owned): boolean => {
      const path = pathIn(identity);
      const near = (place: string): boolean => path !== null && (isWithin(place, path) || isWithin(path, place));
      const claimed = claims.flatMap((claim) => pathIn(claim) ?? []);
      return places.some(
        (place) => near(place) || claimed.some((each) => isWithin(each, place) || (!isThere && isWithin(place, each))),
      );
    };
    return this.#dropped.filter(isAbout).map(({ id }) => id);
  }

  /** What it may fail for the lack of: what it comes after, and what is at its place or above. */
  #grounds(of: Accepted): readonly string[] {
    const places = pathsOf(of);
    const made = [...this.#made].filter(([path]) => places.some((place) => isWithin(place, path)));
    return [...of.after.filter((each) => this.#changed.has(each)), ...made.map(([, id]) => id)];
  }
}

const makesDirectory = (step: unknown): boolean =>
  typeof step === "object" && step !== null && "do" in step && step.do === "makeDirectory";

/** Of what is about a path, and of a claim of one. */
const pathIn = (text: string): string | null => /^(?:path:)?(\/.*)$/.exec(text)?.[1] ?? null;

const isWithin = (path: string, above: string): boolean => path === above || path.startsWith(`${above}/`);

const pathsOf = ({ score }: Accepted): readonly string[] =>
  (score.bind().reach ?? []).flatMap((each) => (each._tag === "path" ? [each.path] : []));
