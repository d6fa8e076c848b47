import type { ScoreState } from "../wire/status.ts";

/** Colours for one stream; each gives the text back as it is where the stream takes none. */
export interface Paint {
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

export function paint(coloured: boolean): Paint {
  const code = (on: number, off: number) => (text: string) => (coloured ? `\u001b[${on}m${text}\u001b[${off}m` : text);
  return { red: code(31, 39), green: code(32, 39), yellow: code(33, 39), dim: code(2, 22), bold: code(1, 22) };
}

export const paintState = (state: ScoreState, { green, yellow, red }: Paint): ((text: string) => string) => {
  if (state === "Ready") return green;
  return state === "Failed" || state === "Refused" ? red : yellow;
};

// oxlint-disable-next-line no-control-regex
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * What comes from a device or a file may hold anything, and a terminal obeys what it is sent: control characters are
 * shown as a mark. Line feeds and tabs stay.
 */
export const visible = (text: string): string => text.replaceAll(OBEYED, "\ufffd");

/** The same for a text of JSON, which stays what it is: the characters are written as escapes. */
export const escaped = (json: string): string =>
  json.replaceAll(OBEYED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** The same on one line. */
export const printable = (text: string): string => visible(text.replaceAll(/[\t\r\n]+/g, " "));
