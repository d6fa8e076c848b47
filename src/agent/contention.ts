import type { ScoreStatus } from "../wire/status.ts";

/** Two repairs of the same are in a row if no more than this lies between them: thrice the longest pause between looks. */
export const IN_A_ROW_MS = 900_000;
const FIRST_REST_MS = 1000;
const MOST_REST_MS = 300_000;

/** What was repaired last, and when by the clock that never jumps. */
export interface Repair {
  /** The steps that were taken, as JSON. */
  readonly steps: string;
  readonly atMs: number;
}

type Contested = NonNullable<ScoreStatus["contested"]>;

/** How a Score's status tells of a repair: counted, and as contested where the same was repaired a moment ago. */
export function repaired(
  before: ScoreStatus,
  last: Repair | null,
  now: Repair,
  at: Date,
): { readonly repairs: number; readonly contested: Contested | null } {
  const repairs = (before.repairs ?? 0) + 1;
  const told = at.toISOString();
  // What was repaired before a restart is not known any more; that it was contested is.
  const goesOn =
    last === null
      ? before.contested !== undefined && !isOver(before.contested, at)
      : last.steps === now.steps && now.atMs - last.atMs <= IN_A_ROW_MS;
  if (!goesOn) return { repairs, contested: null };
  const { inARow = 1, since = told } = before.contested ?? {};
  return { repairs, contested: { inARow: inARow + 1, since, last: told } };
}

/** Whether nobody has undone it for so long that it is not contested any more. */
export const isOver = ({ last }: Contested, now: Date): boolean =>
  // A clock that was set back a year must not make it last one.
  Math.abs(now.getTime() - Date.parse(last)) > IN_A_ROW_MS;

/** How long a contested Score rests before it is looked at again because of drift: doubled with each repair in a row. */
export const contestedRestMs = ({ contested }: ScoreStatus): number =>
  contested === undefined ? 0 : Math.min(FIRST_REST_MS * 2 ** Math.min(contested.inARow - 2, 16), MOST_REST_MS);
