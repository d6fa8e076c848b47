import type { AgentId } from "../wire/keys.ts";
import type { Revisions, StoredRevision } from "../wire/revisions.ts";
import type { CallOptions, Unreachable } from "../wire/store.ts";

/** So many parts of a window are read side by side, as each answer is needed to ask for the next. */
const AT_ONCE = 16;
const FIRST_WINDOW = 256;

/**
 * What an agent's desired-state key held, the newest first, back from the revision `last`. Read in ever wider steps, so that
 * who wants but a few need not read all; at most one step of them is held at a time.
 */
export async function* revisionsBackwards(
  store: Revisions,
  agentId: AgentId,
  last: number,
  call: CallOptions,
): AsyncGenerator<StoredRevision | Unreachable, void, void> {
  for (let [to, width] = [last, FIRST_WINDOW]; to >= 1; width *= 2) {
    const from = Math.max(1, to - width + 1);
    const part = Math.ceil((to - from + 1) / AT_ONCE);
    const parts = Array.from({ length: AT_ONCE }, (_, at) => {
      const begins = from + at * part;
      return between(store, agentId, begins, Math.min(to, begins + part - 1), call);
    });
    for (const found of (await Promise.all(parts)).toReversed()) {
      if ("_tag" in found) return yield found;
      yield* found.toReversed();
    }
    to = from - 1;
  }
}

async function between(
  store: Revisions,
  agentId: AgentId,
  from: number,
  to: number,
  call: CallOptions,
): Promise<readonly StoredRevision[] | Unreachable> {
  const found: StoredRevision[] = [];
  for (let next = from; next <= to;) {
    const one = await store.revisionAt("desired-state", agentId, next, call);
    if (one._tag === "Unreachable") return one;
    if (one._tag === "None" || one.revision > to) return found;
    found.push(one);
    next = one.revision + 1;
  }
  return found;
}
