import * as z from "zod";
import { AgentId } from "./keys.ts";
import { SCORE_STATES } from "./status.ts";
import { MANIFEST_REFUSALS, SCORE_REFUSALS } from "./refusal.ts";

/**
 * What an agent puts on record: one JSON object a line on the device, the same bytes as a message of the stream. Names and
 * digests only: no spec, no value, no output, and no text of somebody else's that could hold one.
 */

/** In bytes. Longer names are cut, so that a record always fits into a message. */
const NAME_LIMIT = 96;
const Name = z.string().max(NAME_LIMIT);
/** A name as it is put on record. */
export const asName = (text: string): string =>
  Buffer.from(text.replaceAll(/\p{Cc}/gu, "?"))
    .subarray(0, NAME_LIMIT)
    .toString()
    // A character that was cut in two.
    .replace(/\ufffd+$/u, "");

/** At most as many as a manifest may have signatures. */
const SIGNERS_LIMIT = 16;

/** SHA-256 in lower-case hexadecimal. */
export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
export type Sha256 = z.infer<typeof Sha256>;
const Count = z.int().min(0);
const Generation = z.int().min(1);
/** The names of the trusted keys whose signatures fit; empty: none does, or none are trusted. */
const SignedBy = z.array(Name).max(SIGNERS_LIMIT);
/** The pair whose manifest it is, where the agent works as a member of one. */
const pair = AgentId.exactOptional();

const ManifestAccepted = z.strictObject({
  type: z.literal("ManifestAccepted"),
  generation: Generation,
  /** Of the payload. */
  sha256: Sha256,
  signedBy: SignedBy,
  scores: Count.exactOptional(),
  /** How many of them are refused, by the reason. */
  refused: z.partialRecord(z.enum(SCORE_REFUSALS), Count).exactOptional(),
  /** It was accepted before the agent was last stopped, which kept it from being put on record then. */
  late: z.literal(true).exactOptional(),
  pair,
});

/** It was carried through for the first time: each Score was looked at, and what could be done about it is done. */
const ManifestSettled = z.strictObject({
  type: z.literal("ManifestSettled"),
  generation: Generation,
  /** How many of its Scores, and of what is being removed, are in each state. */
  states: z.partialRecord(z.enum(SCORE_STATES), Count),
  /** It failed, and the one before it is in force again. */
  rolledBack: z.literal(true).exactOptional(),
  pair,
});

const ManifestRefused = z.strictObject({
  type: z.literal("ManifestRefused"),
  reason: z.enum(MANIFEST_REFUSALS),
  /** That it says it is; null where it could not be read. */
  generation: z.int().nullable(),
  /** Of the payload, or of the envelope where that could not be opened. */
  sha256: Sha256,
  signedBy: SignedBy,
  pair,
});

/** What the device's owner lets others ask of it has changed, or is seen for the first time. */
const PolicyChanged = z.strictObject({
  type: z.literal("PolicyChanged"),
  /** Of the rules that hold, as canonical JSON; null: there are none. */
  sha256: Sha256.nullable(),
  /** A policy cannot be read: nothing new is taken. */
  unreadable: z.boolean(),
  /** Empty for a file on the device, which needs no signature. */
  signedBy: SignedBy,
});

/** The keys whose signatures the agent accepts have changed, or are seen for the first time. */
const AuthorsChanged = z.strictObject({
  type: z.literal("AuthorsChanged"),
  /** Of the list, as canonical JSON; null: none are asked for. */
  sha256: Sha256.nullable(),
  signedBy: SignedBy,
});

const Job = {
  job: Name,
  runAs: Name,
  approver: Name,
  /** Of the line of audit.jsonl that holds the words of the command, or what came of it. */
  recordSha256: Sha256,
};
const Run = { ...Job, run: Name, purpose: z.enum(["run", "undo"]) };

/** A job's check was run for the first time since the agent's start. */
const JobChecked = z.strictObject({ type: z.literal("JobChecked"), ...Job });
/** A command is about to be started. */
const JobBegins = z.strictObject({ type: z.literal("JobBegins"), ...Run });
const JobEnded = z.strictObject({
  type: z.literal("JobEnded"),
  ...Run,
  ending: z.enum(["exited", "killed", "timed-out", "stopped", "not-started"]),
  /** Null where a signal ended it, or it was not started. */
  exitCode: z.int().nullable(),
});
/** The agent ended first; told at its next start. */
const JobInterrupted = z.strictObject({ type: z.literal("JobInterrupted"), ...Run });

/** A Score was given the value of a secret, to put it where it belongs. A look that compares is not told. */
const SecretAccessed = z.strictObject({ type: z.literal("SecretAccessed"), secret: Name, score: Name });

const AgentStarted = z.strictObject({ type: z.literal("AgentStarted"), version: Name, topology: Name });
/** Another agent with this id has taken over. */
const Fenced = z.strictObject({ type: z.literal("Fenced"), by: Count, pair });

/** So many events were not put on record: too many of one sort came, or the disk took none. */
const LeftOut = z.strictObject({
  type: z.literal("LeftOut"),
  because: z.enum(["rate", "disk"]),
  /** By their type. */
  events: z.record(Name, Count),
  since: z.iso.datetime(),
});
/** At its start the agent found lines at the end of its record that nobody can read. They are kept. */
const RecordDamaged = z.strictObject({ type: z.literal("RecordDamaged"), lines: Count });

const EVENTS = [
  ManifestAccepted,
  ManifestSettled,
  ManifestRefused,
  PolicyChanged,
  AuthorsChanged,
  JobChecked,
  JobBegins,
  JobEnded,
  JobInterrupted,
  SecretAccessed,
  AgentStarted,
  Fenced,
  LeftOut,
  RecordDamaged,
] as const;

/** What can happen that is put on record. */
export const Event = z.discriminatedUnion("type", EVENTS);
export type Event = z.infer<typeof Event>;
export type EventType = Event["type"];
export const EVENT_TYPES: readonly EventType[] = EVENTS.map(({ shape }) => shape.type.value);

/** Where a record stands among the others. */
const head = {
  v: z.literal(1),
  agentId: AgentId,
  /** A log on a device that has lost its own begins with a new one. */
  log: z.string().regex(/^[0-9a-f]{16}$/),
  /** From 1, without gaps. */
  sequence: z.int().min(1),
  /** SHA-256 of the line before; null: there is none. */
  previous: Sha256.nullable(),
  /** By the device's clock, which may be wrong. */
  at: z.iso.datetime(),
  /** Milliseconds, by a clock of this start of the agent that never jumps. */
  uptimeMs: z.int().min(0),
  /** Of this start of the agent. */
  bootId: z.string().max(64),
  /** 0 until the agent has one. */
  epoch: z.int().min(0),
};

/** What every record has, also one of a newer version whose event is not known here. */
export const RecordHead = z.object({ ...head, type: Name });
export type RecordHead = z.infer<typeof RecordHead>;

/** One record. */
export const EventRecord = z.discriminatedUnion("type", [
  ManifestAccepted.extend(head),
  ManifestSettled.extend(head),
  ManifestRefused.extend(head),
  PolicyChanged.extend(head),
  AuthorsChanged.extend(head),
  JobChecked.extend(head),
  JobBegins.extend(head),
  JobEnded.extend(head),
  JobInterrupted.extend(head),
  SecretAccessed.extend(head),
  AgentStarted.extend(head),
  Fenced.extend(head),
  LeftOut.extend(head),
  RecordDamaged.extend(head),
]);
export type EventRecord = z.infer<typeof EventRecord>;
