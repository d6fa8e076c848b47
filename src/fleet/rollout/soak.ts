import type { AgentId } from "../../wire/keys.ts";
import type { CallOptions, Unreachable } from "../../wire/store.ts";
import { LivenessJudge, STALE_MS } from "../liveness.ts";
import type { FleetParts } from "../parts.ts";
import { type AgentView, viewsOf } from "../view.ts";
import { Bell } from "../waiting.ts";
import { troubleOf } from "./told.ts";

/** Hints can be lost, and silence gives none. */
const POLL_MS = 2_000;

export interface Soak {
  /** By device, the generation that it is to stay Ready with. */
  readonly devices: ReadonlyMap<AgentId, number>;
  readonly ms: number;
  readonly signal: AbortSignal;
  /** A device is not Ready any more. Once is enough; it is not looked at again. True: enough is known, end it. */
  readonly onTrouble: (id: AgentId, message: string) => boolean;
}

/** Watches devices that are Ready for a while. At least one look is taken, and the last one when the time is over. */
export async function soak(
  { store, clock }: FleetParts,
  { devices, ms, signal, onTrouble }: Soak,
): Promise<{ readonly _tag: "Over" } | Unreachable> {
  const since = clock.monotonicMs();
  const until = since + ms;
  const left = new Map(devices);
  const judges = new Map([...devices.keys()].map((id) => [id, new LivenessJudge(clock)]));
  const judgeOf = (id: AgentId): LivenessJudge => judges.get(id) ?? new LivenessJudge(clock);
  const bell = new Bell(clock);
  const unsubscribe = ms === 0 ? () => {} : store.onChange("actual-state", "*", bell.ring);
  const call: CallOptions = { signal };
  try {
    for (;;) {
      const isLast = clock.monotonicMs() >= until;
      // Before that a device with a wrong clock cannot be told from one that is silent.
      const watched = clock.monotonicMs() - since >= STALE_MS;
      const views = await viewsOf(store, [...left.keys()], judgeOf, call);
      if ("_tag" in views) {
        if (signal.aborted) return { _tag: "Over" };
        return views;
      }
      for (const each of views) {
        const message = troubleIn(each, left.get(each.agentId) ?? 0, { isLast, watched });
        if (message === null) continue;
        left.delete(each.agentId);
        if (onTrouble(each.agentId, message)) return { _tag: "Over" };
      }
      if (isLast || signal.aborted) return { _tag: "Over" };
      await bell.next(Math.min(POLL_MS, Math.max(1, until - clock.monotonicMs())), signal);
    }
  } finally {
    unsubscribe();
  }
}

/** Null where the device is still as it was when it became Ready. */
function troubleIn(
  { status, liveness }: AgentView,
  generation: number,
  { isLast, watched }: { readonly isLast: boolean; readonly watched: boolean },
): string | null {
  if (status._tag !== "Known") return "its status is gone";
  const told = status.status;
  if (told.generation !== generation) {
    return `generation ${told.generation} is in force there by now, and not ${generation}`;
  }
  if (told.rolledBack?.generation === generation) return `it took generation ${generation} back`;
  // A repair of drift may be under way while it is watched, and not when the time is over.
  const bad = Object.entries(told.scores)
    .filter(([, { state }]) =>
      isLast ? state !== "Ready" && state !== "Drifted" : state === "Failed" || state === "Refused",
    )
    .map(([id]) => id);
  if (bad.length > 0) return `it did not stay Ready: ${troubleOf(told, bad)}`;
  return watched && liveness.freshness !== "fresh" ? "it fell silent" : null;
}
