import type { Rollout, RolloutId } from "../../wire/rollout.ts";
import { ROLLOUTS, type Unreachable } from "../../wire/store.ts";
import type { FleetParts } from "../parts.ts";
import { Bell } from "../waiting.ts";
import { type ReadRollout, readRollout } from "./record.ts";

/** Hints can be lost, so the key is also read this often. */
const POLL_MS = 10_000;

/**
 * How a roll-out stands, again at each change, until it has ended or is not there; that somebody only still runs it is no change.
 * `Unreachable` is told once, and it goes on when the server is there again.
 */
export async function* watchRollout(
  parts: FleetParts,
  id: RolloutId,
  signal: AbortSignal,
): AsyncGenerator<ReadRollout | Unreachable, void, void> {
  const bell = new Bell(parts.clock);
  const unsubscribe = parts.store.onChange(ROLLOUTS, id, bell.ring);
  let told = "";
  try {
    while (!signal.aborted) {
      const found = await readRollout(parts, id, { signal });
      if (signal.aborted) return;
      const now = found._tag === "Rollout" ? standOf(found.rollout) : found._tag;
      if (now !== told) yield found;
      told = now;
      if (found._tag === "Rollout" ? found.rollout.state !== "Running" : isFinal(found)) return;
      await bell.next(POLL_MS, signal);
    }
  } finally {
    unsubscribe();
  }
}

const standOf = ({ lease, ...rollout }: Rollout): string =>
  JSON.stringify({ ...rollout, holder: lease?.token ?? null });

const isFinal = (found: Exclude<ReadRollout | Unreachable, { readonly _tag: "Rollout" }>): boolean =>
  found._tag !== "Unreachable" || found.reason === "Denied" || found.reason === "NoBucket";
