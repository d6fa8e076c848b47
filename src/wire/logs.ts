import * as z from "zod";
import { AgentId } from "./keys.ts";

/**
 * What an agent is asked for its logs, and answers. It is asked again and again, each time from where the last answer ended: so
 * a reader gets as much as it takes, and the agent keeps nothing for one that is slow or gone.
 */

/** The most that is told of one reading at once; `since` what is older than that is left out. */
export const MOST_LINES = 10_000;
/** Characters that are told of one line. */
export const LINE_CHARACTERS = 4096;
/** Milliseconds that an agent lets a reader wait who follows, where there is nothing new. */
export const WAIT_MS = 15_000;
/** Milliseconds without a question after which a reader is gone. */
export const READER_MS = 30_000;

const At = z.iso.datetime();
/** Where a reading goes on; only the agent that gave it knows what it means. */
const Cursor = z.string().regex(/^[!-~]{1,1024}$/, "a cursor is up to 1024 printable characters");

export const LogRequest = z.object({
  /** Made by the reader, another one for each reading: by this the agent knows it again. */
  reader: z.string().regex(/^[\w-]{8,64}$/, "a reader is 8 to 64 letters, digits, _ and -"),
  /** The id of a Score; null: the agent's own log. */
  score: z.string().max(256).nullable(),
  /** The newest so many; null: all there are, of `since` then. */
  tail: z.int().min(0).max(MOST_LINES).nullable(),
  since: At.nullable(),
  /** From behind there on, in place of `tail` and `since`; null: a reading begins. */
  after: Cursor.nullable(),
  follow: z.boolean(),
  /** The reader goes away. */
  ends: z.literal(true).exactOptional(),
});
export type LogRequest = z.infer<typeof LogRequest>;

export const LogLine = z.object({
  at: At,
  /** Without secrets. */
  text: z.string(),
  /** How many characters more it has; missing where that is all of it. */
  cut: z.int().exactOptional(),
  /** Of syslog, 0 (the gravest) to 7; missing where it has none. */
  priority: z.int().exactOptional(),
  /** Which program, and its process: `nginx[812]`; missing where it is not known. */
  from: z.string().exactOptional(),
});
export type LogLine = z.infer<typeof LogLine>;

export const LogItem = z.union([
  LogLine,
  /** In this place so many lines are left out; null: it is not known how many. */
  z.object({ leftOut: z.int().nullable(), why: z.enum(["TooMany", "TooFast", "Forgotten"]) }),
]);
export type LogItem = z.infer<typeof LogItem>;

export const LOG_REFUSALS = [
  /** It is no question. */
  "Malformed",
  /** The agent knows of no Score with that id. */
  "NoSuchScore",
  /** It is there, and runs nothing. */
  "RunsNothing",
  /** It runs something that is not on the device, so far or any more. */
  "NotThere",
  /** There are as many readers as may be. */
  "Busy",
  /** This device has no journal that could be read. */
  "NoJournal",
  /** It has, and did not give it. */
  "Failed",
] as const;

export const LogReply = z.discriminatedUnion("_tag", [
  z.object({
    _tag: z.literal("Lines"),
    agentId: AgentId,
    /** `memory`: of this start of the agent alone. */
    source: z.enum(["journal", "memory"]),
    /** Those of the journal that are told; empty where it is the memory. */
    units: z.array(z.string()).readonly(),
    /** In order. */
    items: z.array(LogItem).readonly(),
    /** To be given for what comes after; null where there was nothing at all. */
    cursor: Cursor.nullable(),
    /** Nothing comes after it; never where the reader follows. */
    isEnd: z.boolean(),
  }),
  z.object({
    _tag: z.literal("Refused"),
    reason: z.enum(LOG_REFUSALS),
    /** One sentence. */
    message: z.string(),
    /** What to do about it. */
    next: z.string(),
    /** The Scores that it knows, the first 50; only where `reason` is `NoSuchScore`. */
    scores: z.array(z.string()).exactOptional(),
  }),
]);
export type LogReply = z.infer<typeof LogReply>;
