import { assetsIn } from "../wire/assets-in.ts";
import { AgentId } from "../wire/keys.ts";
import type { CallOptions, Store, Unreachable } from "../wire/store.ts";
import { currentIn } from "./desired.ts";
import type { FleetParts } from "./parts.ts";

export interface RemoveAssetsOptions extends CallOptions {
  /** Whoever refers to them. */
  readonly force?: boolean | undefined;
}

export type RemovedAssets =
  /** `absent`: those that were not there. */
  | { readonly _tag: "Removed"; readonly removed: readonly string[]; readonly absent: readonly string[] }
  /** Nothing was removed. `agents`: whose newest desired state refers to it. */
  | {
      readonly _tag: "InUse";
      readonly uses: readonly { readonly sha256: string; readonly agents: readonly AgentId[] }[];
    }
  /** Nothing was removed: it cannot be told what this agent's desired state refers to. */
  | { readonly _tag: "Unreadable"; readonly agentId: AgentId; readonly message: string };

/** Takes assets away from the server, by their sha256, unless a desired state refers to one of them. */
export async function removeAssets(
  { store }: FleetParts,
  wanted: readonly string[],
  { force = false, ...call }: RemoveAssetsOptions = {},
): Promise<RemovedAssets | Unreachable> {
  const objection = force ? null : await inUse(store, new Set(wanted), call);
  if (objection !== null) return objection;
  const removed: string[] = [];
  const absent: string[] = [];
  for (const sha256 of new Set(wanted)) {
    const answer = await store.removeAsset(sha256, call);
    if (answer._tag === "Unreachable") return answer;
    (answer._tag === "Removed" ? removed : absent).push(sha256);
  }
  return { _tag: "Removed", removed, absent };
}

async function inUse(
  store: Store,
  wanted: ReadonlySet<string>,
  call: CallOptions,
): Promise<Exclude<RemovedAssets, { readonly _tag: "Removed" }> | Unreachable | null> {
  const keys = await store.keys("desired-state", call);
  if ("_tag" in keys) return keys;
  const users = new Map<string, AgentId[]>();
  for (const key of keys.toSorted()) {
    const agentId = AgentId.safeParse(key).data;
    // No agent has this key, so nobody reads it.
    if (agentId === undefined) continue;
    const found = await store.get("desired-state", agentId, call);
    if (found._tag === "Unreachable") return found;
    const current = await currentIn(store, found, call);
    if (current._tag === "Unreachable") return current;
    if (current._tag === "Unreadable") return { _tag: "Unreadable", agentId, message: current.message };
    if (current._tag === "None") continue;
    for (const sha256 of assetsIn(current.payload)) {
      if (wanted.has(sha256)) users.set(sha256, [...(users.get(sha256) ?? []), agentId]);
    }
  }
  if (users.size === 0) return null;
  return { _tag: "InUse", uses: [...users].map(([sha256, agents]) => ({ sha256, agents })) };
}
