import { digestOf } from "../wire/digest.ts";
import { WireScore } from "../wire/envelope.ts";
import type { AgentId } from "../wire/keys.ts";
import { safeParse } from "../wire/safe-parse.ts";
import type { CallOptions, Unreachable } from "../wire/store.ts";
import type { ToldStatus } from "../wire/told-status.ts";
import { digestsOf, manifestsBackwards, type ShippedManifest } from "./manifests.ts";
import type { FleetParts } from "./parts.ts";
import { resultsOf } from "./results.ts";
import { status } from "./view.ts";

export type Blame =
  | {
      readonly _tag: "Blame";
      readonly agentId: AgentId;
      readonly scoreId: string;
      /** The manifest from which on it has been as it is in the newest one, without a break. */
      readonly since: Pick<ShippedManifest, "generation" | "issuedAt" | "message" | "storedAt"> & {
        /** The names beside its signatures, which nobody has verified here. */
        readonly signedBy: readonly string[];
        /** Whose signatures its device found to fit; null: it has put nothing of this manifest on record, or that is lost. */
        readonly verifiedBy: readonly string[] | null;
      };
      /** That is the oldest one that is kept, so it may have been so before. */
      readonly isOldest: boolean;
      /** How it stands, as the agent told it last; null: it has told nothing of it. `since` is of the state. */
      readonly status: ToldStatus["scores"][string] | null;
      /** Whether that is of what the Score was before: the agent has not taken it as it is now. */
      readonly isOfBefore: boolean;
    }
  /** The newest manifest has no such Score; `ids`: those that it has. */
  | { readonly _tag: "NoSuchScore"; readonly ids: readonly string[] }
  | { readonly _tag: "NoManifest" };

/** Since when a Score is as it is, by whom and why; and how it has been doing. */
export async function blame(
  parts: FleetParts,
  agentId: AgentId,
  scoreId: string,
  call: CallOptions = {},
): Promise<Blame | Unreachable> {
  let since: ShippedManifest | null = null;
  let isOldest = true;
  let newest: unknown;
  let digest: string | undefined;
  for await (const each of manifestsBackwards(parts, agentId, call)) {
    if (each._tag === "Unreachable") return each;
    if (each._tag !== "Manifest") continue;
    const digests = digestsOf(each);
    if (since === null) {
      newest = each.scores[scoreId];
      digest = digests.get(scoreId);
      if (digest === undefined) return { _tag: "NoSuchScore", ids: [...digests.keys()] };
    } else if (digests.get(scoreId) !== digest) {
      isOldest = false;
      break;
    }
    since = each;
  }
  if (since === null) return { _tag: "NoManifest" };
  const view = await status(parts, agentId, call);
  if (view._tag === "Unreachable") return view;
  const { generation, issuedAt, message, storedAt, signatures } = since;
  const signedBy = signatures.map(({ key }) => key);
  const told = view.status._tag === "Known" ? (view.status.status.scores[scoreId] ?? null) : null;
  const results = await resultsOf(parts, agentId, storedAt, call);
  const verifiedBy = results._tag === "Results" ? results.of(since).verifiedBy : null;
  const of = { generation, issuedAt, message, storedAt, signedBy, verifiedBy };
  const read = safeParse(WireScore, newest);
  const isOfBefore = told !== null && read.success && told.digest !== "" && told.digest !== digestOf(read.data);
  return { _tag: "Blame", agentId, scoreId, since: of, isOldest, status: told, isOfBefore };
}
