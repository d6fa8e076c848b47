import { structuredPatch } from "diff";
import { match } from "ts-pattern";
import {
  authorsIn,
  type FieldChange,
  type History,
  type HistoryEntry,
  type ManifestResult,
  type ScoreDifference,
} from "../fleet/index.ts";
import { type Paint, printable, visible } from "./paint.ts";
import { type Cell, table } from "./table.ts";

const SHOWN_IDS = 3;

/** A line for each manifest, the newest first. */
export function historyReport({ entries }: History, paint: Paint): string {
  const rows = entries.map((entry): readonly Cell[] => rowOf(entry, paint));
  return table(["GENERATION", "SHIPPED", "BY", "CHANGES", "RESULT", "MESSAGE"], rows, paint.dim);
}

const rowOf = (entry: HistoryEntry, paint: Paint): readonly Cell[] =>
  match(entry)
    .returnType<readonly Cell[]>()
    .with(
      { _tag: "Generation" },
      ({ generation, storedAt, signedBy, verifiedBy, changes, scores, result, message }) => [
        String(generation),
        time(storedAt),
        authorsText(signedBy, verifiedBy),
        changes === null ? `${scores} Scores` : changesText(changes),
        resultCell(result, paint),
        message ?? "",
      ],
    )
    .with({ _tag: "Deleted" }, ({ storedAt }) => ["-", time(storedAt), "-", "the key was deleted", "", ""])
    .with({ _tag: "Unreadable" }, ({ storedAt, message }) => ["?", time(storedAt), "-", "cannot be read", "", message])
    .exhaustive();

/** With a question mark where nobody has verified that it is theirs. */
function authorsText(signedBy: readonly string[], verifiedBy: readonly string[] | null): string {
  const all = authorsIn(signedBy, verifiedBy);
  return all.length === 0 ? "-" : all.map(({ name, isVerified }) => (isVerified ? name : `${name}?`)).join("+");
}

const time = (iso: string): string => `${iso.slice(0, 19)}Z`;

function changesText({ added, changed, removed }: NonNullable<ChangesOf>): string {
  const marked = [...added.map((id) => `+${id}`), ...changed.map((id) => `~${id}`), ...removed.map((id) => `-${id}`)];
  if (marked.length === 0) return "none";
  const more = marked.length - SHOWN_IDS;
  return `${marked.slice(0, SHOWN_IDS).join(" ")}${more > 0 ? ` and ${more} more` : ""}`;
}
type ChangesOf = Extract<HistoryEntry, { readonly _tag: "Generation" }>["changes"];

function resultCell(result: ManifestResult, { red, yellow, green, dim }: Paint): Cell {
  switch (result._tag) {
    case "Unknown":
      return { text: "not on record", paint: dim };
    case "Accepted":
      return { text: "accepted", paint: yellow };
    case "Refused":
      return { text: `refused: ${result.reason}`, paint: red };
    case "Settled": {
      const { states, rolledBack } = result;
      const all = Object.entries(states);
      const text = all.length === 0 ? "nothing left" : all.map(([state, count]) => `${count} ${state}`).join(", ");
      if (rolledBack) return { text: `taken back: ${text}`, paint: red };
      const isWell = all.every(([state]) => state === "Ready" || state === "Drifted");
      return { text, paint: isWell ? green : red };
    }
  }
}

/** What differs, Score by Score; texts of several lines as a diff of their lines. */
export function differenceReport(all: readonly ScoreDifference[], paint: Paint): string {
  const marks = { added: paint.green("+"), changed: paint.yellow("~"), removed: paint.red("-") };
  return all
    .flatMap(({ id, kind, change, fields }) => [
      `${marks[change]} ${printable(id)} (${printable(kind)})`,
      ...(change === "removed" ? [] : fields.flatMap((field) => fieldLines(field, paint))),
    ])
    .map((line) => `${line}\n`)
    .join("");
}

export function fieldLines({ field, before, after }: FieldChange, paint: Paint): readonly string[] {
  const name = `    ${printable(field)}:`;
  if (field === "secrets") return [`${name} sealed anew`];
  const isText = [before, after].some((value) => typeof value === "string" && value.includes("\n"));
  if (isText) return [name, ...textLines(textOf(before), textOf(after), paint)];
  if (before === undefined) return [`${name} ${paint.green(valueText(after))}`];
  if (after === undefined) return [`${name} ${paint.red(valueText(before))} is left out`];
  return [`${name} ${paint.red(valueText(before))} -> ${paint.green(valueText(after))}`];
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined ? "" : valueText(value);
const valueText = (value: unknown): string => printable(JSON.stringify(value));

/** As `diff -u` writes it, without its head. */
export function textLines(before: string, after: string, paint: Paint): readonly string[] {
  const { hunks } = structuredPatch("", "", before, after, "", "", { context: 3 });
  return hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines }) => [
    paint.dim(`      @@ -${oldStart},${oldLines} +${newStart},${newLines} @@`),
    ...lines.map((line) => {
      const shown = `      ${visible(line)}`;
      return line.startsWith("+") ? paint.green(shown) : line.startsWith("-") ? paint.red(shown) : shown;
    }),
  ]);
}
