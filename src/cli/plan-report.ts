import { match } from "ts-pattern";
import type { PlanReply } from "../wire/status.ts";
import { type Paint, printable } from "./paint.ts";

type Plan = Extract<PlanReply, { readonly _tag: "Plan" }>;

/** A line for each Score, with the steps that it would take or the reason why it could not, and one that sums up. */
export function planReport({ agentId, generation, scores }: Plan, paint: Paint): string {
  const all = Object.entries(scores);
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
  ]);
  return [...lines, `${agentId}, from generation ${generation}: ${sum === "" ? "nothing to do" : sum}`]
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
