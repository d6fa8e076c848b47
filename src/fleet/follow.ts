import type { AgentId } from "../wire/keys.ts";
import { Heartbeat, readDocument } from "../wire/status.ts";
import type { CallOptions, Unreachable } from "../wire/store.ts";
import { ToldStatus } from "../wire/told-status.ts";
import { readDesired } from "./desired.ts";
import { LivenessJudge } from "./liveness.ts";
import type { FleetParts } from "./parts.ts";
import type { ApplyResult, Missing, Progress, Shipped } from "./result.ts";
import { judge } from "./verdict.ts";
import { Bell } from "./waiting.ts";

/** Hints can be lost, so the key is also read this often. */
const POLL_MS = 2000;

export interface Following {
  readonly shipped: Shipped;
  readonly agentId: AgentId;
  /** Of the manifest's Scores, by id. */
  readonly digests: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
  readonly late: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

type Followed = Exclude<
  ApplyResult,
  { readonly _tag: "Shipped" | "Lacking" | "Unfit" | "TooLarge" | "Contended" | "NotReached" }
>;

/** Watches the agent's status until it says what became of the manifest that was shipped, or there is no time left. */
export async function follow({ store, clock }: FleetParts, following: Following): Promise<Followed> {
  const { shipped, agentId, digests, signal, late, onProgress } = following;
  const bell = new Bell(clock);
  const over = AbortSignal.any([signal, late]);
  const call: CallOptions = { signal: over };
  const heartbeats = new LivenessJudge(clock);
  const unsubscribe = [
    store.onChange("actual-state", agentId, bell.ring),
    store.onChange("desired-state", agentId, bell.ring),
  ];
  let status: ToldStatus | null = null;
  let missing: readonly Missing[] = [nothingYet(shipped)];
  let liveness = heartbeats.judge(null);
  let blind: Unreachable | null = null;
  try {
    for (;;) {
      const [found, beat, desired] = await Promise.all([
        store.get("actual-state", agentId, call),
        store.get("heartbeat", agentId, call),
        readDesired(store, agentId, call),
      ]);
      if (signal.aborted) return { _tag: "Cancelled", shipped };
      if (beat._tag !== "Unreachable") {
        const read = beat._tag === "Value" ? readDocument(Heartbeat, beat.value) : null;
        liveness = heartbeats.judge(read?._tag === "Read" ? read.document : null);
      }
      if (!late.aborted) blind = [found, desired].find((each) => each._tag === "Unreachable") ?? null;
      if (found._tag === "Value") {
        const read = readDocument(ToldStatus, found.value);
        if (read._tag === "Read") status = read.document;
        else {
          status = null;
          missing = [{ scoreId: null, state: null, sentence: `the agent's status cannot be read: ${read.message}` }];
        }
      }
      if (status !== null && found._tag !== "Unreachable") {
        const newest = "revision" in desired ? Math.max(desired.revision, shipped.revision) : shipped.revision;
        const verdict = judge(status, shipped, newest, digests);
        if (verdict._tag === "Refused") {
          return { _tag: "RefusedByAgent", ...shipped, reason: verdict.reason, message: verdict.message, status };
        }
        if (verdict._tag === "RolledBack") return { _tag: "RolledBack", ...shipped, status };
        if (verdict._tag === "Settled") {
          const { troubled } = verdict;
          return troubled.length === 0
            ? { _tag: "Converged", ...shipped, status }
            : { _tag: "NotConverged", ...shipped, status, troubled };
        }
        missing = verdict.missing;
      }
      // Somebody else's manifest lies in the key now, so that this one will not be looked at any more.
      if (desired._tag !== "Unreachable" && (desired._tag === "None" || desired.revision > shipped.revision)) {
        return { _tag: "Superseded", ...shipped, by: desired._tag === "Desired" ? desired.generation : null, status };
      }
      if (late.aborted) {
        if (blind !== null) return { _tag: "LostSight", ...shipped, unreachable: blind, status };
        return { _tag: "TimedOut", ...shipped, missing, liveness, status };
      }
      onProgress(
        blind === null ? { _tag: "Waiting", missing, liveness, status } : { _tag: "Blind", unreachable: blind },
      );
      await bell.next(POLL_MS, over);
    }
  } finally {
    for (const stop of unsubscribe) stop();
  }
}

const nothingYet = ({ generation }: Shipped): Missing => ({
  scoreId: null,
  state: null,
  sentence: `the agent has not told anything yet; generation ${generation} waits for it`,
});
