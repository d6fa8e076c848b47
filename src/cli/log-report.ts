import { match } from "ts-pattern";
import type { LogItem, LogLine } from "../wire/logs.ts";
import { type Paint, printable } from "./paint.ts";

/** Of syslog: what is as grave as this is an error, or a warning. */
const ERROR = 3;
const WARNING = 4;

/** One line of a log, or what is left out in its place. A line of several lines goes on indented. */
export function logText(item: LogItem, paint: Paint): string {
  return "leftOut" in item ? `${paint.yellow(`... ${leftOutText(item)} ...`)}\n` : lineText(item, paint);
}

function lineText({ at, text, cut, priority, from }: LogLine, paint: Paint): string {
  const lines = text.split("\n").map(printable);
  const said = lines.join("\n    ");
  const grave =
    priority === undefined || priority > WARNING ? said : priority <= ERROR ? paint.red(said) : paint.yellow(said);
  const more = cut === undefined ? "" : paint.dim(` ... ${cut} more characters`);
  return `${paint.dim(at)}  ${from === undefined ? "" : `${printable(from)}: `}${grave}${more}\n`;
}

function leftOutText({ leftOut, why }: Exclude<LogItem, LogLine>): string {
  const lines = leftOut === null ? "lines may be" : leftOut === 1 ? "1 line" : `${leftOut} lines`;
  return match(why)
    .with("TooMany", () => `${lines} left out: there are more, or longer ones, than are told at once`)
    .with("TooFast", () => `${lines} left out: they came faster than they can be told`)
    .with("Forgotten", () => `${lines} left out: the agent does not have them any more`)
    .exhaustive();
}
