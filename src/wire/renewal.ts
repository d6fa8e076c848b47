import * as z from "zod";
import type { AgentId } from "./keys.ts";
import { isSignedBy, signWith, UserKey } from "./nats/nkey.ts";
import { safeParse } from "./safe-parse.ts";

/** How the key of an agent is renewed: what is asked on `fleet.renew.<id>`, what is answered, and what is signed. */

const Signed = z.string().regex(/^[A-Za-z0-9+/]{86}==$/, "an Ed25519 signature in base64");
const Challenge = z.string().regex(/^[A-Za-z0-9_-]{22,64}$/);

/** `look` asks how the key stands, and for a challenge. The others are signed over it, so that none can be said again. */
export const RenewalRequest = z.discriminatedUnion("ask", [
  z.strictObject({ ask: z.literal("look") }),
  /** Let `to` in beside `from`. Signed by both: the one is the agent's, and whoever asks has the other one. */
  z.strictObject({
    ask: z.literal("renew"),
    from: UserKey,
    to: UserKey,
    challenge: Challenge,
    signatures: z.strictObject({ from: Signed, to: Signed }),
  }),
  /** The new key works and is kept on the device: the former one ends. Signed by the new one. */
  z.strictObject({ ask: z.literal("confirm"), key: UserKey, challenge: Challenge, signature: Signed }),
]);
export type RenewalRequest = z.infer<typeof RenewalRequest>;

export const RenewalReply = z.discriminatedUnion("_tag", [
  /** All times are the server's, ISO 8601: a device's own clock decides nothing. */
  z.object({
    _tag: z.literal("Standing"),
    key: UserKey,
    /** Let in beside it, and not confirmed yet. */
    next: UserKey.nullable(),
    /** When the life of `key` began, and when it ends; null: it has no end, and is not renewed. */
    since: z.iso.datetime(),
    notAfter: z.iso.datetime().nullable(),
    now: z.iso.datetime(),
    /** For the next request of this agent, within a minute. */
    challenge: Challenge,
  }),
  z.object({
    _tag: z.literal("Refused"),
    /**
     * `NotIn`: no such agent, or not this key. `Stale`: the challenge is not the last one. `TooEarly`: less than half of the
     * life is over, or another key was let in just now. `Taken`: the new key is somebody's already. `Failed`: the server
     * could not be told; ask again.
     */
    reason: z.enum(["Malformed", "NotIn", "Stale", "BadSignature", "TooEarly", "Taken", "NoEnd", "Failed"]),
    message: z.string(),
  }),
]);
export type RenewalReply = z.infer<typeof RenewalReply>;
export type Standing = Extract<RenewalReply, { readonly _tag: "Standing" }>;
export type RenewalRefusal = Extract<RenewalReply, { readonly _tag: "Refused" }>;

const LIMIT_BYTES = 4096;

/** Null where the bytes are not one of the schema's. */
export function readRenewal<T>(schema: z.ZodType<T>, bytes: Uint8Array): T | null {
  if (bytes.length > LIMIT_BYTES) return null;
  try {
    return safeParse(schema, JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))).data ?? null;
  } catch {
    return null;
  }
}

export const writeRenewal = (document: RenewalRequest | RenewalReply): Uint8Array =>
  new TextEncoder().encode(JSON.stringify(document));

// The first words keep a signature from meaning anything elsewhere, such as in the server's own handshake.
const renewText = (id: AgentId, from: UserKey, to: UserKey, challenge: string): string =>
  `harmony-edge renew 1\n${id}\n${from}\n${to}\n${challenge}`;
const confirmText = (id: AgentId, key: UserKey, challenge: string): string =>
  `harmony-edge confirm 1\n${id}\n${key}\n${challenge}`;

interface Pair {
  readonly publicKey: UserKey;
  readonly seed: string;
}

export function askToRenew(id: AgentId, from: Pair, to: Pair, challenge: string): RenewalRequest {
  const text = renewText(id, from.publicKey, to.publicKey, challenge);
  const signatures = { from: signWith(from.seed, text), to: signWith(to.seed, text) };
  return { ask: "renew", from: from.publicKey, to: to.publicKey, challenge, signatures };
}

export function askToConfirm(id: AgentId, { publicKey: key, seed }: Pair, challenge: string): RenewalRequest {
  return { ask: "confirm", key, challenge, signature: signWith(seed, confirmText(id, key, challenge)) };
}

/** Whether the request is signed by every key that it names, for this agent. */
export function isGenuine(id: AgentId, request: Exclude<RenewalRequest, { readonly ask: "look" }>): boolean {
  if (request.ask === "confirm") {
    const { key, challenge, signature } = request;
    return isSignedBy(key, confirmText(id, key, challenge), signature);
  }
  const { from, to, challenge, signatures } = request;
  const text = renewText(id, from, to, challenge);
  return isSignedBy(from, text, signatures.from) && isSignedBy(to, text, signatures.to);
}
