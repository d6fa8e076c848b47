import * as z from "zod";
import { AgentId } from "../wire/keys.ts";
import { Heartbeat, readDocument } from "../wire/status.ts";
import { BUCKETS, type CallOptions, type Store, type Unreachable } from "../wire/store.ts";
import { ToldStatus } from "../wire/told-status.ts";
import { type Liveness, LivenessJudge } from "./liveness.ts";
import type { FleetParts } from "./parts.ts";

/** One agent, as far as its keys tell. */
export interface AgentView {
  readonly _tag: "View";
  readonly agentId: AgentId;
  readonly status:
    /** `stored`: the document as it is in the key, with whatever a newer agent may have added. */
    | { readonly _tag: "Known"; readonly status: ToldStatus; readonly stored: unknown }
    | { readonly _tag: "None" }
    | { readonly _tag: "Unreadable"; readonly message: string };
  readonly heartbeat: Heartbeat | null;
  readonly liveness: Liveness;
}

/** Several agents are read at once, but not so many that their answers would wait for each other past a deadline. */
const AT_ONCE = 64;

/** A judge that is used again knows a new heartbeat from an old one. */
async function view(
  store: Store,
  agentId: AgentId,
  heartbeats: LivenessJudge,
  call: CallOptions,
): Promise<AgentView | Unreachable> {
  const [found, beat] = await Promise.all([
    store.get("actual-state", agentId, call),
    store.get("heartbeat", agentId, call),
  ]);
  if (found._tag === "Unreachable") return found;
  if (beat._tag === "Unreachable") return beat;
  const read = beat._tag === "Value" ? readDocument(Heartbeat, beat.value) : null;
  const heartbeat = read?._tag === "Read" ? read.document : null;
  return {
    _tag: "View",
    agentId,
    status: found._tag === "Value" ? statusIn(found.value) : { _tag: "None" },
    heartbeat,
    liveness: heartbeats.judge(heartbeat),
  };
}

function statusIn(bytes: Uint8Array): AgentView["status"] {
  const stored = readDocument(z.unknown(), bytes);
  const status = readDocument(ToldStatus, bytes);
  if (stored._tag === "Unreadable") return stored;
  return status._tag === "Read" ? { _tag: "Known", status: status.document, stored: stored.document } : status;
}

export const status = (
  { store, clock }: FleetParts,
  agentId: AgentId,
  call: CallOptions = {},
): Promise<AgentView | Unreachable> => view(store, agentId, new LivenessJudge(clock), call);

/** The ids of all agents that have a key in any bucket, sorted. Buckets that were never made hold none. */
export async function agentIds(store: Store, call: CallOptions): Promise<readonly AgentId[] | Unreachable> {
  const ids = new Set<AgentId>();
  for (const keys of await Promise.all(BUCKETS.map((bucket) => store.keys(bucket, call)))) {
    if (!("_tag" in keys)) {
      for (const key of keys) {
        const id = AgentId.safeParse(key);
        if (id.success) ids.add(id.data);
      }
    } else if (keys.reason !== "NoBucket") {
      return keys;
    }
  }
  return [...ids].toSorted();
}

/** Reads several agents, in the order of their ids. */
export async function viewsOf(
  store: Store,
  ids: readonly AgentId[],
  judgeOf: (agentId: AgentId) => LivenessJudge,
  call: CallOptions,
): Promise<readonly AgentView[] | Unreachable> {
  const views: AgentView[] = [];
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const some = ids.slice(at, at + AT_ONCE).map((id) => view(store, id, judgeOf(id), call));
    for (const each of await Promise.all(some)) {
      if (each._tag === "Unreachable") return each;
      views.push(each);
    }
  }
  return views;
}

/** Every agent that has a key in any bucket. */
export async function statusOfAll(
  { store, clock }: FleetParts,
  call: CallOptions = {},
): Promise<readonly AgentView[] | Unreachable> {
  const ids = await agentIds(store, call);
  return "_tag" in ids ? ids : viewsOf(store, ids, () => new LivenessJudge(clock), call);
}
