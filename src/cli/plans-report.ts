import { match } from "ts-pattern";
import { type DevicePlan, isNothing, type PlanGroup, summed } from "../fleet/index.ts";
import { type Paint, printable } from "./paint.ts";
import type { Downtime } from "../wire/status.ts";
import { downtimesOf, lastHeard, lastKnownLines, nothingToDo, scoreLines, sumOf } from "./plan-report.ts";

/** Of a list that may be long; `--json` has all of it. */
const MOST = 20;

type Planned = Extract<DevicePlan, { readonly _tag: "Planned" }>;
type LastKnown = Extract<DevicePlan, { readonly _tag: "LastKnown" }>;

/** What would be done on many devices: once for those of whom the same is to be said, and a line that sums up. */
export const plansReport = (groups: readonly PlanGroup[], paint: Paint): string =>
  [...groups.flatMap((group) => [...groupLines(group, paint), ""]), sumLine(groups.flat())]
    .map((line) => `${line}\n`)
    .join("");

const groupLines = ([first, ...rest]: PlanGroup, paint: Paint): readonly string[] =>
  match(first)
    .returnType<readonly string[]>()
    .with({ _tag: "Planned" }, (planned) => plannedLines(planned, [planned, ...rest.filter(isPlanned)], paint))
    .with({ _tag: "LastKnown" }, (known) => unansweredLines(known, [known, ...rest.filter(isLastKnown)], paint))
    .with({ _tag: "NotPlanned" }, ({ reason, message }) => [
      paint.red(`${headOf([first, ...rest])}: no plan: ${reason}`),
      `         ${printable(message)}`,
    ])
    .exhaustive();

function plannedLines(first: Planned, all: readonly Planned[], paint: Paint): readonly string[] {
  const { scores } = first.plan;
  const head = `${headOf(all)}, from ${generationsOf(all)}`;
  if (isNothing(first)) return [`${paint.bold(head)}: nothing to do: ${nothingToDo(scores)}`];
  const changes = first.changes === null ? null : new Map(first.changes.map((each) => [each.id, each] as const));
  return [
    `${paint.bold(head)}: ${sumOf(scores)}`,
    ...scoreLines(scores, paint, { changes, texts: first.texts, downtimes: downtimesOfAll(all) }),
  ];
}

/** By Score, of all devices of a group. */
function downtimesOfAll(all: readonly Planned[]): ReadonlyMap<string, readonly Downtime[]> {
  const ids = Object.keys(all[0]?.plan.scores ?? {});
  return new Map(
    ids.map((id) => [
      id,
      all.flatMap(({ plan }) => {
        const score = plan.scores[id];
        return score === undefined ? [] : downtimesOf(score);
      }),
    ]),
  );
}

function unansweredLines(first: LastKnown, all: readonly LastKnown[], paint: Paint): readonly string[] {
  const one = all.length === 1;
  const heard = all.slice(0, MOST).map((each) => `${each.agentId} (${lastHeard(each.known)})`);
  const names = `${one ? "" : `${all.length} devices: `}${heard.join(", ")}${more(all.length)}`;
  const lines = lastKnownLines(first.known.scores, paint);
  return [
    paint.yellow(
      `${names}: ${one ? "does" : "do"} not answer. By what ${one ? "it" : "they"} told last, and not by a look:`,
    ),
    ...(lines.length === 0 ? ["nothing is known"] : lines),
  ];
}

function headOf(all: readonly DevicePlan[]): string {
  const ids = all.slice(0, MOST).map(({ agentId }) => agentId);
  return all.length === 1 ? ids.join("") : `${all.length} devices: ${ids.join(", ")}${more(all.length)}`;
}

const more = (count: number): string => (count > MOST ? ` and ${count - MOST} more` : "");

function generationsOf(all: readonly Planned[]): string {
  const numbers = all.map(({ plan }) => plan.generation);
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  return least === most ? `generation ${least}` : `generations ${least} to ${most}`;
}

export function sumLine(plans: readonly DevicePlan[]): string {
  const { devices, change, nothingToDo: same, flawed, unanswered } = summed(plans);
  const parts = [
    [change, "would change"],
    [same, same === 1 ? "has nothing to do" : "have nothing to do"],
    [flawed, "would fail or refuse something"],
    [unanswered, unanswered === 1 ? "does not answer" : "do not answer"],
  ] as const;
  const told = parts.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
  return `${devices} device${devices === 1 ? "" : "s"}: ${told.length === 0 ? "nothing to do" : told.join(", ")}`;
}

const isPlanned = (each: DevicePlan): each is Planned => each._tag === "Planned";
const isLastKnown = (each: DevicePlan): each is LastKnown => each._tag === "LastKnown";
