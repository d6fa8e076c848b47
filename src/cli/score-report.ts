import type { ScoreStatus } from "../wire/status.ts";
import type { ToldStatus } from "../wire/told-status.ts";
import { spoken } from "./duration.ts";
import { type Paint, paintState, printable } from "./paint.ts";
import { table } from "./table.ts";

/** The Scores of one agent as a table: id, kind, state, outcome, what. */
export function scoreTable(status: ToldStatus, paint: Paint): string {
  const rows = Object.entries(status.scores).map(([id, score]) => [
    id,
    score.kind,
    { text: score.state, paint: paintState(score.state, paint) },
    score.outcome ?? "-",
    whatOf(score),
  ]);
  return table(["SCORE", "KIND", "STATE", "OUTCOME", "WHAT"], rows, paint.dim);
}

/** One short phrase about a Score. */
export function whatOf({
  state,
  outcome,
  change,
  error,
  blockedOn,
  contested,
  repairs,
  wouldDo = [],
}: ScoreStatus): string {
  if (error !== null) return error.message;
  if (state === "Blocked") return `waits for ${blockedOn.join(", ")}`;
  if (state === "Retiring") return "is being removed";
  if (state === "Drifted") {
    const by = wouldDo.length === 0 ? "" : wouldDo.length === 1 ? " by one step" : ` by ${wouldDo.length} steps`;
    return `differs${by}, and that is only to be told`;
  }
  if (state !== "Ready") return "";
  if (contested !== undefined) return `repaired ${contested.inARow} times in a row: somebody undoes it`;
  if (outcome === "NOOP") return "was so already";
  return change === "corrective" ? repairedText(repairs) : "changed";
}

const repairedText = (repairs = 1): string => (repairs === 1 ? "was repaired" : `was repaired ${repairs} times`);

const DURING: Record<NonNullable<ScoreStatus["error"]>["during"], string> = {
  decode: "when it was read",
  observe: "while looking",
  plan: "while planning",
  apply: "in the step",
  retire: "while removing",
};

const BLAME: Record<NonNullable<ScoreStatus["error"]>["blame"], string> = {
  author: "the manifest's author: it asks for what cannot be",
  device: "the device: something there is in the way",
  platform: "Harmony itself",
};

/** What the newest manifest failed with, where it was taken back or should have been; else nothing. */
export function rolledBackReport({ rolledBack }: ToldStatus, paint: Paint): string {
  if (rolledBack === undefined) return "";
  const { generation, to, scores } = rolledBack;
  const causes = Object.entries(scores).map(([id, { state, error, blockedOn }]) => {
    const cause = error === null ? waitsFor(blockedOn) : `: ${error.reason}: ${printable(error.message)}`;
    return `  ${paint.red(printable(id))} was ${state}${cause}${error === null ? "" : `\n    to do: ${printable(error.next)}`}`;
  });
  const now = to === null ? "there was none to go back to" : `generation ${to} is in force`;
  return `${[`generation ${generation} failed, and ${now}; what failed in it:`, ...causes].join("\n")}\n`;
}

const waitsFor = (on: readonly string[]): string =>
  on.length === 0 ? "" : `, and waited for ${on.map(printable).join(", ")}`;

/** For each Score that is not as it should be: where it went wrong, why, whose fault it is, and what to do. */
export function failureReport(status: ToldStatus, paint: Paint, now: Date): string {
  return Object.entries(status.scores)
    .flatMap(([id, { kind, state, error, attempts, retryAfter, knownBad }]) => {
      if (error === null) return [];
      const step = error.step === null ? "" : ` ${JSON.stringify(error.step)}`;
      const again =
        knownBad === true
          ? ", not tried again until its content changes"
          : retryAfter === null || !error.retryable
            ? ""
            : `, tried again in ${spoken(Math.max(0, Date.parse(retryAfter) - now.getTime()))}`;
      const tries = attempts > 1 ? ` after ${attempts} attempts` : "";
      return [
        `${paint.red(printable(id))} (${printable(kind)}) is ${state}${tries}${again}`,
        `  step:   ${DURING[error.during]}${printable(step)}`,
        `  cause:  ${error.reason}: ${printable(error.message)}`,
        `  fault:  ${BLAME[error.blame]}`,
        `  to do:  ${printable(error.next)}`,
      ];
    })
    .map((line) => `${line}\n`)
    .join("");
}
