import * as z from "zod";
import { Policy } from "../topology/policies.ts";
import { RollbackOnFailure } from "../topology/rollback.ts";
import { EDGES_LIMIT, SCORE_ID } from "../topology/parts.ts";
import { AgentId } from "./keys.ts";
import { SealedSecrets } from "./secrets/sealed.ts";

/** The largest payload in bytes, inline or as an asset. Bounds what a hostile one can make JSON.parse allocate. */
export const PAYLOAD_LIMIT_BYTES = 4 * 1024 * 1024;

/** Ed25519 over the exact UTF-8 bytes of the payload. `key` names a public key that the agent was given; `sig` is base64. */
export const Signature = z.strictObject({ key: z.string().min(1).max(128), sig: z.base64().max(128) });
export type Signature = z.infer<typeof Signature>;

const signatures = z.array(Signature).max(16);

/** The payload is here, as the exact text that was signed. */
export const InlineEnvelope = z.strictObject({ wire: z.literal(1), payload: z.string(), signatures });
/** The payload is the asset with this hash (lower-case hexadecimal). */
export const AssetEnvelope = z.strictObject({
  wire: z.literal(1),
  payloadSha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Base64 of the 32 bytes that the asset is enciphered with; left out: it is the payload as it is. */
  payloadKey: z
    .base64()
    .regex(/^.{43}=$/)
    .exactOptional(),
  signatures,
});
/** What the desired-state key holds. */
export const Envelope = z.union([InlineEnvelope, AssetEnvelope]);
export type Envelope = z.infer<typeof Envelope>;

/** A spec as superjson writes it: JSON, and what to make of which place in it. */
export const WireSpec = z.strictObject({
  json: z.unknown(),
  meta: z.strictObject({ values: z.unknown(), v: z.literal(1) }).optional(),
});
export type WireSpec = z.infer<typeof WireSpec>;

const ids = z.array(z.string().regex(SCORE_ID)).max(EDGES_LIMIT);

/** One Score on the wire. `requires` is the sender's claim, for people; the agent goes by its own class. */
export const WireScore = z.strictObject({
  kind: z.string().min(1).max(64),
  version: z.int().min(1),
  requires: z.array(z.string().min(1).max(64)).max(64),
  after: ids.default([]),
  restartOn: ids.default([]),
  spec: WireSpec,
  /** Left out where all of it is as by default, so that an agent that knows no policies reads what needs none. */
  policies: Policy.exactOptional(),
  /** By name, the secrets that the spec refers to, sealed for the device. Left out where there are none, for the same reason. */
  secrets: SealedSecrets.exactOptional(),
});
export type WireScore = z.infer<typeof WireScore>;

/** In characters. */
export const MESSAGE_LIMIT = 500;
/** Why a manifest is shipped, in its author's words: one line. */
export const Message = z
  .string()
  .min(1)
  .max(MESSAGE_LIMIT)
  .regex(/^\P{Cc}*$/u, "a message is one line, without control characters");

/** The signed text, parsed. Its Scores are decoded one by one, so that one bad one does not take the others with it. */
export const Payload = z.strictObject({
  agentId: AgentId,
  /** Set by the control plane; only ever rises. */
  generation: z.int().min(1),
  issuedAt: z.iso.datetime(),
  scores: z.record(z.string(), z.unknown()),
  /** Left out where nobody asked for it, as are the next: an agent that does not know one refuses the manifest that has it. */
  rollbackOnFailure: RollbackOnFailure.exactOptional(),
  /** What failed for good with the same content is tried again, once, for this generation. */
  retryFailed: z.literal(true).exactOptional(),
  /** Why it is shipped. Nothing of what the agent does depends on it. */
  message: Message.exactOptional(),
});
export type Payload = z.infer<typeof Payload>;

/** The fields of a payload that came after 0.1.0. An agent that takes them says so in its capabilities; one of before refuses all. */
export const LATER_FIELDS = ["message"] as const satisfies readonly (keyof Payload)[];
export type LaterField = (typeof LATER_FIELDS)[number];
