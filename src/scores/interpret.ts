import { match, P } from "ts-pattern";
import { PortError } from "../capabilities/port-error.ts";
import { acting } from "./acting.ts";
import { attenuate, type PortTable } from "./attenuate.ts";
import type { Assets, Clock, Log, MaybePromise } from "./context.ts";
import { Deadline, Expired } from "./deadline.ts";
import type { Failure, Obstruction, OnlyTold, Outcome, Phase, Plan, Preview } from "./outcome.ts";
import type { AnyScore, Bound } from "./score.ts";
import { NO_SECRETS, onlySecrets, type Secrets } from "./secret.ts";

/** What an interpretation needs beside the Score. */
export interface Surroundings {
  /** Must offer every capability that the Score requires; the gates see to that. */
  readonly ports: PortTable;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends everything at once: the agent stops. */
  readonly stop: AbortSignal;
  /** The Score is handed those alone that its spec refers to. Default: there are none. */
  readonly secrets?: Secrets | undefined;
  /** Default: there are none, and what wants one fails. */
  readonly assets?: Assets | undefined;
}

export interface ApplySurroundings extends Surroundings {
  /** True as soon as the work is out of date; asked between steps. */
  superseded(): boolean;
  /**
   * Called once before the first step with what the steps may bring into being. Resolves when that is on disk: from
   * then on a crash loses no ownership. Rejecting (with a PortError) keeps the steps from being taken. `why`: `restart`
   * where all is as declared, and the steps only start anew what runs.
   */
  claim(claims: readonly string[], why: "change" | "restart"): Promise<void>;
  /** Whether what runs is to be started anew, because of a Score that this one restarts on. Default false. */
  readonly notified?: boolean;
  /** Whether it has been started anew already since that Score changed, by which run of it is seen. Default: it has not. */
  isAnew?(run: string | null): boolean;
  /** Awaited before a step that the kind calls one for `gather`. The time is not the Score's. Default: goes on at once. */
  gather?(): Promise<void>;
  /** Called before a step that the kind calls one to take `aside`. */
  aside?(): void;
}

/** What the first look found to do. */
export interface Found {
  readonly observed: unknown;
  /** Whether what the Score is about is there at all. */
  readonly exists: boolean;
  /** As in `claim`. */
  readonly why: "change" | "restart";
  /** Which run of it was seen; null where it does not run, or its kind cannot tell. */
  readonly run: string | null;
}

/** Whether it may be done: as a word, or what stands in the way. */
export type Permission = "take" | "tell" | Obstruction;

export interface GuardedSurroundings extends ApplySurroundings {
  /** Asked once, where the first look found something to do, before anything is claimed or done. */
  permit(found: Found): Permission;
}

/**
 * Looks, and says what an interpretation would do now. Changes nothing: the ports it works with cannot. `notified`: whether what
 * runs would be started anew, because of a Score that this one restarts on.
 */
export const preview = async (score: AnyScore, around: Surroundings, notified = false): Promise<Preview> =>
  under(score.bind(), around, (bound, deadline) =>
    lookOnly(score, bound, around, deadline, (seen) => (notified ? bound.restart(seen) : bound.plan(seen)), "plan"),
  );

/** The same for `retire`: what would be removed. */
export const previewRetire = async (
  score: AnyScore,
  claims: ReadonlySet<string>,
  around: Surroundings,
): Promise<Preview> =>
  under(score.bind(), around, (bound, deadline) =>
    lookOnly(score, bound, around, deadline, (seen) => bound.retire(seen, claims), "retire"),
  );

/** Makes it so: observe, plan, apply each step, and observe again. */
export const interpret = async (score: AnyScore, around: ApplySurroundings): Promise<Outcome> =>
  under(score.bind(), around, (bound, deadline) =>
    converge(score, bound, around, deadline, (seen) => bound.plan(seen), "plan", "apply", unguarded),
  );

/**
 * As {@link interpret}, but asks whether what there is to do may be done, and gives the outcome itself where nothing had to be waited for: a pass over a thousand files
 * that are as declared makes no promise, which halves what the engine costs.
 */
export const interpretNow = (score: AnyScore, around: GuardedSurroundings): MaybePromise<Outcome | OnlyTold> =>
  under(score.bind(), around, (bound, deadline) =>
    converge(
      score,
      bound,
      around,
      deadline,
      (seen) => bound.plan(seen),
      "plan",
      "apply",
      (first, why) => guard(first, why, bound, around),
    ),
  );

