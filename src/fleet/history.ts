import { sha256Of } from "../wire/event-chain.ts";
import type { AgentId } from "../wire/keys.ts";
import type { ScoreState } from "../wire/status.ts";
import type { CallOptions, Unreachable } from "../wire/store.ts";
import { events } from "./events.ts";
import { digestsOf, manifestsBackwards, type ShippedManifest, type Stored } from "./manifests.ts";
import type { FleetParts } from "./parts.ts";

export interface HistoryOptions extends CallOptions {
  /** Of those that are kept, the newest so many. Default 20. */
  readonly limit?: number | undefined;
}

/** What came of a manifest, by what its agent has put on record. */
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

export interface ShippedGeneration {
  readonly _tag: "Generation";
  readonly generation: number;
  readonly revision: number;
  /** When the server stored it, by its clock. */
  readonly storedAt: string;
  /** By whoever shipped it. */
  readonly issuedAt: string;
  /** The names beside its signatures, which nobody has verified here; empty: it is not signed. */
  readonly signedBy: readonly string[];
  readonly message: string | null;
  /** Against the manifest before it; null where that is not kept. */
  readonly changes: {
    readonly added: readonly string[];
    readonly changed: readonly string[];
    readonly removed: readonly string[];
  } | null;
  readonly scores: number;
  readonly result: ManifestResult;
}

export type HistoryEntry =
  | ShippedGeneration
  | { readonly _tag: "Deleted"; readonly revision: number; readonly storedAt: string }
  | { readonly _tag: "Unreadable"; readonly revision: number; readonly storedAt: string; readonly message: string };

export interface History {
  readonly _tag: "History";
  readonly agentId: AgentId;
  /** The newest first. */
  readonly entries: readonly HistoryEntry[];
  /** Whether older ones are kept. */
  readonly hasMore: boolean;
  /** Why what came of them cannot be told; null where it can. */
  readonly resultsLost: Unreachable | null;
}

const DEFAULT_LIMIT = 20;

/** What an agent was to be, and what came of it. */
export async function history(
  parts: FleetParts,
  agentId: AgentId,
  { limit = DEFAULT_LIMIT, ...call }: HistoryOptions = {},
): Promise<History | Unreachable> {
  const newest: Stored[] = [];
  for await (const each of manifestsBackwards(parts, agentId, call)) {
    if (each._tag === "Unreachable") return each;
    newest.push(each);
    // One more, for what the oldest that is shown has changed.
    const isEnough = newest.length > limit && newest.slice(limit).some(({ _tag }) => _tag === "Manifest");
    if (isEnough) break;
  }
  const shown = newest.slice(0, limit);
  const results = await resultsOf(parts, agentId, shown.at(-1)?.storedAt, call);
  const lost = "_tag" in results ? results : null;
  const entries = shown.map((each, at): HistoryEntry => {
    const { revision } = each;
    const storedAt = each.storedAt.toISOString();
    if (each._tag === "Deleted") return { _tag: "Deleted", revision, storedAt };
    if (each._tag === "Unreadable") return { _tag: "Unreadable", revision, storedAt, message: each.message };
    const before = newest.slice(at + 1).find((older) => older._tag === "Manifest");
    const { generation, issuedAt, signatures, message } = each;
    return {
      _tag: "Generation",
      generation,
      revision,
      storedAt,
      issuedAt,
      signedBy: signatures.map(({ key }) => key),
      message,
      changes: before === undefined ? null : changesBetween(before, each),
      scores: Object.keys(each.scores).length,
      result: ("_tag" in results ? undefined : results.get(keyOf(generation, sha256Of(each.payload)))) ?? {
        _tag: "Unknown",
      },
    };
  });
  return { _tag: "History", agentId, entries, hasMore: newest.length > shown.length, resultsLost: lost };
}

function changesBetween(before: ShippedManifest, now: ShippedManifest): NonNullable<ShippedGeneration["changes"]> {
  const [older, newer] = [digestsOf(before), digestsOf(now)];
  return {
    added: [...newer.keys()].filter((id) => !older.has(id)),
    changed: [...newer].flatMap(([id, digest]) => (older.has(id) && older.get(id) !== digest ? [id] : [])),
    removed: [...older.keys()].filter((id) => !newer.has(id)),
  };
}

const keyOf = (generation: number | null, sha256: string): string => `${generation} ${sha256}`;

/** By generation and hash of the payload. */
async function resultsOf(
  { store, clock }: FleetParts,
  agentId: AgentId,
  since: Date | undefined,
  { signal = new AbortController().signal }: CallOptions,
): Promise<ReadonlyMap<string, ManifestResult> | Unreachable> {
  const results = new Map<string, ManifestResult>();
  if (since === undefined) return results;
  let taken = { key: "", generation: 0 };
  for await (const each of events({ stream: store, clock }, { agentId, since, signal })) {
    if (each._tag === "Unreachable") return each;
    if (each._tag !== "Event" || each.record === null) continue;
    const { record } = each;
    const { at } = record;
    if (record.type === "ManifestAccepted") {
      taken = { key: keyOf(record.generation, record.sha256), generation: record.generation };
      if (results.get(taken.key)?._tag !== "Settled") results.set(taken.key, { _tag: "Accepted", at });
    } else if (record.type === "ManifestRefused") {
      results.set(keyOf(record.generation, record.sha256), { _tag: "Refused", at, reason: record.reason });
    } else if (record.type === "ManifestSettled" && record.generation === taken.generation) {
      const { states, rolledBack = false } = record;
      results.set(taken.key, { _tag: "Settled", at, states, rolledBack });
    }
  }
  return results;
}
