import type { AgentId } from "../wire/keys.ts";
import type { CallOptions, Unreachable } from "../wire/store.ts";
import { digestsOf, manifestsBackwards, type ShippedManifest, type Stored } from "./manifests.ts";
import type { FleetParts } from "./parts.ts";
import { type ManifestResult, NOT_TOLD, resultsOf } from "./results.ts";

export interface HistoryOptions extends CallOptions {
  /** Of those that are kept, the newest so many. Default 20. */
  readonly limit?: number | undefined;
}

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
  /** Whose signatures its device found to fit; null: it has put nothing of this manifest on record. */
  readonly verifiedBy: readonly string[] | null;
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
  const since = shown.at(-1)?.storedAt;
  const results = since === undefined ? null : await resultsOf(parts, agentId, since, call);
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
      ...(results?._tag === "Results" ? results.of(each) : NOT_TOLD),
    };
  });
  const resultsLost = results?._tag === "Unreachable" ? results : null;
  return { _tag: "History", agentId, entries, hasMore: newest.length > shown.length, resultsLost };
}

function changesBetween(before: ShippedManifest, now: ShippedManifest): NonNullable<ShippedGeneration["changes"]> {
  const [older, newer] = [digestsOf(before), digestsOf(now)];
  return {
    added: [...newer.keys()].filter((id) => !older.has(id)),
    changed: [...newer].flatMap(([id, digest]) => (older.has(id) && older.get(id) !== digest ? [id] : [])),
    removed: [...older.keys()].filter((id) => !newer.has(id)),
  };
}
