import { sha256Of } from "../wire/event-chain.ts";
import { asName, type EventRecord } from "../wire/events.ts";
import { AgentId } from "../wire/keys.ts";
import type { ScoreState } from "../wire/status.ts";
import type { CallOptions, Unreachable } from "../wire/store.ts";
import { readCapabilities } from "./capabilities.ts";
import { events } from "./events.ts";
import type { FleetParts } from "./parts.ts";

/** What came of a manifest, by what its agent has put on record. `at` is by the device's clock. */
export type ManifestResult =
  | { readonly _tag: "Refused"; readonly at: string; readonly reason: string }
  /** It was taken, and another one came before it was carried through, or has not been yet. */
  | { readonly _tag: "Accepted"; readonly at: string }
  /** `states`: how many Scores were in each then. */
  | {
      readonly _tag: "Settled";
      readonly at: string;
      readonly states: Readonly<Partial<Record<ScoreState, number>>>;
      readonly rolledBack: boolean;
    }
  /** Nothing of it is on record: it was superseded before the agent read it, or that is not kept any more. */
  | { readonly _tag: "Unknown" };

export interface Told {
  readonly result: ManifestResult;
  /** Whose signatures the device found to fit; null: nothing of it is on record. */
  readonly verifiedBy: readonly string[] | null;
}

/** Nothing of it is on record. */
export const NOT_TOLD: Told = { result: { _tag: "Unknown" }, verifiedBy: null };

export interface Results {
  readonly _tag: "Results";
  of(manifest: { readonly payload: string }): Told;
}

/** What came of an agent's manifests from then on. Of a pair it is on the records of its members. */
export async function resultsOf(
  parts: FleetParts,
  agentId: AgentId,
  since: Date,
  call: CallOptions,
): Promise<Results | Unreachable> {
  const told = await readCapabilities(parts.store, agentId, call);
  if (told._tag === "Unreachable") return told;
  const members = told._tag === "Read" ? Object.keys(told.document.members ?? {}) : [];
  const all = new Map<string, Told>();
  for (const source of [agentId, ...members.flatMap((id) => AgentId.safeParse(id).data ?? [])]) {
    const found = await onRecordOf(parts, source, agentId, since, call);
    if ("_tag" in found) return found;
    for (const [key, each] of found) {
      const other = all.get(key);
      if (other === undefined || RANK[each.result._tag] > RANK[other.result._tag]) all.set(key, each);
    }
  }
  return {
    _tag: "Results",
    of: ({ payload }) => all.get(sha256Of(payload)) ?? NOT_TOLD,
  };
}

/** Of what two members of a pair tell. */
const RANK: Readonly<Record<ManifestResult["_tag"], number>> = { Unknown: 0, Refused: 1, Accepted: 2, Settled: 3 };

/**
 * What the record of one device tells of the manifests of an agent: of its own, or of the pair that it is a member of. By the hash
 * of the payload, which has the generation in it: what is refused for its signature was not read.
 */
async function onRecordOf(
  { store, clock }: FleetParts,
  source: AgentId,
  agentId: AgentId,
  since: Date,
  { signal = new AbortController().signal }: CallOptions,
): Promise<ReadonlyMap<string, Told> | Unreachable> {
  const results = new Map<string, Told>();
  let taken: { readonly key: string; readonly generation: number; readonly by: readonly string[] } | null = null;
  for await (const each of events({ stream: store, clock }, { agentId: source, since, signal })) {
    if (each._tag === "Unreachable") return each;
    if (each._tag !== "Event" || each.record === null || !isOfManifest(each.record)) continue;
    const { record } = each;
    if ((record.pair ?? source) !== agentId) continue;
    const { at } = record;
    if (record.type === "ManifestAccepted") {
      const key = record.sha256;
      taken = { key, generation: record.generation, by: record.signedBy };
      const isSettled = results.get(key)?.result._tag === "Settled";
      if (!isSettled) results.set(key, { result: { _tag: "Accepted", at }, verifiedBy: record.signedBy });
    } else if (record.type === "ManifestRefused") {
      const result = { _tag: "Refused", at, reason: record.reason } as const;
      results.set(record.sha256, { result, verifiedBy: record.signedBy });
    } else if (record.generation === taken?.generation) {
      const { states, rolledBack = false } = record;
      results.set(taken.key, { result: { _tag: "Settled", at, states, rolledBack }, verifiedBy: taken.by });
    }
  }
  return results;
}

type OfManifest = Extract<EventRecord, { readonly type: "ManifestAccepted" | "ManifestRefused" | "ManifestSettled" }>;
const isOfManifest = (record: EventRecord): record is OfManifest =>
  record.type === "ManifestAccepted" || record.type === "ManifestRefused" || record.type === "ManifestSettled";

export interface Author {
  readonly name: string;
  /** Whether the device found that the signature fits; if not, it is but a name beside one. */
  readonly isVerified: boolean;
}

/** Who signed a manifest: those whom its device has verified, and the other names beside its signatures. */
export const authorsIn = (signedBy: readonly string[], verifiedBy: readonly string[] | null): readonly Author[] => [
  ...(verifiedBy ?? []).map((name) => ({ name, isVerified: true })),
  ...signedBy
    .filter((name) => verifiedBy?.includes(asName(name)) !== true)
    .map((name) => ({ name, isVerified: false })),
];
