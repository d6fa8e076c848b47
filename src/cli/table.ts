import { printable } from "./paint.ts";

/** One cell: its text, and how it is painted once it has been padded. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

const GAP = "  ";

/** Lines of columns, as wide as their widest cell; the last one is not padded. Every line ends with a line feed. */
export function table(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  dim: (text: string) => string,
): string {
  const all: readonly (readonly Cell[])[] = [head.map((text) => ({ text, paint: dim })), ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => width(textOf(row[column])))));
  return all
    .map((row) => {
      const cells = row.map((cell, column) => {
        const text = textOf(cell);
        const padding = column === row.length - 1 ? "" : " ".repeat((widths[column] ?? 0) - width(text));
        return (typeof cell === "string" ? text : cell.paint(text)) + padding;
      });
      return `${cells.join(GAP).trimEnd()}\n`;
    })
    .join("");
}

const textOf = (cell: Cell | undefined): string => printable(typeof cell === "object" ? cell.text : (cell ?? ""));

/** In code points, which is near enough for ids, kinds and paths. */
const width = (text: string): number => Array.from(text).length;
