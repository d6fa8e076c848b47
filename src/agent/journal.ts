import * as z from "zod";
import { WireScore } from "../wire/envelope.ts";
import { RolledBack, ScoreStatus } from "../wire/status.ts";

/** The lines of the ledger's journal: what each says, and which an earlier one it makes pointless. */

/** Something on the device that the agent made or took over, and the spec by which it would remove it. */
export const Owned = z.object({
  id: z.string(),
  identity: z.string(),
  wire: WireScore,
  claims: z.array(z.string()),
  /** The Score began to make it, and it was not as declared since. Only noted where a policy needs it, as is the next. */
  making: z.literal(true).exactOptional(),
  /** The digest of the content that it was last seen to have. */
  reached: z.string().exactOptional(),
});
export type Owned = z.infer<typeof Owned>;

export type Marks = Pick<Owned, "making" | "reached">;

/** `by` may have changed something on the device, and `to` has not been restarted since. Both are Score ids. */
export const Notice = z.object({
  to: z.string(),
  by: z.string(),
  change: z.enum(["intentional", "corrective"]),
  /** Once the restart has begun: which run of it there was, or null where none was. Any other one is the newer. */
  from: z.string().nullable().exactOptional(),
});
export type Notice = z.infer<typeof Notice>;

/** A manifest that is taken back where it fails, for as long as it is not known to be good; and what came of it. */
const Tried = z.object({
  generation: z.int(),
  /** How often the agent has started with it, the first time counted. */
  starts: z.int(),
  /** It failed. */
  over: RolledBack.exactOptional(),
  /** By id, the Scores of it that failed for good. */
  knownBad: z.record(z.string(), ScoreStatus),
});
export type Tried = z.infer<typeof Tried>;

const Line = z.union([
  z.object({ own: Owned }),
  z.object({ disown: z.string() }),
  z.object({ score: z.string(), status: ScoreStatus }),
  z.object({ forget: z.string() }),
  z.object({ notice: Notice }),
  z.object({ noticed: z.object({ to: z.string(), by: z.string() }) }),
  z.object({ trial: Tried.nullable() }),
]);
export type Line = z.infer<typeof Line>;

/** What is not on disk yet: of each thing at most that it went, and the newest of what came after. */
export type Unsaved = Map<string, Line>;

/** On a disk that stays full for days, or can only be read, lines must not pile up without end. */
export function pile(unsaved: Unsaved, line: Line): void {
  const [now, before] = keysOf(line);
  // Later in the journal is newer.
  if (before !== null) {
    unsaved.delete(before);
    unsaved.delete(now);
  }
  unsaved.set(now, line);
}

/** What a line is about, and what an earlier line was about that it makes pointless; null where it does not end anything. */
function keysOf(line: Line): readonly [now: string, before: string | null] {
  if ("own" in line) return [`own ${line.own.identity}`, null];
  if ("trial" in line) return ["trial", null];
  if ("score" in line) return [`score ${line.score}`, null];
  if ("notice" in line) return [`notice ${noticeKey(line.notice)}`, null];
  if ("disown" in line) return [`disown ${line.disown}`, `own ${line.disown}`];
  if ("forget" in line) return [`forget ${line.forget}`, `score ${line.forget}`];
  return [`noticed ${noticeKey(line.noticed)}`, `notice ${noticeKey(line.noticed)}`];
}

/** The identity that a line says something of; null where it is about something else. */
export const ownedIn = (line: Line): string | null =>
  "own" in line ? line.own.identity : "disown" in line ? line.disown : null;

/** An id holds no space. */
export const noticeKey = ({ to, by }: Pick<Notice, "to" | "by">): string => `${to} ${by}`;

export const asLines = (lines: readonly Line[]): Uint8Array =>
  Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));

/** What of a journal can be read, and how many of its lines cannot be. */
export function readLines(journal: Uint8Array): { readonly lines: readonly Line[]; readonly unreadable: number } {
  const texts = Buffer.from(journal)
    .toString("utf8")
    .split("\n")
    .filter((text) => text !== "");
  const read = texts.map((text) => Line.safeParse(parse(text)));
  const lines = read.flatMap(({ data }) => data ?? []);
  return { lines, unreadable: texts.length - lines.length };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
