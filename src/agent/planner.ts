import { match } from "ts-pattern";
import type { PortTable } from "../scores/attenuate.ts";
import type { Clock, Log } from "../scores/context.ts";
import { preview, previewRetire, type Surroundings } from "../scores/interpret.ts";
import type { Preview } from "../scores/outcome.ts";
import { policiesOf } from "../topology/policies.ts";
import { decodePayload, type DecodedScore, decodeScore, type Gate } from "../wire/decode.ts";
import type { WireScore } from "../wire/envelope.ts";
import { planSubject } from "../wire/keys.ts";
import { asJson, errorOf, errorOfRefusal } from "../wire/score-error.ts";
import { type PlanReply, writeDocument } from "../wire/status.ts";
import type { Store } from "../wire/store.ts";
import { payloadOf } from "./desired-state.ts";
import type { Ledger } from "./ledger.ts";
import { isLeft, permits } from "./permits.ts";
import { withoutTexts } from "./status-document.ts";

type ScorePlan = Extract<PlanReply, { readonly _tag: "Plan" }>["scores"][string];

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
    fitting(await plan(request, parts), parts.store.maxPayload()),
  );

/** An answer that is too large would never arrive: it is cut in what was seen and in texts, or says that it is too large. */
function fitting(reply: PlanReply, limit: number): Uint8Array {
  const whole = writeDocument(reply);
  if (whole.length <= limit || reply._tag === "Refused") return whole;
  const short = Object.entries(reply.scores).map(([id, score]): [string, ScorePlan] => [
    id,
    "error" in score
      ? { ...score, error: withoutTexts(score.error) }
      : "observed" in score
        ? { ...score, observed: null }
        : score,
  ]);
  const cut = writeDocument({ ...reply, scores: Object.fromEntries(short) });
  if (cut.length <= limit) return cut;
  const message = `the plan is ${whole.length} bytes and cannot be cut to the ${limit} that the server takes; ask for fewer Scores`;
  return writeDocument({ _tag: "Refused", reason: "TooLarge", message });
}

async function plan(request: Uint8Array, parts: PlannerParts): Promise<PlanReply> {
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
  const scores: Record<string, ScorePlan> = {};
  const wanted = new Map<string, string>();
  for (const [id, each] of decoded.manifest.scores) {
    if (each._tag === "Refused") {
      scores[id] = { would: "REFUSE", kind: each.kind, error: errorOfRefusal(each.refusal) };
      continue;
    }
    wanted.set(each.identity, each.score.kind);
    scores[id] = guarded(id, each, await preview(each.score, aroundOf(id, each.wire)), parts.ledger);
    await breathe();
  }
  for (const { id, identity, wire, claims } of ledger.owned.values()) {
    if (wanted.get(identity) === wire.kind || (!wanted.has(identity) && scores[id]?.would === "REFUSE")) continue;
    if (isLeft(policiesOf(wire.policies))) {
      scores[id in scores ? `${id}~${identity}` : id] = { would: "LEAVE", kind: wire.kind };
      continue;
    }
    const owned = decodeScore(wire, gate);
    if (owned._tag === "Refused") continue;
    const looked = await previewRetire(owned.score, new Set(claims), aroundOf(id, wire));
    scores[id in scores ? `${id}~${identity}` : id] = told(wire.kind, looked, "RETIRE");
  }
  return { _tag: "Plan", agentId: gate.agentId, generation: parts.generation(), scores };
}

/** What the Score's policies make of it. */
function guarded(id: string, of: Extract<DecodedScore, { _tag: "Score" }>, looked: Preview, ledger: Ledger): ScorePlan {
  const { score, identity, digest, policies } = of;
  const unguarded = told(score.kind, looked, "CHANGE");
  if (unguarded.would !== "CHANGE") return unguarded;
  const { knownBad, digest: before } = ledger.statuses.get(id) ?? {};
  const standing = {
    policies,
    identity,
    digest,
    owned: ledger.owned.get(identity),
    isKnownBad: knownBad === true && before === digest,
    notified: false,
  };
  const permission = permits(standing, { exists: score.bind().exists(looked.observed), why: "change" });
  if (permission === "take") return unguarded;
  if (permission === "tell") return { ...unguarded, would: "TELL" };
  const failure = { _tag: "Obstructed", during: "plan", obstruction: permission } as const;
  return { would: "FAIL", kind: score.kind, error: errorOf(failure) };
}

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
