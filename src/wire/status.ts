import * as z from "zod";
import { DevicePolicies } from "./device-policy.ts";
import { AgentId } from "./keys.ts";
import { Labels } from "./labels.ts";
import type { LogReply, LogRequest } from "./logs.ts";
import { MANIFEST_REFUSALS, SCORE_REFUSALS } from "./refusal.ts";
import { measure } from "./scan.ts";
import { SealingKey } from "./secrets/sealed.ts";
import { safeParse } from "./safe-parse.ts";

/** The documents that agents write and any language reads: plain JSON, dates as ISO 8601 in UTC. */

const At = z.iso.datetime();
const Json = z.json();

/** Why a Score is not as it should be. */
export const ScoreError = z.object({
  reason: z.enum([
    "PortFailed",
    "Obstructed",
    "RolledBack",
    "Unhealthy",
    "DidNotConverge",
    "TimedOut",
    "Interrupted",
    "Bug",
    ...SCORE_REFUSALS,
  ]),
  /** What a port answered (`NoSpace`, `NotFound`, `Corrupt`, ...), where the reason is `PortFailed`. Newer agents may have others. */
  code: z.string().exactOptional(),
  /** One sentence. */
  message: z.string(),
  during: z.enum(["decode", "observe", "plan", "apply", "retire"]),
  /** The step that failed, as the kind writes it; null where none was under way. */
  step: Json,
  blame: z.enum(["author", "device", "platform"]),
  /** One sentence: what to do about it. */
  next: z.string(),
  /** False where only what somebody changes can help: then the agent looks again every five minutes at the most. */
  retryable: z.boolean(),
});
export type ScoreError = z.infer<typeof ScoreError>;

/** The states of one Score on one device. */
export const SCORE_STATES = [
  "Pending",
  "Reconciling",
  "Ready",
  "Failed",
  "Blocked",
  "Refused",
  "Retiring",
  "Drifted",
] as const;
export type ScoreState = (typeof SCORE_STATES)[number];

export const ScoreStatus = z.object({
  kind: z.string(),
  version: z.int(),
  /** Hash of kind, version and spec; empty where the Score could not be decoded, or where texts were cut. */
  digest: z.string(),
  /** The newest manifest generation that it was interpreted, or refused, for. */
  generation: z.int(),
  state: z.enum(SCORE_STATES),
  /** Of the last interpretation that did something or was the first of its generation; null before it. */
  outcome: z.enum(["SUCCESS", "NOOP", "FAILURE"]).nullable(),
  /** What that interpretation was for: a new generation, or drift. */
  change: z.enum(["intentional", "corrective"]).nullable(),
  /** Since when it is in this state. */
  since: At,
  /** What was seen last, in the kind's own shape; null where nothing was. */
  details: Json,
  /** The first cause since the Score last was Ready or changed. */
  error: ScoreError.nullable(),
  /** Attempts that failed since then. */
  attempts: z.int(),
  retryAfter: At.nullable(),
  /** The Scores that it waits for. */
  blockedOn: z.array(z.string()),
  /** True where this content failed so that only another one can help: it is not tried again. */
  knownBad: z.literal(true).exactOptional(),
  /** The steps that would make it as declared, the first 20 of them; only where it is Drifted. */
  wouldDo: z.array(Json).exactOptional(),
  /** How often drift was repaired since this content came; missing where it never was. */
  repairs: z.int().exactOptional(),
  /** Somebody undoes the same again and again: how many repairs in a row, since when, and when the last one was. */
  contested: z.object({ inARow: z.int(), since: At, last: At }).exactOptional(),
});
export type ScoreStatus = z.infer<typeof ScoreStatus>;

