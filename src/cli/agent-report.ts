import { match } from "ts-pattern";
import type { AgentView } from "../fleet/index.ts";
import type { ToldStatus } from "../wire/told-status.ts";
import { spoken } from "./duration.ts";
import { type Paint, printable } from "./paint.ts";
import { failureReport, rolledBackReport, scoreTable } from "./score-report.ts";
import { type Cell, table } from "./table.ts";

/**
 * One agent in a list of documents: its status as stored, and `freshness`. Where there is none that can be read,
 * `{ agentId, freshness, problem }`.
 */
export function asJson({ agentId, status, liveness: { freshness } }: AgentView): object {
  return match(status)
    .returnType<object>()
    .with({ _tag: "Known" }, ({ stored }) => Object.assign({}, stored, { freshness }))
    .with({ _tag: "None" }, () => ({ agentId, freshness, problem: "no status yet" }))
    .with({ _tag: "Unreadable" }, ({ message }) => ({
      agentId,
      freshness,
      problem: `the status cannot be read: ${message}`,
    }))
    .exhaustive();
}

/** One line an agent. */
export const agentsTable = (views: readonly AgentView[], paint: Paint): string =>
  table(
    ["AGENT", "READY", "GENERATION", "SCORES", "HEARTBEAT", "WHAT"],
    views.map((view) => row(view, paint)),
    paint.dim,
  );

function row(view: AgentView, paint: Paint): readonly Cell[] {
  const { agentId, status } = view;
  if (status._tag !== "Known") {
    const what = status._tag === "None" ? "no status yet" : `its status cannot be read: ${status.message}`;
    return [agentId, { text: "-", paint: paint.yellow }, "-", "-", heartbeat(view, paint), what];
  }
  const { generation, scores } = status.status;
  const ready = condition(status.status, "Ready");
  const states = Object.values(scores);
  return [
    agentId,
    readyCell(status.status, paint),
    String(generation),
    `${states.filter(({ state }) => state === "Ready").length}/${states.length}`,
    heartbeat(view, paint),
    ready?.message ?? "",
  ];
}

/** All about one agent. `desired`: the generation in its key, where that is known. */
export function agentReport(view: AgentView, desired: number | null, paint: Paint, now: Date): string {
  const { agentId, status } = view;
  if (status._tag !== "Known") return agentsTable([view], paint);
  const document = status.status;
  const { generation, agent } = document;
  const waits = desired !== null && desired !== generation ? `, generation ${desired} is stored and waits` : "";
  const beat = heartbeat(view, paint);
  const lines = [
    `${paint.bold(agentId)}  ${printable(agent.topology)}, agent ${printable(agent.version)}, generation ${generation}${waits}`,
    `heartbeat: ${typeof beat === "string" ? beat : beat.paint(beat.text)}`,
    ...document.conditions.map(({ type, status: is, reason, message, since }) => {
      const good = is === (type === "Ready" || type === "Accepted" ? "True" : "False");
      const colour = good ? paint.green : paint.yellow;
      return `${printable(type)}: ${colour(is)} (${printable(reason)}) ${printable(message)}, for ${spoken(Math.max(0, now.getTime() - Date.parse(since)))}`;
    }),
    ...(document.truncated === true
      ? ["Details were cut, as the whole was too large; states and errors are complete."]
      : []),
  ];
  const scores = Object.keys(document.scores).length === 0 ? "" : `\n${scoreTable(document, paint)}`;
  const failures = `${rolledBackReport(document, paint)}${failureReport(document, paint, now)}`;
  return `${lines.join("\n")}\n${scores}${failures === "" ? "" : `\n${failures}`}`;
}

function heartbeat({ liveness: { freshness, silentMs } }: AgentView, { green, yellow, red }: Paint): Cell {
  return match(freshness)
    .returnType<Cell>()
    .with("fresh", () => ({ text: `fresh, ${spoken(silentMs ?? 0)} ago`, paint: green }))
    .with("stale", () => ({ text: `STALE, ${spoken(silentMs ?? 0)} ago`, paint: red }))
    .with("never", () => ({ text: "never seen", paint: yellow }))
    .exhaustive();
}

const condition = (status: ToldStatus, type: ToldStatus["conditions"][number]["type"]) =>
  status.conditions.find((each) => each.type === type);

function readyCell(status: ToldStatus, { green, yellow, red }: Paint): Cell {
  const ready = condition(status, "Ready")?.status ?? "Unknown";
  if (ready === "True") return { text: "yes", paint: green };
  return {
    text: ready === "False" ? "no" : "unknown",
    paint: condition(status, "Degraded")?.status === "True" ? red : yellow,
  };
}
