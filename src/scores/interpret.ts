import { match, P } from "ts-pattern";
import { PortError } from "../capabilities/port-error.ts";
import { attenuate, type PortTable } from "./attenuate.ts";
import type { Clock, Log } from "./context.ts";
import { Deadline, Expired } from "./deadline.ts";
import type { Failure, Obstruction, Outcome, Phase, Plan, Preview } from "./outcome.ts";
import type { AnyScore, Bound } from "./score.ts";

/** What an interpretation needs beside the Score. */
export interface Surroundings {
  /** Must offer every capability that the Score requires; the gates see to that. */
  readonly ports: PortTable;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends everything at once: the agent stops. */
  readonly stop: AbortSignal;
}

export interface ApplySurroundings extends Surroundings {
  /** True as soon as the work is out of date; asked between steps. */
  superseded(): boolean;
  /**
   * Called once before the first step with what the steps may bring into being. Resolves when that is on disk: from
   * then on a crash loses no ownership. Rejecting (with a PortError) keeps the steps from being taken.
   */
  claim(claims: readonly string[]): Promise<void>;
}

/** Looks, and says what an interpretation would do now. Changes nothing: the ports it works with cannot. */
export const preview = (score: AnyScore, around: Surroundings): Promise<Preview> =>
  under(score.bind(), around, (bound, deadline) =>
    lookOnly(score, bound, around, deadline, (seen) => bound.plan(seen), "plan"),
  );

/** The same for `retire`: what would be removed. */
export const previewRetire = (score: AnyScore, claims: ReadonlySet<string>, around: Surroundings): Promise<Preview> =>
  under(score.bind(), around, (bound, deadline) =>
    lookOnly(score, bound, around, deadline, (seen) => bound.retire(seen, claims), "retire"),
  );

/** Makes it so: observe, plan, apply each step, and observe again. */
export const interpret = (score: AnyScore, around: ApplySurroundings): Promise<Outcome> =>
  under(score.bind(), around, (bound, deadline) =>
    converge(score, bound, around, deadline, (seen) => bound.plan(seen), "plan", "apply"),
  );

/** Removes what the Score made, the same way. SUCCESS: removed. NOOP: nothing of it was there. */
export const retire = (score: AnyScore, claims: ReadonlySet<string>, around: ApplySurroundings): Promise<Outcome> =>
  under(score.bind(), around, (bound, deadline) =>
    converge(score, bound, around, deadline, (seen) => bound.retire(seen, claims), "retire", "retire"),
  );

type AnyBound = ReturnType<AnyScore["bind"]>;

async function under<T>(
  bound: AnyBound,
  around: Surroundings,
  run: (bound: AnyBound, deadline: Deadline) => Promise<T>,
): Promise<T> {
  const deadline = new Deadline(around.clock, around.log, around.stop, bound.deadlineMs);
  try {
    return await run(bound, deadline);
  } finally {
    deadline.end();
  }
}

type Decide = (seen: unknown) => Plan<unknown>;
type Looked =
  | { readonly _tag: "Seen"; readonly observed: unknown; readonly steps: readonly unknown[] }
  | { readonly _tag: "Failed"; readonly observed: unknown; readonly failure: Failure };

async function lookOnly(
  score: AnyScore,
  bound: AnyBound,
  around: Surroundings,
  deadline: Deadline,
  decide: Decide,
  deciding: Phase,
): Promise<Preview> {
  const looked = await look(bound, attenuate(score.requires, around.ports).reads, deadline, decide, deciding);
  return looked._tag === "Failed"
    ? { _tag: "Impossible", observed: looked.observed, failure: looked.failure }
    : { _tag: "Planned", observed: looked.observed, steps: looked.steps };
}

async function converge(
  score: AnyScore,
  bound: AnyBound,
  around: ApplySurroundings,
  deadline: Deadline,
  decide: Decide,
  deciding: Phase,
  acting: Phase,
): Promise<Outcome> {
  const { reads, full } = attenuate(score.requires, around.ports);
  const first = await look(bound, reads, deadline, decide, deciding);
  if (first._tag === "Failed") return fail(first.failure, first.observed, []);
  if (first.steps.length === 0) return { outcome: "NOOP", observed: first.observed };

  const did: unknown[] = [];
  const claims = first.steps.flatMap((step) => bound.claims(step));
  const claimed = await attempt(() => around.claim(claims), acting, null, bound);
  if (claimed._tag === "Failed") return fail(claimed.failure, first.observed, did);
  for (const step of first.steps) {
    if (around.superseded()) {
      return fail({ _tag: "Interrupted", remaining: first.steps.slice(did.length) }, first.observed, did);
    }
    const failure = await attempt(() => deadline.within(() => bound.apply(step, full, deadline)), acting, step, bound);
    if (failure._tag === "Failed") return fail(failure.failure, first.observed, did);
    did.push(step);
  }

  // Success is only ever said after looking again.
  const second = await look(bound, reads, deadline, decide, deciding);
  if (second._tag === "Failed") return fail(second.failure, second.observed, did);
  if (second.steps.length > 0) return fail({ _tag: "DidNotConverge", remaining: second.steps }, second.observed, did);
  return { outcome: "SUCCESS", observed: second.observed, did: [first.steps[0], ...did.slice(1)] };
}

async function look(bound: AnyBound, reads: PortTable, deadline: Deadline, decide: Decide, deciding: Phase): Promise<Looked> {
  const seen = await attempt(() => deadline.within(() => bound.observe(reads, deadline)), "observe", null, bound);
  if (seen._tag === "Failed") return { ...seen, observed: null };
  const planned = await attempt(() => decide(seen.value), deciding, null, bound);
  if (planned._tag === "Failed") return { ...planned, observed: seen.value };
  if (isObstruction(planned.value)) {
    const failure: Failure = { _tag: "Obstructed", during: deciding, obstruction: planned.value };
    return { _tag: "Failed", observed: seen.value, failure };
  }
  return { _tag: "Seen", observed: seen.value, steps: planned.value };
}

const isObstruction = (plan: Plan<unknown>): plan is Obstruction => "obstructed" in plan;

type Attempted<T> = { readonly _tag: "Done"; readonly value: T } | { readonly _tag: "Failed"; readonly failure: Failure };

async function attempt<T>(run: () => T | Promise<T>, during: Phase, step: unknown, bound: AnyBound): Promise<Attempted<T>> {
  try {
    return { _tag: "Done", value: await run() };
  } catch (thrown) {
    return { _tag: "Failed", failure: failureOf(thrown, during, step, bound) };
  }
}

const failureOf = (thrown: unknown, during: Phase, step: unknown, { deadlineMs }: Bound<readonly [], unknown, unknown>): Failure =>
  match(thrown)
    .returnType<Failure>()
    .with(P.instanceOf(PortError), ({ problem }) => ({ _tag: "PortFailed", during, step, problem }))
    .with(P.instanceOf(Expired), ({ why }) =>
      why === "TimedOut"
        ? { _tag: "TimedOut", during, step, afterMs: deadlineMs }
        : { _tag: "Interrupted", remaining: step === null ? [] : [step] },
    )
    .otherwise((bug) => ({ _tag: "Bug", during, step, message: bug instanceof Error ? bug.message : String(bug) }));

const fail = (failure: Failure, observed: unknown, did: readonly unknown[]): Outcome => ({
  outcome: "FAILURE",
  observed,
  did,
  failure,
});