/** Removes what the Score made, the same way. SUCCESS: removed. NOOP: nothing of it was there. */
export const retire = async (
  score: AnyScore,
  claims: ReadonlySet<string>,
  around: ApplySurroundings,
): Promise<Outcome> =>
  under(score.bind(), around, (bound, deadline) =>
    converge(score, bound, around, deadline, (seen) => bound.retire(seen, claims), "retire", "retire", unguarded),
  );

type AnyBound = ReturnType<AnyScore["bind"]>;

function under<T>(
  bound: AnyBound,
  around: Surroundings,
  run: (bound: AnyBound, deadline: Deadline) => MaybePromise<T>,
): MaybePromise<T> {
  const secrets = onlySecrets(bound.secrets, around.secrets ?? NO_SECRETS);
  const deadline = new Deadline(around.clock, around.log, around.stop, bound.deadlineMs, secrets);
  let waits = false;
  try {
    const result = run(bound, deadline);
    waits = result instanceof Promise;
    return result instanceof Promise ? result.finally(() => deadline.end()) : result;
  } finally {
    if (!waits) deadline.end();
  }
}

/** `then`, but at once where nothing has to be waited for. */
const andThen = <T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> =>
  value instanceof Promise ? value.then(next) : next(value);

type Decide = (seen: unknown) => Plan<unknown>;
type Seen = { readonly _tag: "Seen"; readonly observed: unknown; readonly steps: readonly unknown[] };
type Looked = Seen | { readonly _tag: "Failed"; readonly observed: unknown; readonly failure: Failure };

function lookOnly(
  score: AnyScore,
  bound: AnyBound,
  around: Surroundings,
  deadline: Deadline,
  decide: Decide,
  deciding: Phase,
): MaybePromise<Preview> {
  const { reads } = attenuate(score.requires, around.ports);
  return andThen(look(bound, reads, deadline, decide, deciding), (looked) =>
    looked._tag === "Failed"
      ? { _tag: "Impossible", observed: looked.observed, failure: looked.failure }
      : { _tag: "Planned", observed: looked.observed, steps: looked.steps },
  );
}

/** Null: go on. */
type Guard<T> = (first: Seen, why: Found["why"]) => T | null;
const unguarded: Guard<never> = () => null;

function guard(
  { observed, steps }: Seen,
  why: Found["why"],
  bound: AnyBound,
  around: GuardedSurroundings,
): Outcome | OnlyTold | null {
  const asked = attemptNow(
    () => around.permit({ observed, exists: bound.exists(observed), why, run: bound.run(observed) }),
    "plan",
    null,
    bound,
  );
  if (asked._tag === "Failed") return fail(asked.failure, observed, []);
  if (asked.value === "take") return null;
  if (asked.value === "tell") return { outcome: "TOLD", observed, would: steps };
  return fail({ _tag: "Obstructed", during: "plan", obstruction: asked.value }, observed, []);
}

function converge<T>(
  score: AnyScore,
  bound: AnyBound,
  around: ApplySurroundings,
  deadline: Deadline,
  decide: Decide,
  deciding: Phase,
  phase: Phase,
  guarded: Guard<T>,
): MaybePromise<Outcome | T> {
  const { reads, full } = attenuate(score.requires, around.ports);
  // Only the first look: by the second one it has been started anew.
  const restarts = around.notified === true && phase === "apply";
  const decideFirst: Decide = restarts
    ? (seen) => (around.isAnew?.(bound.run(seen)) === true ? decide(seen) : bound.restart(seen))
    : decide;
  return andThen(look(bound, reads, deadline, decideFirst, deciding), (first): MaybePromise<Outcome | T> => {
    if (first._tag === "Failed") return fail(first.failure, first.observed, []);
    if (first.steps.length === 0) return { outcome: "NOOP", observed: first.observed };
    const why = restarts && isSo(first.observed, bound) ? "restart" : "change";
    const held = guarded(first, why);
    if (held !== null) return held;
    return take(first, why, bound, full, around, deadline, () => look(bound, reads, deadline, decide, deciding), phase);
  });
}

/** Whether there is nothing to change, but what runs may be started anew. */
function isSo(observed: unknown, bound: AnyBound): boolean {
  const planned = attemptNow(() => bound.plan(observed), "plan", null, bound);
  return planned._tag === "Done" && (isObstruction(planned.value) || planned.value.length === 0);
}

