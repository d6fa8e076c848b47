import { match } from "ts-pattern";
import type { PortTable } from "../scores/attenuate.ts";
import type { Clock, Log } from "../scores/context.ts";
import { preview, previewRetire, type Surroundings } from "../scores/interpret.ts";
import type { Plan, Preview } from "../scores/outcome.ts";
import type { AnyScore, Disturbance } from "../scores/score.ts";
import { inOrder } from "../topology/order.ts";
import { policiesOf } from "../topology/policies.ts";
import { decodePayload, type DecodedScore, decodeScore, type Gate } from "../wire/decode.ts";
import type { WireScore } from "../wire/envelope.ts";
import { planSubject } from "../wire/keys.ts";
import { asJson, errorOf, errorOfRefusal } from "../wire/score-error.ts";
import { type PlanReply, writeDocument } from "../wire/status.ts";
import type { Store } from "../wire/store.ts";
import { payloadOf } from "./desired-state.ts";
import { downtimes } from "./downtime.ts";
import type { Ledger } from "./ledger.ts";
import { isLeft, permits } from "./permits.ts";
import { standingAt, untoldOf } from "./standing-text.ts";
import { withoutTexts } from "./status-document.ts";
import { Upheaval } from "./upheaval.ts";

type ScorePlan = Extract<PlanReply, { readonly _tag: "Plan" }>["scores"][string];

type Scores = Extract<PlanReply, { readonly _tag: "Plan" }>["scores"];

export interface PlannerParts {
  readonly store: Store;
  readonly gate: Gate;
  readonly ports: PortTable;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Log;
  readonly stop: AbortSignal;
  readonly breathe: () => Promise<void>;
  readonly generation: () => number;
}

/** Answers what this agent would do with an envelope, by looking alone. Returns the way to stop answering. */
export const servePlans = (parts: PlannerParts): (() => void) =>
  parts.store.serve(planSubject(parts.gate.agentId), async (request) =>
    fitting(await planFor(request, parts), parts.store.maxPayload()),
  );

/** An answer that is too large would never arrive: it is cut in what was seen and in texts, or says that it is too large. */
function fitting(reply: PlanReply, limit: number): Uint8Array {
  const whole = writeDocument(reply);
  if (whole.length <= limit || reply._tag === "Refused") return whole;
  const withheld = mapped(reply.scores, withoutStanding);
  const less = writeDocument({ ...reply, scores: withheld });
  if (less.length <= limit) return less;
  const short = mapped(withheld, (score) =>
    "error" in score
      ? { ...score, error: withoutTexts(score.error) }
      : "observed" in score
        ? { ...score, observed: null }
        : score,
  );
  const cut = writeDocument({ ...reply, scores: short });
  if (cut.length <= limit) return cut;
  const message = `the plan is ${whole.length} bytes and cannot be cut to the ${limit} that the server takes; ask for fewer Scores`;
  return writeDocument({ _tag: "Refused", reason: "TooLarge", message });
}

const mapped = (scores: Scores, change: (score: ScorePlan) => ScorePlan): Scores =>
  Object.fromEntries(Object.entries(scores).map(([id, score]) => [id, change(score)]));

const withoutStanding = (score: ScorePlan): ScorePlan =>
  "standing" in score && score.standing._tag === "Text"
    ? { ...score, standing: { _tag: "Withheld", path: score.standing.path, because: "TooLarge" } }
    : score;

