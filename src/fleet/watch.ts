import { AgentId } from "../wire/keys.ts";
import type { CallOptions, Unreachable } from "../wire/store.ts";
import { LivenessJudge } from "./liveness.ts";
import type { FleetParts } from "./parts.ts";
import { agentIds, type AgentView, viewsOf } from "./view.ts";
import { Bell } from "./waiting.ts";

export interface WatchOptions {
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Milliseconds between two looks at everything, which hints do not replace. Default 10,000. */
  readonly everyMs?: number | undefined;
}

/**
 * Tells of one agent, or of `"all"`, at once and then whenever its status or its freshness changes. Freshness is judged
 * by this reader's own clock. `Unreachable` is told once when the server can no longer be read; the watch goes on.
 */
export async function* watch(
  { store, clock }: FleetParts,
  whom: AgentId | "all",
  { signal, everyMs = 10_000 }: WatchOptions,
): AsyncGenerator<AgentView | Unreachable, void, void> {
  const judges = new Map<AgentId, LivenessJudge>();
  const judgeOf = (id: AgentId): LivenessJudge => {
    const judge = judges.get(id) ?? new LivenessJudge(clock);
    judges.set(id, judge);
    return judge;
  };
  const call: CallOptions = { signal };
  const bell = new Bell(clock);
  const poked = new Set<AgentId>();
  /** When everything is looked at next; a hint about no agent in particular brings that forward. */
  let sweepAt = -Infinity;
  const stop = store.onChange("actual-state", whom === "all" ? "*" : whom, (key) => {
    const id = AgentId.safeParse(key);
    if (id.success) poked.add(id.data);
    else sweepAt = -Infinity;
    bell.ring();
  });
  const told = new Map<AgentId, string>();
  let lost = false;
  try {
    while (!signal.aborted) {
      const sweep = clock.monotonicMs() >= sweepAt;
      if (sweep) sweepAt = clock.monotonicMs() + everyMs;
      const ids = !sweep ? [...poked] : whom === "all" ? await agentIds(store, call) : [whom];
      poked.clear();
      const views = "_tag" in ids ? ids : await viewsOf(store, ids, judgeOf, call);
      if (signal.aborted) return;
      if ("_tag" in views) {
        if (!lost) yield views;
        lost = true;
      } else {
        lost = false;
        for (const each of views) {
          const text = JSON.stringify([each.status, each.liveness.freshness]);
          if (told.get(each.agentId) === text) continue;
          told.set(each.agentId, text);
          yield each;
        }
      }
      await bell.next(Math.max(0, sweepAt - clock.monotonicMs()), signal);
    }
  } finally {
    stop();
  }
}