/**
 * `Ready`: all Scores of the manifest are as they should be. `Reconciling`: work is under way. `Degraded`: some Score
 * failed or was refused. `Accepted`: the newest desired state could be taken; while it is False the one before stays in
 * force. The others are there only where they have something to tell. `Contested`: somebody undoes what the agent does.
 * `DiskPressure`: the agent cannot save what it has to know, or soon will not. `Offline`: it was out of reach. `Fenced`: another agent has its
 * id; that is in no document of the two, since the key is the other one's, but in what the agent tells on its own device.
 * `RolledBack`: the newest manifest failed and was taken back, or should have been.
 * `Active`: of a pair, which member is active. `Standby`: of a member of a pair, whether it is the one that is not.
 */
export const CONDITION_TYPES = [
  "Ready",
  "Reconciling",
  "Degraded",
  "Accepted",
  "Contested",
  "DiskPressure",
  "Offline",
  "Fenced",
  "RolledBack",
  "Active",
  "Standby",
] as const;

export const Condition = z.object({
  type: z.enum(CONDITION_TYPES),
  status: z.enum(["True", "False", "Unknown"]),
  reason: z.enum([
    "Converged",
    "DriftReported",
    "Working",
    "Idle",
    "ScoresFailed",
    "ScoresRefused",
    "NothingWrong",
    "NoDesiredState",
    "DesiredStateDeleted",
    "Accepted",
    "UndoneByOthers",
    "NoSpace",
    "NotSaved",
    "LowSpace",
    "NoLink",
    "LinkBack",
    "TakenOver",
    "RolledBack",
    "FailedForGood",
    "NotReadyInTime",
    "NothingToGoBackTo",
    "Promoted",
    "OtherActive",
    "NobodyActive",
    "StandingDown",
    ...MANIFEST_REFUSALS,
  ]),
  message: z.string(),
  since: At,
});
export type Condition = z.infer<typeof Condition>;

/** A manifest that was to be taken back where it fails, and failed. */
export const RolledBack = z.object({
  /** Of the manifest that failed. */
  generation: z.int(),
  /** Of the one that came back; null where none was ever wholly Ready on this device. */
  to: z.int().nullable(),
  /** `FailedForGood`: a Score of it can never be Ready. `NotReadyInTime`: not all were Ready when its time was over. */
  why: z.enum(["FailedForGood", "NotReadyInTime"]),
  at: At,
  /** Those of its Scores that were not Ready then, with the first cause of each, the first 20 of them. */
  scores: z.record(
    z.string(),
    z.object({ state: z.enum(SCORE_STATES), error: ScoreError.nullable(), blockedOn: z.array(z.string()) }),
  ),
});
export type RolledBack = z.infer<typeof RolledBack>;

/** The value of an agent's key in `actual-state`. */
export const AgentStatus = z.object({
  agentId: AgentId,
  /** Of the newest manifest that was accepted; 0 before the first. It is in force, but where `rolledBack` says that another is. */
  generation: z.int(),
  /**
   * The newest generation that the agent has carried through: each of its Scores was Ready, Failed, Blocked or Refused once. One
   * of them may be Reconciling again meanwhile, for drift or another try, which takes nothing back here.
   */
  observedGeneration: z.int(),
  /** The revision of the desired-state key that `Accepted` speaks of; 0 before the first. */
  observedRevision: z.int(),
  /** Counts the agent's starts. Of two agents with one id the higher epoch holds. */
  epoch: z.int(),
  conditions: z.array(Condition),
  scores: z.record(z.string(), ScoreStatus),
  /** There from the failure of a manifest that was to be taken back then until a newer one is accepted, or it is Ready after all. */
  rolledBack: RolledBack.exactOptional(),
  agent: z.object({
    version: z.string(),
    bootId: z.string(),
    topology: z.string(),
    /** The member that was active when it told this; only where the id is a pair's. */
    member: AgentId.exactOptional(),
  }),
  /** True where details were cut because the whole was too large; states and errors never are. */
  truncated: z.boolean().optional(),
});
export type AgentStatus = z.infer<typeof AgentStatus>;

/**
 * The value of an agent's key in `heartbeat`, written every 10 s whatever else the agent does. That of a pair is its lease, and
 * is written every 2 s by the member that is active; its epoch is the fencing token.
 */
