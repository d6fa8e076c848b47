import type { RolledBack, ScoreError, ScoreStatus } from "../wire/status.ts";
import { isUp } from "./score-status.ts";

/** Of one cause, in characters: a condition is for people, and the whole is in the status. */
const CAUSE_LIMIT = 300;

/** One text with both causes: why a manifest was given up, and how it stands with what came back. */
export function rolledBackMessage(
  { generation, to, why, scores: failed }: RolledBack,
  scores: Readonly<Record<string, ScoreStatus>>,
): string {
  const when = why === "FailedForGood" ? "failed for good" : "was not wholly Ready in time";
  const cause = Object.keys(failed).length === 0 ? "" : ` (${causeOf(failed)})`;
  const first = `generation ${generation} ${when}${cause}`;
  if (to === null) return `${first}; no manifest was ever wholly Ready here, so that there is none to go back to`;
  const bad = Object.fromEntries(Object.entries(scores).filter(([, status]) => !isUp(status)));
  const open = Object.values(bad).every(({ state, error }) => error === null && state !== "Blocked");
  const second =
    Object.keys(bad).length === 0
      ? "and all of it is as declared"
      : open
        ? "and is under way"
        : `and not as it should be either (${causeOf(bad)})`;
  return `${first}; generation ${to} is in force again, ${second}`;
}

type Troubled = { readonly state: ScoreStatus["state"]; readonly error: ScoreError | null };

/** The first that failed itself, and how many others there are. */
function causeOf(troubled: Readonly<Record<string, Troubled>>): string {
  const all = Object.entries(troubled);
  const [id, { state, error }] = all.find(([, each]) => each.error !== null) ??
    all[0] ?? ["", { state: "", error: null }];
  const text = error === null ? `${id} is ${state}` : `${id}: ${error.reason}: ${error.message}`;
  const more = all.length > 1 ? `, and ${all.length - 1} more` : "";
  return `${text.length > CAUSE_LIMIT ? `${text.slice(0, CAUSE_LIMIT)}...` : text}${more}`;
}
