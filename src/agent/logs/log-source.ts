import type { LogItem } from "../../wire/logs.ts";

/** One line as its source has it: whole, secrets and all. */
export interface LogEntry {
  readonly _tag: "Entry";
  /** To be given as `after` for what comes behind it. */
  readonly cursor: string;
  /** ISO 8601. */
  readonly at: string;
  readonly text: string;
  readonly priority?: number | undefined;
  /** `nginx[812]` */
  readonly from?: string | undefined;
}

/** Lines that are not told in this place. */
export interface LogGap {
  readonly _tag: "Gap";
  readonly lines: number | null;
  readonly why: Extract<LogItem, { leftOut: unknown }>["why"];
}

export interface LogQuery {
  /** Full names of units; of no account to a source that has one log alone. */
  readonly units: readonly string[];
  /** What comes behind this one; null: where a reading begins is said by the two below. */
  readonly after: string | null;
  /** The newest so many; null: all. */
  readonly tail: number | null;
  /** None that are older; null: however old. */
  readonly since: Date | null;
  /** Goes on with what comes. */
  readonly follow: boolean;
}

/**
 * Where logs are read from. A port of the agent's own and no capability: no Score can ask for it, so none can read what others log.
 */
export interface LogSource {
  /**
   * In order, and each once. Reads no further than it is asked to go on, give or take what one read gives. Ends when all is told,
   * unless it follows, and when the signal fires; holds nothing from then on. Rejects with a PortError alone: `NotFound` where
   * there is nothing to read with, `Failed` with what it said.
   */
  read(query: LogQuery, signal: AbortSignal): AsyncIterable<readonly (LogEntry | LogGap)[]>;
}