async function planFor(request: Uint8Array, parts: PlannerParts): Promise<PlanReply> {
  const { store, gate, ledger, breathe } = parts;
  const read = await payloadOf(request, store);
  if (read._tag === "Unreachable") {
    return { _tag: "Refused", reason: "MissingPayload", message: "the payload could not be read from the assets" };
  }
  if (read._tag === "Refused") return { _tag: "Refused", reason: read.refusal.reason, message: read.refusal.message };
  // The number in a question is of no account: nothing is put in force.
  const decoded = decodePayload(read.payload, read.signatures, gate, null);
  if (decoded._tag === "Refused") {
    return { _tag: "Refused", reason: decoded.refusal.reason, message: decoded.refusal.message };
  }

  const { ports, clock, log, stop } = parts;
  const aroundOf = (id: string, { secrets }: WireScore): Surroundings => ({
    ports,
    clock,
    log,
    stop,
    secrets: gate.opener?.of(id, secrets),
  });
  const { scores: asked } = decoded.manifest;
  const owned = [...ledger.owned.values()];
  const planned = new Map<string, ScorePlan>();
  const wanted = new Map<string, string>();
  for (const [id, each] of asked) {
    if (each._tag === "Score") wanted.set(each.identity, each.score.kind);
    else planned.set(id, { would: "REFUSE", kind: each.kind, error: errorOfRefusal(each.refusal) });
  }
  const dropped = owned.filter(
    ({ id, identity, wire }) =>
      wanted.get(identity) !== wire.kind && (wanted.has(identity) || planned.get(id)?.would !== "REFUSE"),
  );
  const goes = dropped.filter(({ wire }) => !isLeft(policiesOf(wire.policies)));
  const after = Object.fromEntries(
    [...asked].flatMap(([id, each]) => (each._tag === "Score" ? [[id, each.after] as const] : [])),
  );
  const order = inOrder([...asked.keys()], after);
  /** In the order in which they would be worked on: what comes first decides what the others find. */
  const pass = async (before: Upheaval | null): Promise<Upheaval> => {
    const upheaval = new Upheaval(goes);
    for (const [id, each] of asked) if (each._tag === "Refused") upheaval.refused(id);
    for (const id of order) {
      const each = asked.get(id);
      if (each?._tag !== "Score") continue;
      const on = each.score.bind().restarts ? each.restartOn : [];
      const by = on.filter((other) => before?.changes(other) === true);
      const looked = await preview(each.score, aroundOf(id, each.wire), by.length > 0);
      const unsure = on.filter((other) => before?.waits(other) === true);
      planned.set(id, upheaval.takes(id, each, guarded(id, each, looked, ledger, by), unsure));
      await breathe();
    }
    return upheaval;
  };
  const first = await pass(null);
  // Who restarts on one can come before it.
  const isRestarted = [...asked.values()].some((each) => each._tag === "Score" && each.restartOn.length > 0);
  if (isRestarted) await pass(first);
  const scores = Object.fromEntries(
    [...asked.keys()].flatMap((id) => {
      const plan = planned.get(id);
      return plan === undefined ? [] : [[id, plan] as const];
    }),
  );
  const retired = new Map<string, AnyScore>();
  for (const { id, identity, wire, claims } of dropped) {
    const name = id in scores ? `${id}~${identity}` : id;
    if (isLeft(policiesOf(wire.policies))) {
      scores[name] = { would: "LEAVE", kind: wire.kind };
      continue;
    }
    const decodedAgain = decodeScore(wire, gate);
    if (decodedAgain._tag === "Refused") continue;
    const looked = await previewRetire(decodedAgain.score, new Set(claims), aroundOf(id, wire));
    scores[name] = told(wire.kind, looked, "RETIRE");
    retired.set(name, decodedAgain.score);
  }
  const scoreOf = (name: string): AnyScore | undefined => {
    const each = asked.get(name);
    return retired.get(name) ?? (each?._tag === "Score" ? each.score : undefined);
  };
  const known = [
    ...[...asked.values()].flatMap((each) => (each._tag === "Score" ? each.wire : [])),
    ...owned.map(({ wire }) => wire),
  ];
  const shown = await withStanding(scores, scoreOf, known, parts);
  const estimated = await withDowntime(shown, scoreOf, parts);
  return { _tag: "Plan", agentId: gate.agentId, generation: parts.generation(), scores: estimated };
}

type ScoreOf = (name: string) => AnyScore | undefined;

