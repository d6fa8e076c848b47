import type { DecodedManifest } from "../wire/decode.ts";
import type { DevicePolicies } from "../wire/device-policy.ts";
import { sha256Of } from "../wire/event-chain.ts";
import { asName, type Event } from "../wire/events.ts";
import type { AgentId } from "../wire/keys.ts";
import { authorsDigest } from "../wire/authors-digest.ts";
import { policyDigest } from "../wire/policy-digest.ts";
import type { ManifestRefusal, ScoreRefusal } from "../wire/refusal.ts";
import type { ScoreStatus } from "../wire/status.ts";
import type { Trust } from "../wire/signature.ts";
import type { Accepted } from "./saved-manifest.ts";

/** What an agent does, as it is put on record. `pair`: the one that it works for; null: none. */
export const asEvents = (pair: AgentId | null) => ({
  accepted: ({ generation, scores, signedBy }: DecodedManifest, { payload }: Accepted): Event => ({
    type: "ManifestAccepted",
    generation,
    sha256: sha256Of(payload),
    signedBy: signedBy.map(asName),
    scores: scores.size,
    ...refusedOf(scores),
    ...(pair && { pair }),
  }),
  settled: (generation: number, statuses: readonly ScoreStatus[], isRolledBack: boolean): Event => {
    const states: Partial<Record<ScoreStatus["state"], number>> = {};
    for (const { state } of statuses) states[state] = (states[state] ?? 0) + 1;
    return {
      type: "ManifestSettled",
      generation,
      states,
      ...(isRolledBack && { rolledBack: true as const }),
      ...(pair && { pair }),
    };
  },
  /** Of what the ledger holds: on record already, unless the agent was killed in between. */
  acceptedBefore: ({ generation, payload, signedBy = [] }: Accepted): Event => ({
    type: "ManifestAccepted",
    generation,
    sha256: sha256Of(payload),
    signedBy: signedBy.map(asName),
    late: true,
    ...(pair && { pair }),
  }),
  /** `sha256`: of the payload, or of the envelope where there is no payload. */
  refused: ({ reason, generation, signedBy = [] }: ManifestRefusal, sha256: string): Event => ({
    type: "ManifestRefused",
    reason,
    generation,
    sha256,
    signedBy: signedBy.map(asName),
    ...(pair && { pair }),
  }),
  policy: (policies: DevicePolicies | undefined): Event => ({
    type: "PolicyChanged",
    sha256: policies === undefined ? null : policyDigest(policies),
    unreadable: policies !== undefined && policies.unreadable !== null,
    signedBy: [],
  }),
  authors: ({ trustedKeys, authors }: Trust): Event => ({
    type: "AuthorsChanged",
    sha256: authorsDigest(trustedKeys, authors),
    signedBy: [],
  }),
  fenced: (by: number): Event => ({ type: "Fenced", by, ...(pair && { pair }) }),
});

function refusedOf(scores: DecodedManifest["scores"]) {
  const refused: Partial<Record<ScoreRefusal["reason"], number>> = {};
  for (const each of scores.values()) {
    if (each._tag === "Refused") refused[each.refusal.reason] = (refused[each.refusal.reason] ?? 0) + 1;
  }
  return Object.keys(refused).length === 0 ? {} : { refused };
}
