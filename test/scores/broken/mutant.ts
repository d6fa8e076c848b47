import type { AnyScoreClass } from "../../../src/scores/score.ts";
import { type DrawerInterpretation, type DrawerSpec, sound } from "../drawer.ts";

/** A kind that breaks the contract in one way. */
export interface Mutant {
  readonly what: string;
  /** Made anew for each run, because some of them remember things. */
  readonly kind: () => AnyScoreClass;
  /** Words from the name of the check that is there to find it. */
  readonly check: string;
  /** What the check says. */
  readonly says: RegExp;
}

export const present = (text: string) => ({ state: "present", text }) as const;

/** True when it is asked about a Score for the first time; the spec object tells one Score from another. */
export function firstTime(): (spec: DrawerSpec) => boolean {
  const known = new WeakSet<DrawerSpec>();
  return (spec) => {
    const first = !known.has(spec);
    known.add(spec);
    return first;
  };
}

/** Answers the look with a guess once a timer of the kind's own has run out. */
export const guessAfter =
  (ms: number): DrawerInterpretation["observe"] =>
  (spec, ports, context) =>
    new Promise((resolve, reject) => {
      const cancel = context.clock.after(ms, () => resolve({ state: "absent" }));
      void Promise.resolve(sound.observe(spec, ports, context))
        .then(resolve, reject)
        .finally(cancel);
    });
