import { CLEAR_LINE } from "./apply-progress.ts";
import type { Session } from "./session.ts";

/** What is over sooner needs no word. */
const PATIENCE_MS = 1000;
/** A file that output goes to is not filled with the same line each second. */
const EVERY_MS = 10_000;
const WIDTH = 78;

/** Tells how far something is that takes more than a second: a line that changes on a terminal, one now and then elsewhere. */
export function countingLine({ io, json, say, paintErr }: Session, line: () => string): { readonly end: () => void } {
  if (json) return { end: () => {} };
  const live = io.errIsTerminal && io.env["TERM"] !== "dumb";
  let told = "";
  let toldAt = -EVERY_MS;
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
    const text = line();
    if (live) io.err(`${CLEAR_LINE}${paintErr.dim(text.slice(0, WIDTH))}`);
    else if (text !== told && ticks * PATIENCE_MS - toldAt >= EVERY_MS) {
      say(text);
      toldAt = ticks * PATIENCE_MS;
    }
    told = text;
  }, PATIENCE_MS);
  return {
    end() {
      clearInterval(timer);
      if (live && ticks > 0) io.err(CLEAR_LINE);
    },
  };
}
