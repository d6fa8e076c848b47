import { match } from "ts-pattern";
import type { Missing, Progress } from "../fleet/index.ts";
import { spoken } from "./duration.ts";
import { printable } from "./paint.ts";
import { sizeText } from "../scores/size-text.ts";
import type { Session } from "./session.ts";

export const CLEAR_LINE = "\r\u001b[2K";
/** Longer lines would wrap, and then could not be cleared. */
const LIVE_WIDTH = 78;

export interface ProgressLine {
  readonly tell: (progress: Progress) => void;
  /** Before anything else is written. */
  readonly end: () => void;
}

/** Tells how far an apply is: one line that changes on a terminal, a line for each change elsewhere, nothing with JSON. */
export function progressLine({ io, json, say, paintErr }: Session, agentId: string): ProgressLine {
  if (json) return { tell: () => {}, end: () => {} };
  const live = io.errIsTerminal && io.env["TERM"] !== "dumb";
  let last = "";
  let dirty = false;
  const end = (): void => {
    if (dirty) io.err(CLEAR_LINE);
    dirty = false;
  };
  return {
    end,
    tell(progress) {
      const line = printable(lineOf(progress, agentId));
      if (line === last) return;
      last = line;
      // What is waited for changes all the time; the rest is worth keeping.
      if (live && progress._tag === "Waiting") {
        io.err(`${CLEAR_LINE}${paintErr.dim(line.slice(0, LIVE_WIDTH))}`);
        dirty = true;
      } else {
        end();
        say(line);
      }
    },
  };
}

const lineOf = (progress: Progress, agentId: string): string =>
  match(progress)
    .with({ _tag: "Shipping" }, ({ generation }) => `shipping generation ${generation} to ${agentId}`)
    .with({ _tag: "Secrets" }, ({ sealed, carried }) =>
      [
        ...(sealed.length > 0 ? [`sealed for ${agentId}: ${sealed.join(", ")}`] : []),
        ...(carried.length > 0 ? [`as ${agentId} has them already: ${carried.join(", ")}`] : []),
      ].join("; "),
    )
    .with({ _tag: "Conflict" }, () => `somebody else wrote to ${agentId} at the same time; trying again`)
    .with(
      { _tag: "AnswerLost" },
      ({ unreachable }) => `no answer from the server (${unreachable.message}); looking what it has stored`,
    )
    .with(
      { _tag: "Stored" },
      ({ generation, bytes, asAsset }) =>
        `generation ${generation} is stored (${sizeText(bytes)}${asAsset ? ", as an asset" : ""})`,
    )
    .with(
      { _tag: "StaleGeneration" },
      ({ agentHas }) =>
        `${agentId} has generation ${agentHas} already, which the server did not know; shipping above it`,
    )
    .with({ _tag: "Waiting" }, ({ missing, liveness }) => {
      const silent =
        liveness.freshness === "fresh"
          ? ""
          : liveness.freshness === "never"
            ? `; ${agentId} was not seen yet`
            : `; ${agentId} is silent${liveness.silentMs === null ? "" : ` since ${spoken(liveness.silentMs)}`}`;
      return `waiting: ${summary(missing, 3)}${silent}`;
    })
    .with({ _tag: "Blind" }, ({ unreachable }) => `the server cannot be read (${unreachable.message}); trying again`)
    .exhaustive();

/** The first few, and how many more there are. */
export function summary(missing: readonly Missing[], most: number): string {
  const told = missing.slice(0, most).map(({ sentence }) => sentence);
  const more = missing.length - told.length;
  return `${told.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
