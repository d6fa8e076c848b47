/** The import and the place in the tuple by which kinds.ts knows one more kind. */
export interface Addition {
  readonly className: string;
  /** As it is imported from: `./kinds/motd.ts`. */
  readonly from: string;
}

export type Edited =
  | { readonly _tag: "Edited"; readonly text: string }
  /** A class of that name is there. */
  | { readonly _tag: "Known" }
  /** It is not as `harmony new` makes it, so that an edit might mean something else. */
  | { readonly _tag: "NotSafe" };

/** What to write by hand where it cannot be edited. */
export const byHand = ({ className, from }: Addition): readonly string[] => [
  `import { ${className} } from "${from}";`,
  `export default [..., ${className}] as const;`,
];

/**
 * The text of kinds.ts with one more kind. That is done where it consists of imports and of one list of names, however they
 * are laid out and commented on.
 */
export function withKind(text: string, addition: Addition): Edited {
  const code = withoutComments(text);
  if (new RegExp(`\\b${addition.className}\\b`).test(code ?? text)) return { _tag: "Known" };
  if (code === null || !STATEMENTS.test(code)) return { _tag: "NotSafe" };
  const list = listIn(code);
  const imported = [...code.matchAll(IMPORT)].at(-1);
  if (list === null || imported === undefined) return { _tag: "NotSafe" };
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const elements = withName(text, list, addition.className, eol);
  const line = importLine(imported[0], addition);
  const at = endOfLine(text, imported.index + imported[0].length);
  const parts = [text.slice(0, at), eol, line, text.slice(at, list.open), elements, text.slice(list.close)];
  return { _tag: "Edited", text: parts.join("") };
}

/**
 * The same text with blanks in the place of comments, and of what stands in quotes: of the same length. Null where
 * something comes that could be more than names, quotes and comments.
 */
function withoutComments(text: string): string | null {
  const blank = (part: string): string => part.replace(/[^\r\n]/g, " ");
  const code = text.replace(/\/\/.*|\/\*[^]*?\*\/|(["'])((?:\\.|(?!\1)[^\\\n])*)\1/g, (part, quote, inside) =>
    typeof quote === "string" ? `${quote}${blank(String(inside))}${quote}` : blank(part),
  );
  return /[`/\\]/.test(code) ? null : code;
}

const IMPORT = /\bimport\s+\{[^{}"']*\}\s+from\s+(["']) *\1;?/g;
const STATEMENTS = new RegExp(
  `^(?:\\s*${IMPORT.source})+\\s*export\\s+default\\s*\\[[^[\\]]*\\](?:\\s*as\\s+const)?;?\\s*$`,
);
const NAMES = /^\s*(?:[A-Za-z_$][\w$]*\s*(?:,\s*[A-Za-z_$][\w$]*\s*)*(,)?\s*)?$/;

/** What stands between `[` and `]`. */
interface List {
  readonly open: number;
  readonly close: number;
  /** Where the last name ends, and whether a comma comes then; null where there is none. */
  readonly last: { readonly end: number; readonly comma: boolean } | null;
}

function listIn(code: string): List | null {
  const open = code.indexOf("[") + 1;
  const close = code.indexOf("]");
  const inside = code.slice(open, close);
  const names = NAMES.exec(inside);
  if (names === null) return null;
  const trimmed = inside.replace(/[\s,]+$/, "");
  const last = trimmed === "" ? null : { end: open + trimmed.length, comma: names[1] !== undefined };
  return { open, close, last };
}

const LINE_WIDTH = 120;

/** What is to stand between the brackets. A list over several lines gets one more; comments stay with their names. */
function withName(text: string, { open, close, last }: List, name: string, eol: string): string {
  const inside = text.slice(open, close);
  if (last === null) return inside.includes("\n") ? `${inside.trimEnd()}${eol}  ${name},${eol}` : `${inside}${name}`;
  const head = text.slice(open, last.end);
  const tail = `${last.comma ? "" : ","}${text.slice(last.end, close)}`;
  if (inside.includes("\n")) {
    const [margin = ""] = /^[ \t]*/.exec(lineUpTo(text, last.end)) ?? [];
    const comments = tail.trimEnd();
    return `${head}${comments}${eol}${margin}${name},${tail.slice(comments.length)}`;
  }
  const one = `${head}${tail.trimEnd()} ${name}`;
  const width = lineUpTo(text, open).length + one.length + "] as const;".length;
  if (width <= LINE_WIDTH || !NAMES.test(one)) return one;
  const names = one.split(",").map((each) => `  ${each.trim()},${eol}`);
  return `${eol}${names.join("")}`;
}

const lineUpTo = (text: string, end: number): string => text.slice(text.lastIndexOf("\n", end - 1) + 1, end);

const endOfLine = (text: string, from: number): number => from + (/^[^\r\n]*/.exec(text.slice(from))?.[0].length ?? 0);

/** In the manner of the import before it. */
function importLine(before: string, { className, from }: Addition): string {
  const quote = before.includes("'") ? "'" : '"';
  return `import { ${className} } from ${quote}${from}${quote}${before.endsWith(";") ? ";" : ""}`;
}