/** With what stands on the device where a text would be written. `wires`: the Scores that were asked about, and those in force. */
async function withStanding(
  scores: Scores,
  scoreOf: ScoreOf,
  wires: readonly WireScore[],
  { ports, gate, ledger, breathe }: PlannerParts,
): Promise<Scores> {
  const untold = untoldOf(wires, {
    opener: gate.opener,
    wasSecret: (identity) => Object.keys(ledger.owned.get(identity)?.wire.secrets ?? {}).length > 0,
  });
  const shown = { ...scores };
  for (const [name, plan] of Object.entries(scores)) {
    const score = scoreOf(name);
    if (score === undefined || (plan.would !== "CHANGE" && plan.would !== "TELL") || !plan.steps.some(writes)) continue;
    const standing = standingAt(score, ports, untold);
    if (standing !== null) shown[name] = { ...plan, standing };
    await breathe();
  }
  return shown;
}

/** With how long the units took the last time that it would start, stop or start anew. */
async function withDowntime(scores: Scores, scoreOf: ScoreOf, parts: PlannerParts): Promise<Scores> {
  const disturbed = Object.entries(scores).flatMap(([name, plan]) => {
    const found = disturbances(plan, scoreOf(name));
    return found.length === 0 ? [] : [[name, found] as const];
  });
  const estimated = { ...scores };
  for (const [name, downtime] of await downtimes(new Map(disturbed), parts)) {
    const plan = scores[name];
    if (downtime.length === 0 || plan === undefined) continue;
    if (plan.would === "CHANGE" || plan.would === "RETIRE") estimated[name] = { ...plan, downtime: [...downtime] };
  }
  return estimated;
}

/** What a plan starts, stops or starts anew, each unit once. */
function disturbances(plan: ScorePlan, score: AnyScore | undefined): readonly Disturbance[] {
  if (score === undefined || (plan.would !== "CHANGE" && plan.would !== "RETIRE")) return [];
  const bound = score.bind();
  const found = plan.steps.flatMap((step) => bound.disturbs(step) ?? []);
  return [...new Map(found.map((each) => [each.unit, each])).values()];
}

/** What the Score's policies make of it. */
function guarded(
  id: string,
  of: Extract<DecodedScore, { _tag: "Score" }>,
  looked: Preview,
  ledger: Ledger,
  restartedBy: readonly string[],
): ScorePlan {
  const { score, identity, digest, policies } = of;
  const unguarded = told(score.kind, looked, "CHANGE");
  if (unguarded.would !== "CHANGE") return unguarded;
  const bound = score.bind();
  const isSo = restartedBy.length > 0 && looked._tag === "Planned" && isEmpty(bound.plan(looked.observed));
  const { knownBad, digest: before } = ledger.statuses.get(id) ?? {};
  const standing = {
    policies,
    identity,
    digest,
    owned: ledger.owned.get(identity),
    isKnownBad: knownBad === true && before === digest,
    notified: restartedBy.length > 0,
  };
  const why = isSo ? "restart" : "change";
  const permission = permits(standing, { exists: bound.exists(looked.observed), why });
  if (permission === "take") {
    return restartedBy.length === 0 ? unguarded : { ...unguarded, restartedBy: [...restartedBy] };
  }
  if (permission === "tell") return { ...unguarded, would: "TELL" };
  const failure = { _tag: "Obstructed", during: "plan", obstruction: permission } as const;
  return { would: "FAIL", kind: score.kind, error: errorOf(failure) };
}

const writes = (step: unknown): boolean =>
  typeof step === "object" && step !== null && "do" in step && step.do === "write";

const isEmpty = (plan: Plan<unknown>): boolean => !("obstructed" in plan) && plan.length === 0;

const told = (kind: string, looked: Preview, would: "CHANGE" | "RETIRE"): ScorePlan =>
  match(looked)
    .returnType<ScorePlan>()
    .with({ _tag: "Impossible" }, ({ failure }) => ({ would: "FAIL", kind, error: errorOf(failure) }))
    .with({ _tag: "Planned" }, ({ observed, steps }) =>
      steps.length === 0 && would === "CHANGE"
        ? { would: "NOOP", kind, observed: asJson(observed) }
        : { would, kind, observed: asJson(observed), steps: steps.map(asJson) },
    )
    .exhaustive();
