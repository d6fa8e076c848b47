import * as z from "zod";
import { redact } from "../scores/redaction.ts";
import type { Manifest } from "../topology/manifest.ts";
import { encodeScores } from "../wire/encode.ts";
import { type Payload, WireScore } from "../wire/envelope.ts";
import { hiddenIn } from "../wire/hidden.ts";
import type { AgentId } from "../wire/keys.ts";
import type { ScoreState } from "../wire/status.ts";
import type { CallOptions, Unreachable } from "../wire/store.ts";
import { differences, type ScoreDifference } from "./differences.ts";
import { manifestsOf, type ShippedManifest } from "./manifests.ts";
import type { FleetParts } from "./parts.ts";
import { status } from "./view.ts";
import { safeParse } from "../wire/safe-parse.ts";

/** What a plan is held against: a manifest of a FILE, or one that was signed. */
export type Asked = Manifest | Pick<Payload, "scores">;

const scoresOf = (asked: Asked): ShippedManifest["scores"] =>
  "topology" in asked ? encodeScores(asked) : asked.scores;

/**
 * What a manifest has that the one of this generation has not, by Score; null where that one is not kept. What secrets are
 * is not told: they are sealed.
 */
export async function changesSince(
  parts: FleetParts,
  agentId: AgentId,
  generation: number,
  asked: Asked,
  call: CallOptions = {},
): Promise<ReadonlyMap<string, ScoreDifference> | null | Unreachable> {
  const found = await manifestsOf(parts, agentId, [generation], call);
  if ("_tag" in found) return found;
  const before = found.get(generation);
  return before?._tag === "Manifest" ? changes(before.scores, scoresOf(asked)) : null;
}

function changes(before: ShippedManifest["scores"], after: ShippedManifest["scores"]) {
  const all = differences({ scores: withoutSecrets(before) }, { scores: withoutSecrets(after) });
  return new Map(all.map((each) => [each.id, each] as const));
}

const withoutSecrets = (scores: ShippedManifest["scores"]): ShippedManifest["scores"] =>
  Object.fromEntries(
    Object.entries(scores).map(([id, each]) => {
      const read = safeParse(WireScore, each);
      if (!read.success) return [id, each];
      const { secrets: _, ...rest } = read.data;
      return [id, rest];
    }),
  );

/**
 * The texts that files would have, by Score: what is to be held against what stands on a device. As an agent tells that, what looks
 * like a secret is taken out, and what any of the Scores asks not to be shown.
 */
export function textsAsked(asked: Asked): ReadonlyMap<string, string> {
  const scores = scoresOf(asked);
  const hidden = Object.values(scores).flatMap(hiddenIn);
  return new Map(
    Object.entries(scores).flatMap(([id, score]) => {
      const read = safeParse(TextFile, score);
      return read.success ? [[id, redact(read.data.spec.json.content, hidden)] as const] : [];
    }),
  );
}

const TextFile = z.looseObject({
  kind: z.literal("File"),
  spec: z.looseObject({ json: z.looseObject({ content: z.string() }) }),
});

/** What an agent that does not answer would have to do, going by what it told last. */
export interface LastKnown {
  readonly _tag: "LastKnown";
  readonly agentId: AgentId;
  /** The generation that it told of; 0: it has told nothing. */
  readonly generation: number;
  /** When it was last heard of, by its own clock; null: never. */
  readonly heardAt: string | null;
  readonly scores: Readonly<
    Record<
      string,
      {
        /** `NOOP`: it is declared as before. `CHANGE`, `ADD`, `RETIRE`: the declaration changed, came, or went. */
        readonly would: "NOOP" | "CHANGE" | "ADD" | "RETIRE";
        readonly kind: string;
        /** As it told last; null where it told nothing of it. */
        readonly state: ScoreState | null;
        /** Null: what it had before is not kept, so all that is known is that it is there. */
        readonly change: ScoreDifference | null;
      }
    >
  >;
}

export async function lastKnown(
  parts: FleetParts,
  agentId: AgentId,
  asked: Asked,
  call: CallOptions = {},
): Promise<LastKnown | Unreachable> {
  const view = await status(parts, agentId, call);
  if (view._tag === "Unreachable") return view;
  const told = view.status._tag === "Known" ? view.status.status : null;
  const since = await changesSince(parts, agentId, told?.generation ?? 0, asked, call);
  if (since !== null && "_tag" in since) return since;
  const wanted = scoresOf(asked);
  const scores: Record<string, LastKnown["scores"][string]> = {};
  for (const [id, each] of Object.entries(wanted)) {
    const before = told?.scores[id];
    const change = since?.get(id) ?? null;
    const isOther = since === null || change !== null;
    const would = before === undefined ? "ADD" : isOther ? "CHANGE" : "NOOP";
    const read = safeParse(WireScore, each);
    scores[id] = { would, kind: read.success ? read.data.kind : "?", state: before?.state ?? null, change };
  }
  for (const [id, { kind, state }] of Object.entries(told?.scores ?? {})) {
    if (!(id in wanted)) scores[id] = { would: "RETIRE", kind, state, change: since?.get(id) ?? null };
  }
  return { _tag: "LastKnown", agentId, generation: told?.generation ?? 0, heardAt: view.heartbeat?.at ?? null, scores };
}
