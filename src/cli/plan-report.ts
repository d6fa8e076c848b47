import { match } from "ts-pattern";
import type { PlanReply } from "../wire/status.ts";
import type { LastKnown, ScoreDifference } from "../fleet/index.ts";
import { fieldLines } from "./history-report.ts";
import { type Paint, printable } from "./paint.ts";
import { downtimeText } from "./downtime-text.ts";
import { standingLines } from "./standing-lines.ts";

export type Changes = ReadonlyMap<string, ScoreDifference> | null;
type Plan = Extract<PlanReply, { readonly _tag: "Plan" }>;

/** A line for each Score, with the steps that it would take or the reason why it could not, and one that sums up. */
/** `changes`: what the manifest has that the one in force has not, where that is known. */
/** `texts`: those that files would have, by Score. */
export function planReport(
  { agentId, generation, scores }: Plan,
  paint: Paint,
  changes: Changes = null,
  texts: ReadonlyMap<string, string> = new Map(),
): string {
  const all = Object.entries(scores);
  if (isEmptyPlan({ scores }) && (changes === null || changes.size === 0)) {
    const what =
      all.length === 0
        ? "there is nothing of Harmony's"
        : `all ${all.length === 1 ? "is" : `${all.length} Scores are`} as declared`;
    return `${agentId}, from generation ${generation}: nothing to do: ${what}\n`;
  }
  const count = (would: Plan["scores"][string]["would"]): number =>
    all.filter(([, each]) => each.would === would).length;
  const parts = [
    [count("CHANGE"), "to change"],
    [count("WAIT"), "to be told once others have changed"],
    [count("RETIRE"), "to remove"],
    [count("TELL"), "that differ and would only be told of"],
    [count("LEAVE"), "to leave as they are, as nobody's"],
    [count("NOOP"), "so already"],
    [count("FAIL"), "that would fail"],
    [count("REFUSE"), "that would be refused"],
  ] as const;
  const sum = parts.flatMap(([number, what]) => (number === 0 ? [] : [`${number} ${what}`])).join(", ");
  const lines = all.flatMap(([id, each]) => [
    `${verb(each.would, paint)} ${printable(id)} (${printable(each.kind)})`,
    ...details(each),
    ...restartLines(each),
    ...downtimeLines(each),
    ...standingOf(each, texts.get(id), paint),
    ...fieldsOf(withoutShown(changes?.get(id), each), paint),
  ]);
  return [...lines, `${agentId}, from generation ${generation}: ${sum === "" ? "nothing to do" : sum}`]
    .map((line) => `${line}\n`)
    .join("");
}

/** Whether nothing would be done, nor refused. */
export const isEmptyPlan = ({ scores }: Pick<Plan, "scores">): boolean =>
  Object.values(scores).every(({ would }) => would === "NOOP" || would === "LEAVE");

const restartLines = (score: Plan["scores"][string]): readonly string[] =>
  score.would === "CHANGE" && score.restartedBy !== undefined
    ? [`         is started anew, because of ${score.restartedBy.map(printable).join(", ")}`]
    : [];

/** How long what runs is down: an estimate, by what it took the last time. */
const downtimeLines = (score: Plan["scores"][string]): readonly string[] =>
  (score.would === "CHANGE" || score.would === "RETIRE") && score.downtime !== undefined
    ? score.downtime.map((each) => `         ${printable(each.unit)}: ${downtimeText([each])}`)
    : [];

const standingOf = (score: Plan["scores"][string], text: string | undefined, paint: Paint): readonly string[] =>
  "standing" in score ? standingLines(score.standing, text, paint) : [];

/** What stands on the device tells more than what was declared before. */
const withoutShown = (
  change: ScoreDifference | undefined,
  score: Plan["scores"][string],
): ScoreDifference | undefined =>
  change !== undefined && "standing" in score && score.standing._tag === "Text"
    ? { ...change, fields: change.fields.filter(({ field }) => field !== "spec.content") }
    : change;

/** What was declared, and what is: what a device has that is neither shows in the steps. */
const fieldsOf = (change: ScoreDifference | undefined, paint: Paint): readonly string[] =>
  change?.change === "changed"
    ? change.fields.flatMap((field) => fieldLines(field, paint)).map((line) => `     ${line}`)
    : [];

/** What an agent that does not answer would have to do, each line marked as such. */
export function lastKnownReport({ agentId, generation, heardAt, scores }: LastKnown, paint: Paint): string {
  const since = heardAt === null ? "it was never heard of" : `last heard of ${heardAt}`;
  const lines = Object.entries(scores).flatMap(([id, { would, kind, state, change }]) => [
    `${would.padEnd(6)} ${printable(id)} (${printable(kind)}), ${state === null ? "not told of" : `${state} when it was last told of`}`,
    ...fieldsOf(change ?? undefined, paint),
  ]);
  return [
    paint.yellow(
      `${agentId} does not answer (${since}). By what it told last, of generation ${generation}, and not by a look:`,
    ),
    ...lines,
    ...(lines.length === 0 ? ["nothing is known"] : []),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

const verb = (would: Plan["scores"][string]["would"], { red, yellow, dim }: Paint): string =>
  match(would)
    .with("NOOP", () => dim("NOOP  "))
    .with("CHANGE", () => yellow("CHANGE"))
    .with("RETIRE", () => yellow("RETIRE"))
    .with("WAIT", () => yellow("WAIT  "))
    .with("TELL", () => dim("TELL  "))
    .with("LEAVE", () => dim("LEAVE "))
    .with("FAIL", () => red("FAIL  "))
    .with("REFUSE", () => red("REFUSE"))
    .exhaustive();

function details(score: Plan["scores"][string]): readonly string[] {
  switch (score.would) {
    case "NOOP":
    case "LEAVE":
      return [];
    case "WAIT":
      return [`         what it takes shows once ${score.on.map(printable).join(", ")} is so`];
    case "CHANGE":
    case "TELL":
    case "RETIRE":
      return score.steps.map((step) => `         ${printable(stepText(step))}`);
    case "FAIL":
    case "REFUSE":
      return [
        `         ${score.error.reason}: ${printable(score.error.message)}`,
        `         to do: ${printable(score.error.next)}`,
      ];
  }
}

/** Kinds name a step by `do`; the rest of it is written as JSON, which any kind's steps are. */
function stepText(step: unknown): string {
  if (typeof step !== "object" || step === null || !("do" in step) || typeof step.do !== "string") {
    return JSON.stringify(step);
  }
  const { do: name, ...rest } = step;
  return Object.keys(rest).length === 0 ? name : `${name} ${JSON.stringify(rest)}`;
}
