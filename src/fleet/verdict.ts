import type { ScoreStatus } from "../wire/status.ts";
import type { ToldStatus } from "../wire/told-status.ts";
import type { Missing, Shipped } from "./result.ts";

/** What an agent's status says about one shipped manifest. */
export type Verdict =
  | { readonly _tag: "Waiting"; readonly missing: readonly Missing[] }
  | { readonly _tag: "Refused"; readonly reason: string; readonly message: string }
  /** It failed and was taken back, and what came back has come to rest. */
  | { readonly _tag: "RolledBack" }
  /** `troubled`: the ids that are not as they should be. */
  | { readonly _tag: "Settled"; readonly troubled: readonly string[] };

/**
 * Pure. `digests` are those of the manifest's Scores by id, so that a status about others, from before the server lost
 * what it knew, is not taken for an answer; whatever else the status names is to go. `newest` is the revision that the key
 * is at: a status that speaks of a higher one is about a bucket that is gone, and was made anew since.
 */
export function judge(
  status: ToldStatus,
  { generation, revision }: Shipped,
  newest: number,
  digests: ReadonlyMap<string, string>,
): Verdict {
  const accepted = status.conditions.find(({ type }) => type === "Accepted");
  if (status.observedRevision === revision && accepted?.status === "False") {
    return { _tag: "Refused", reason: accepted.reason, message: accepted.message };
  }
  if (status.generation !== generation) {
    const sentence =
      status.generation < generation
        ? `the agent has not taken up generation ${generation} yet; generation ${status.generation} is in force there`
        : `generation ${status.generation} is in force on the agent, not ${generation}`;
    return { _tag: "Waiting", missing: [{ scoreId: null, state: null, sentence }] };
  }
  const settled = settledIds(status.scores);
  if (status.rolledBack?.generation === generation && status.rolledBack.to !== null) {
    const open = Object.keys(status.scores).filter((id) => !settled.has(id));
    const sentence = `generation ${generation} failed; generation ${status.rolledBack.to} comes back`;
    return open.length === 0
      ? { _tag: "RolledBack" }
      : { _tag: "Waiting", missing: [{ scoreId: null, state: null, sentence }] };
  }
  const missing: Missing[] = [];
  const troubled: string[] = [];
  for (const [id, digest] of digests) {
    const score = status.scores[id];
    // Empty: refused before it could be hashed, or cut from a status that was too large.
    const isOther = score !== undefined && score.digest !== "" && score.digest !== digest;
    if (isOther) {
      missing.push({
        scoreId: id,
        state: score.state,
        sentence: `the agent tells of another ${id} than the one shipped`,
      });
    } else if (score === undefined || !settled.has(id)) missing.push(waitingFor(id, score));
    // A difference that is only to be told was asked for.
    else if (score.state !== "Ready" && score.state !== "Drifted") troubled.push(id);
  }
  for (const [id, score] of Object.entries(status.scores)) {
    if (digests.has(id)) continue;
    // What could not be removed is tried again for ever, as a Failed Score is; nobody has to wait for that.
    if (score.error === null) missing.push({ scoreId: id, state: score.state, sentence: `${id} is being removed` });
    else troubled.push(id);
  }
  const looked = status.observedRevision >= revision && status.observedRevision <= newest;
  if (missing.length === 0 && !(looked && status.observedGeneration >= generation)) {
    const sentence = `the agent has not carried generation ${generation} through yet`;
    missing.push({ scoreId: null, state: null, sentence });
  }
  if (missing.length > 0) return { _tag: "Waiting", missing };
  return { _tag: "Settled", troubled };
}

/** The ids whose state changes only when somebody changes something: a Blocked one counts when what it waits for is stuck. */
function settledIds(scores: Readonly<Record<string, ScoreStatus>>): ReadonlySet<string> {
  const settled = new Set<string>();
  const stuck: string[] = [];
  const waiting = new Map<string, string[]>();
  for (const [id, { state, blockedOn, error }] of Object.entries(scores)) {
    if (state === "Failed" || state === "Refused" || (state === "Retiring" && error !== null)) stuck.push(id);
    if (state === "Ready" || state === "Drifted") settled.add(id);
    if (state !== "Blocked") continue;
    for (const on of blockedOn) waiting.set(on, [...(waiting.get(on) ?? []), id]);
  }
  // Grows while it is walked: what waits for a stuck one is stuck too.
  for (const id of stuck) {
    if (settled.has(id)) continue;
    settled.add(id);
    stuck.push(...(waiting.get(id) ?? []));
  }
  return settled;
}

function waitingFor(id: string, score: ScoreStatus | undefined): Missing {
  if (score === undefined) return { scoreId: id, state: null, sentence: `the agent has not told of ${id} yet` };
  const on = score.state === "Blocked" ? ` on ${score.blockedOn.join(", ")}` : "";
  return { scoreId: id, state: score.state, sentence: `${id} is ${score.state}${on}` };
}