export const Heartbeat = z.object({
  agentId: AgentId,
  bootId: z.string(),
  epoch: z.int(),
  /** Counts this start's heartbeats. */
  sequence: z.int(),
  /** Milliseconds since the agent's start, by a clock that never jumps. */
  uptimeMs: z.int(),
  agentVersion: z.string(),
  observedGeneration: z.int(),
  /** The agent's wall clock. Readers judge staleness by their own. */
  at: At,
  /** Only where the id is a pair's. `released`: that member has stood down, and the other one may begin at once. */
  lease: z.object({ member: AgentId, released: z.boolean() }).exactOptional(),
});
export type Heartbeat = z.infer<typeof Heartbeat>;

/** What one member of a pair offers. */
export const MemberOffer = z.object({
  topology: z.string(),
  capabilities: z.record(z.string(), z.record(z.string(), Json)),
  absent: z.record(z.string(), z.string()),
  kinds: z.record(z.string(), z.array(z.int())),
  agentVersion: z.string(),
  /** Missing where it has none. */
  labels: Labels.exactOptional(),
  /** What its device's owner allows; missing where an older agent says nothing of it. */
  policy: DevicePolicies.exactOptional(),
});
export type MemberOffer = z.infer<typeof MemberOffer>;

/** The value of an agent's key in `capabilities`, and what `harmony check --capabilities` takes. */
export const CapabilitiesDocument = z.object({
  agentId: AgentId,
  topology: z.string(),
  /** By name, with facts about each. */
  capabilities: z.record(z.string(), z.record(z.string(), Json)),
  /** What its topology has and this device does not, by name, and why: `podman >= 4.4 not found`. */
  absent: z.record(z.string(), z.string()).optional(),
  /** The device itself. What could not be found out is null. */
  device: z
    .object({
      /** As the kernel calls it: `arm64`, `arm`, `x64`. */
      architecture: z.string(),
      /** Bytes of memory that the kernel manages. */
      memoryBytes: z.int(),
      processors: z.int(),
      /** `Raspberry Pi Zero 2 W Rev 1.0`. */
      model: z.string().nullable(),
      /** `Debian GNU/Linux 13 (trixie)`. */
      operatingSystem: z.string().nullable(),
      /** The release of the kernel. */
      kernel: z.string(),
    })
    .optional(),
  /** The kinds the agent knows, with their versions. */
  kinds: z.record(z.string(), z.array(z.int())),
  agentVersion: z.string(),
  /** What the device is called beside its id, which selectors go by; missing where it has no labels. */
  labels: Labels.exactOptional(),
  /** What the device's owner allows; missing where an older agent says nothing of it. */
  policy: DevicePolicies.exactOptional(),
  /**
   * The fields of a manifest that came after 0.1.0 and that it takes; missing where an older agent says nothing of it. Not in that of
   * a pair, which members of two versions would write over each other's: each member says it in its own.
   */
  takes: z.array(z.string()).exactOptional(),
  /** What it answers when it is asked, such as `logs`; missing where an older agent says nothing of it: that answers `plan` alone. */
  answers: z.array(z.string()).exactOptional(),
  /** What secrets for this device are sealed for. Whoever seals holds it against what the device itself showed. */
  sealingKey: SealingKey.exactOptional(),
  /** Only where the id is a pair's: what each of its members offers. All that they have in common is what the pair offers. */
  members: z.record(z.string(), MemberOffer).exactOptional(),
});
export type CapabilitiesDocument = z.infer<typeof CapabilitiesDocument>;

/** A unit that a plan would start, stop or start anew, and what is known of how long that takes. */
export const Downtime = z.object({
  /** Its full name; of a container, that of its service. */
  unit: z.string(),
  /** `start`: it is not up now. */
  does: z.enum(["start", "stop", "restart"]),
  /** Whole milliseconds that it took the last time since the boot, null where it never did; null altogether: nobody could tell. */
  took: z.object({ stopMs: z.int().nullable(), startMs: z.int().nullable() }).nullable(),
});
export type Downtime = z.infer<typeof Downtime>;
const downtime = z.array(Downtime).exactOptional();