async function take(
  first: Seen,
  why: "change" | "restart",
  bound: AnyBound,
  full: PortTable,
  around: ApplySurroundings,
  deadline: Deadline,
  again: () => MaybePromise<Looked>,
  phase: Phase,
): Promise<Outcome> {
  const did: unknown[] = [];
  const context = acting(deadline, around.assets);
  const claim = (): Promise<void> =>
    around.claim(
      first.steps.flatMap((step) => bound.claims(step)),
      why,
    );
  const claimed = await attempt(() => deadline.within(claim), phase, null, bound);
  if (claimed._tag === "Failed") return fail(interruptedAt(claimed.failure, first.steps), first.observed, did);
  for (const step of first.steps) {
    const remaining = first.steps.slice(did.length);
    const pause = bound.pauses(step);
    if (pause === "aside") around.aside?.();
    if (pause === "gather") {
      const gathered = await attempt(() => deadline.without(async () => around.gather?.()), phase, step, bound);
      if (gathered._tag === "Failed") return fail(interruptedAt(gathered.failure, remaining), first.observed, did);
    }
    if (around.superseded()) return fail({ _tag: "Interrupted", remaining }, first.observed, did);
    const applied = await attempt(() => deadline.within(() => bound.apply(step, full, context)), phase, step, bound);
    if (applied._tag === "Failed") return fail(interruptedAt(applied.failure, remaining), first.observed, did);
    did.push(step);
  }

  // Success is only ever said after looking again.
  const second = await again();
  if (second._tag === "Failed") return fail(second.failure, second.observed, did);
  if (second.steps.length > 0) return fail({ _tag: "DidNotConverge", remaining: second.steps }, second.observed, did);
  return { outcome: "SUCCESS", observed: second.observed, did: [first.steps[0], ...did.slice(1)] };
}

/** The step at which it stopped may have been taken or not, so it remains as well. */
const interruptedAt = (failure: Failure, remaining: readonly unknown[]): Failure =>
  failure._tag === "Interrupted" ? { ...failure, remaining } : failure;

function look(
  bound: AnyBound,
  reads: PortTable,
  deadline: Deadline,
  decide: Decide,
  deciding: Phase,
): MaybePromise<Looked> {
  const seen = attempt(() => deadline.withinNow(() => bound.observe(reads, deadline)), "observe", null, bound);
  return andThen(seen, (each) => judge(each, bound, decide, deciding));
}

function judge(seen: Attempted<unknown>, bound: AnyBound, decide: Decide, deciding: Phase): Looked {
  if (seen._tag === "Failed") return { ...seen, observed: null };
  const planned = attemptNow(() => decide(seen.value), deciding, null, bound);
  if (planned._tag === "Failed") return { ...planned, observed: seen.value };
  if (isObstruction(planned.value)) {
    const failure: Failure = { _tag: "Obstructed", during: deciding, obstruction: planned.value };
    return { _tag: "Failed", observed: seen.value, failure };
  }
  return { _tag: "Seen", observed: seen.value, steps: planned.value };
}

const isObstruction = (plan: Plan<unknown>): plan is Obstruction => "obstructed" in plan;

type Attempted<T> =
  | { readonly _tag: "Done"; readonly value: T }
  | { readonly _tag: "Failed"; readonly failure: Failure };

function attempt<T>(
  run: () => MaybePromise<T>,
  during: Phase,
  step: unknown,
  bound: AnyBound,
): MaybePromise<Attempted<T>> {
  const begun = attemptNow(run, during, step, bound);
  if (begun._tag === "Failed") return begun;
  return begun.value instanceof Promise
    ? begun.value.then(
        (value) => ({ _tag: "Done", value }),
        (thrown: unknown) => ({ _tag: "Failed", failure: failureOf(thrown, during, step, bound) }),
      )
    : { _tag: "Done", value: begun.value };
}

function attemptNow<T>(run: () => T, during: Phase, step: unknown, bound: AnyBound): Attempted<T> {
  try {
    return { _tag: "Done", value: run() };
  } catch (thrown) {
    return { _tag: "Failed", failure: failureOf(thrown, during, step, bound) };
  }
}

const failureOf = (
  thrown: unknown,
  during: Phase,
  step: unknown,
  { deadlineMs }: Bound<readonly [], unknown, unknown>,
): Failure =>
  match(thrown)
    .returnType<Failure>()
    .with(P.instanceOf(PortError), ({ problem }) => ({ _tag: "PortFailed", during, step, problem }))
    .with(P.instanceOf(Expired), ({ why }) =>
      why === "TimedOut"
        ? { _tag: "TimedOut", during, step, afterMs: deadlineMs }
        : { _tag: "Interrupted", remaining: [] },
    )
    .otherwise((bug) => ({ _tag: "Bug", during, step, message: bug instanceof Error ? bug.message : String(bug) }));

const fail = (failure: Failure, observed: unknown, did: readonly unknown[]): Outcome => ({
  outcome: "FAILURE",
  observed,
  did,
  failure,
});
