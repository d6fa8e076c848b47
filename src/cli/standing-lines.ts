import type { Standing } from "../wire/status.ts";
import { textLines } from "./history-report.ts";
import { type Paint, printable } from "./paint.ts";

/** A diff that is longer is for an editor. */
const MOST_LINES = 200;
const INDENT = "         ";

/** What stands on the device and what would stand there then, line by line; or why that is not told. `after`: undefined: not known. */
export function standingLines(standing: Standing, after: string | undefined, paint: Paint): readonly string[] {
  const path = printable(standing.path);
  if (standing._tag === "Withheld") return [`${INDENT}what stands at ${path} is not shown: ${WHY[standing.because]}`];
  if (after === undefined) return [];
  const lines = textLines(standing.text, after, paint);
  if (lines.length === 0) return [`${INDENT}${path} differs in what is not shown`];
  const more = lines.length - MOST_LINES;
  return [
    `${INDENT}${path}, as it is on the device and as it would be:`,
    ...lines.slice(0, MOST_LINES).map((line) => `     ${line}`),
    ...(more > 0 ? [`${INDENT}and ${more} more lines`] : []),
  ];
}

const WHY = {
  Private: "not everybody on the device may read it",
  Secret: "it is a secret, or holds one",
  TooLarge: "it is too large",
  NoText: "it is no text",
  Unread: "it could not be read",
} as const satisfies Record<Extract<Standing, { _tag: "Withheld" }>["because"], string>;