/** What stands on the device where a text would be written, as far as that may be told. */
export const Standing = z.discriminatedUnion("_tag", [
  /** All of it. What looks like a secret, and what a Score asks not to be shown, is taken out. */
  z.object({ _tag: z.literal("Text"), path: z.string(), text: z.string() }),
  z.object({
    _tag: z.literal("Withheld"),
    path: z.string(),
    /**
     * `Private`: not everybody on the device may read it. `Secret`: it was made from a secret, or a secret stands in it. `TooLarge`:
     * it is above 16 KiB, or the answer would be. `NoText`, `Unread`: it is none, or could not be read.
     */
    because: z.enum(["Private", "Secret", "TooLarge", "NoText", "Unread"]),
  }),
]);
export type Standing = z.infer<typeof Standing>;
/** Missing where nothing stands there, where it is not about a text, and where it would not be written. */
const standing = Standing.exactOptional();

/** What an agent answers to the question what it would do with an envelope. */
export const PlanReply = z.discriminatedUnion("_tag", [
  z.object({
    _tag: z.literal("Plan"),
    agentId: AgentId,
    /** The generation in force on the agent, which the plan starts from. */
    generation: z.int(),
    scores: z.record(
      z.string(),
      z.discriminatedUnion("would", [
        z.object({ would: z.literal("NOOP"), kind: z.string(), observed: Json }),
        z.object({
          would: z.literal("CHANGE"),
          kind: z.string(),
          observed: Json,
          steps: z.array(Json),
          /** The Scores that it restarts on and that would change; missing where there are none. */
          restartedBy: z.array(z.string()).exactOptional(),
          /** Of the units that it would start, stop or start anew; missing where there are none. */
          downtime,
          standing,
        }),
        /** What it takes cannot be told before these have changed, which it builds upon. */
        z.object({ would: z.literal("WAIT"), kind: z.string(), on: z.array(z.string()) }),
        /** It differs, and by its policies it would only be told of. */
        z.object({ would: z.literal("TELL"), kind: z.string(), observed: Json, steps: z.array(Json), standing }),
        /** Not in the asked manifest any more, and what it made would stay as it is. */
        z.object({ would: z.literal("LEAVE"), kind: z.string() }),
        /** Not in the asked manifest any more. */
        z.object({ would: z.literal("RETIRE"), kind: z.string(), observed: Json, steps: z.array(Json), downtime }),
        z.object({ would: z.literal("FAIL"), kind: z.string(), error: ScoreError }),
        z.object({ would: z.literal("REFUSE"), kind: z.string(), error: ScoreError }),
      ]),
    ),
  }),
  z.object({ _tag: z.literal("Refused"), reason: z.enum(MANIFEST_REFUSALS), message: z.string() }),
]);
export type PlanReply = z.infer<typeof PlanReply>;

export type Read<T> =
  | { readonly _tag: "Read"; readonly document: T }
  | { readonly _tag: "Unreadable"; readonly message: string };

/** Deeper than that `Json` runs out of stack; no kind's data comes near. */
const DOCUMENT_LIMITS = { depth: 64, values: 500_000 };

/** Reads one of these documents from bytes that anybody may have written. Never throws. */
export function readDocument<T>(schema: z.ZodType<T>, bytes: Uint8Array): Read<T> {
  const unbounded = measure(bytes, DOCUMENT_LIMITS);
  if (unbounded !== null) return { _tag: "Unreadable", message: unbounded };
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    return { _tag: "Unreadable", message: `not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  const read = safeParse(schema, value);
  return read.success
    ? { _tag: "Read", document: read.data }
    : { _tag: "Unreadable", message: z.prettifyError(read.error) };
}

export const writeDocument = (
  document: AgentStatus | Heartbeat | CapabilitiesDocument | PlanReply | LogRequest | LogReply,
): Uint8Array => new TextEncoder().encode(JSON.stringify(document));
