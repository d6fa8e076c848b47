import { match } from "ts-pattern";
import type { Downtime } from "../wire/status.ts";
import { isEmptyPlan, type LastKnown, type Plan, type ScoreDifference } from "../fleet/index.ts";
import { fieldLines } from "./history-report.ts";
import { type Paint, printable } from "./paint.ts";
import { downtimeText } from "./downtime-text.ts";
import { standingLines } from "./standing-lines.ts";

export type Changes = ReadonlyMap<string, ScoreDifference> | null;
type Would = Plan["scores"][string]["would"];

/** What there is to be told of Scores beside the plan itself. */
export interface Beside {
  /** What the manifest has that the one in force has not; null where that is not known. */
  readonly changes: Changes;
  /** The texts that files would have, by Score. */
  readonly texts: ReadonlyMap<string, string>;
  /** How long its units took the last time, where that is to be told of several devices together. */
  readonly downtimes?: ReadonlyMap<string, readonly Downtime[]>;
}

/** A line for each Score, with the steps that it would take or the reason why it could not, and one that sums up. */
export function planReport(
  plan: Plan,
  paint: Paint,
  changes: Changes = null,
  texts: ReadonlyMap<string, string> = new Map(),
): string {
  const { agentId, generation, scores } = plan;
  const from = `${agentId}, from generation ${generation}`;
  if (isEmptyPlan(plan) && (changes === null || changes.size === 0)) {
    return `${from}: nothing to do: ${nothingToDo(scores)}\n`;
  }
  const lines = scoreLines(scores, paint, { changes, texts });
  return [...lines, `${from}: ${sumOf(scores)}`].map((line) => `${line}\n`).join("");
}

/** Why there is nothing to do. */
export function nothingToDo(scores: Plan["scores"]): string {
  const count = Object.keys(scores).length;
  if (count === 0) return "there is nothing of Harmony's";
  return `all ${count === 1 ? "is" : `${count} Scores are`} as declared`;
}

/** How many Scores come to what. */
export function sumOf(scores: Plan["scores"]): string {
  const all = Object.values(scores);
  const count = (would: Would): number => all.filter((each) => each.would === would).length;
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
  return sum === "" ? "nothing to do" : sum;
}

export const scoreLines = (
  scores: Plan["scores"],
  paint: Paint,
  { changes, texts, downtimes }: Beside,
): readonly string[] =>
  Object.entries(scores).flatMap(([id, each]) => [
    `${verb(each.would, paint)} ${printable(id)} (${printable(each.kind)})`,
    ...details(each),
    ...restartLines(each),
    ...downtimeLines(downtimes?.get(id) ?? downtimesOf(each)),
    ...standingOf(each, texts.get(id), paint),
    ...fieldsOf(withoutShown(changes?.get(id), each), paint),
  ]);

const restartLines = (score: Plan["scores"][string]): readonly string[] =>
  score.would === "CHANGE" && score.restartedBy !== undefined
    ? [`         is started anew, because of ${score.restartedBy.map(printable).join(", ")}`]
    : [];

export const downtimesOf = (score: Plan["scores"][string]): readonly Downtime[] =>
  score.would === "CHANGE" || score.would === "RETIRE" ? (score.downtime ?? []) : [];

/** How long what runs is down: an estimate, by what it took the last time. A line for each unit, of however many devices. */
function downtimeLines(all: readonly Downtime[]): readonly string[] {
  const byUnit = new Map<string, Downtime[]>();
  for (const each of all) byUnit.set(each.unit, [...(byUnit.get(each.unit) ?? []), each]);
  return [...byUnit].map(([unit, those]) => `         ${printable(unit)}: ${downtimeText(those)}`);
}

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
export function lastKnownReport(known: LastKnown, paint: Paint): string {
  const { agentId, generation, scores } = known;
  const lines = lastKnownLines(scores, paint);
  return [
    paint.yellow(
      `${agentId} does not answer (${lastHeard(known)}). By what it told last, of generation ${generation}, and not by a look:`,
    ),
    ...lines,
    ...(lines.length === 0 ? ["nothing is known"] : []),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

export const lastHeard = ({ heardAt }: LastKnown): string =>
  heardAt === null ? "it was never heard of" : `last heard of ${heardAt}`;

export const lastKnownLines = (scores: LastKnown["scores"], paint: Paint): readonly string[] =>
  Object.entries(scores).flatMap(([id, { would, kind, state, change }]) => [
    `${would.padEnd(6)} ${printable(id)} (${printable(kind)}), ${state === null ? "not told of" : `${state} when it was last told of`}`,
    ...fieldsOf(change ?? undefined, paint),
  ]);

const verb = (would: Would, { red, yellow, dim }: Paint): string =>
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
