import { longestSpelling, REDACTED, redactor } from "../../scores/redaction.ts";
import { LINE_CHARACTERS, type LogLine } from "../../wire/logs.ts";
import type { LogEntry } from "./log-source.ts";

/** What looks like a secret is known by what stands around it: so much of it is looked at. */
const AROUND = 1024;
/** Of a secret of several lines, as a program may print it line by line. Shorter ones come up by chance. */
const SHORTEST_LINE = 6;
/** As PEM is written, whoever wrote it. */
const OF_A_KEY = /^[A-Za-z0-9+/]{64}$/;
const END_OF_A_KEY = /^[A-Za-z0-9+/]{1,63}={0,2}$/;

/** Where a reading is: whether its last line was one of a key. */
export interface Within {
  key: boolean;
}

/** Takes the secrets out of the lines of one log, in order. */
export type Clean = (entry: LogEntry, within: Within) => LogLine;

/**
 * `secrets`: whole texts. Each is taken out as a whole and line by line, since what a program prints comes as lines; and so is what
 * looks like a secret, also the lines of a private key, wherever the first of them is.
 */
export function cleaner(secrets: readonly string[]): Clean {
  const known = [...new Set(secrets.flatMap(asPrinted))];
  const redact = redactor(known);
  const margin = Math.max(AROUND, longestSpelling(known));

  return ({ at, text, priority, from }, within) => {
    const isLong = text.length > LINE_CHARACTERS + margin;
    const looked = isLong ? text.slice(0, LINE_CHARACTERS + margin) : text;
    const lines = redact(looked).split("\n");
    const clean = lines.map((line) => (isOfKey(line.trim(), within) ? REDACTED : line)).join("\n");
    // At the end of what was looked at may be the beginning of a secret.
    const shown = clean.slice(0, Math.min(LINE_CHARACTERS, isLong ? Math.max(0, clean.length - margin) : Infinity));
    const cut = text.length - looked.length + clean.length - shown.length;
    return {
      at,
      text: shown,
      ...(cut > 0 && { cut }),
      ...(priority !== undefined && { priority }),
      ...(from !== undefined && { from: redact(from).slice(0, 128) }),
    };
  };
}

function isOfKey(line: string, within: Within): boolean {
  const was = within.key;
  within.key = OF_A_KEY.test(line);
  return within.key || (was && END_OF_A_KEY.test(line));
}

function asPrinted(secret: string): readonly string[] {
  const trimmed = secret.trim();
  const lines = trimmed.split("\n").map((line) => line.trim());
  const single = lines.length > 1 ? lines.filter(({ length }) => length >= SHORTEST_LINE) : [];
  return [secret, trimmed, ...single].filter((text) => text !== "");
}
