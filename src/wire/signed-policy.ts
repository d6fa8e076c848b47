import { type KeyObject, sign, verify } from "node:crypto";
import * as z from "zod";
import { DevicePolicy } from "./device-policy.ts";
import { AgentId } from "./keys.ts";
import { measure, scan } from "./scan.ts";
import { safeParse } from "./safe-parse.ts";

/** What a signed policy says, and for whom. */
export const PolicyStatement = z.strictObject({
  /** The agent that it is for, or `*`: every agent that trusts its key. */
  agent: z.union([AgentId, z.literal("*")]),
  /** Only rises: an agent that has taken one takes none with a lower number, from whoever it comes. */
  serial: z.int().min(1),
  issuedAt: z.iso.datetime(),
  /** Not taken any more after this. One that was taken holds on until another one comes: time makes nothing looser. */
  notAfter: z.iso.datetime().exactOptional(),
  rules: DevicePolicy,
});
export type PolicyStatement = z.infer<typeof PolicyStatement>;

/** A policy that is worth as much wherever it comes from: the exact text of its statement, and who signed it. */
export const SignedPolicy = z.strictObject({
  policy: z.literal(1),
  payload: z.string().max(256 * 1024),
  /** Ed25519 in base64; `key` names a public key that the agent was given with `--policy-key`. */
  signatures: z
    .array(z.strictObject({ key: z.string().min(1).max(128), sig: z.base64().max(128) }))
    .min(1)
    .max(16),
});
export type SignedPolicy = z.infer<typeof SignedPolicy>;

/** By name. */
export type PolicyKeys = ReadonlyMap<string, KeyObject>;

export interface TakenPolicy {
  readonly statement: PolicyStatement;
  /** Whose signature fits. */
  readonly key: string;
  /** The exact bytes. */
  readonly bytes: Uint8Array;
}

/**
 * `Malformed`: no signed policy. `BadSignature`: by none of the keys. `WrongAgent`: for another one. `StaleSerial`: lower
 * than the one in force, or the same with another text. `Expired`: its time to be taken is over.
 */
export const POLICY_REFUSALS = ["Malformed", "BadSignature", "WrongAgent", "StaleSerial", "Expired"] as const;
export interface PolicyRefusal {
  readonly reason: (typeof POLICY_REFUSALS)[number];
  readonly message: string;
}

export type ReadSigned =
  | { readonly _tag: "Taken"; readonly policy: TakenPolicy }
  | { readonly _tag: "Refused"; readonly refusal: PolicyRefusal };

export const SIGNED_LIMIT_BYTES = 512 * 1024;
const OUTER = { depth: 4, values: 64 };
const INNER = { depth: 10, values: 4096 };

// The first line keeps what is signed from being anything else: a manifest's signature makes no policy, and none of these
// makes a manifest.
const signedText = (payload: string): Buffer => Buffer.from(`harmony-edge policy 1\n${payload}`, "utf8");

export function signPolicy(
  statement: PolicyStatement,
  signers: readonly { readonly key: string; readonly privateKey: KeyObject }[],
): SignedPolicy {
  const payload = JSON.stringify(statement);
  const text = signedText(payload);
  const signatures = signers.map(({ key, privateKey }) => ({
    key,
    sig: sign(null, text, privateKey).toString("base64"),
  }));
  return { policy: 1, payload, signatures };
}

/** Reads and judges one. Never throws. `before`: the one in force. `now` null: one that was taken before is read again. */
export function readSignedPolicy(
  bytes: Uint8Array,
  by: {
    readonly keys: PolicyKeys;
    readonly agentId: AgentId | null;
    readonly before: TakenPolicy | null;
    readonly now: Date | null;
  },
): ReadSigned {
  const document = parse(SignedPolicy, bytes, OUTER);
  if ("message" in document) return refused("Malformed", document.message);
  const { payload, signatures } = document.value;
  const text = signedText(payload);
  const signed = signatures.find(({ key, sig }) => {
    const publicKey = by.keys.get(key);
    return publicKey !== undefined && verify(null, text, publicKey, Buffer.from(sig, "base64"));
  });
  if (signed === undefined) {
    return refused(
      "BadSignature",
      `no signature by a policy key of this agent (${[...by.keys.keys()].join(", ")}) fits`,
    );
  }
  const read = parse(PolicyStatement, Buffer.from(payload), INNER);
  if ("message" in read) return refused("Malformed", read.message);
  const { agent, serial, notAfter } = read.value;
  if (agent !== "*" && by.agentId !== null && agent !== by.agentId) {
    return refused("WrongAgent", `the policy is for agent "${agent}", this is "${by.agentId}"`);
  }
  const policy: TakenPolicy = { statement: read.value, key: signed.key, bytes };
  if (by.before !== null) {
    if (sameBytes(by.before.bytes, bytes)) return { _tag: "Taken", policy: by.before };
    const last = by.before.statement.serial;
    if (serial <= last) return refused("StaleSerial", `serial ${serial}, and serial ${last} is in force`);
  }
  if (by.now !== null && notAfter !== undefined && Date.parse(notAfter) < by.now.getTime()) {
    return refused("Expired", `it was to be taken until ${notAfter}`);
  }
  return { _tag: "Taken", policy };
}

/** How the gates call it. */
export const nameOf = ({ key, statement }: TakenPolicy): string => `signed by ${key}, serial ${statement.serial}`;

const refused = (reason: PolicyRefusal["reason"], message: string): ReadSigned => ({
  _tag: "Refused",
  refusal: { reason, message: message.slice(0, 1000) },
});

const sameBytes = (one: Uint8Array, other: Uint8Array): boolean => Buffer.from(one).equals(other);

function parse<T>(
  schema: z.ZodType<T>,
  bytes: Uint8Array,
  limits: Parameters<typeof measure>[1],
): { readonly value: T } | { readonly message: string } {
  if (bytes.length > SIGNED_LIMIT_BYTES) return { message: `${bytes.length} bytes, at most ${SIGNED_LIMIT_BYTES}` };
  const unbounded = measure(bytes, limits);
  if (unbounded !== null) return { message: unbounded };
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    const wrong = scan(value);
    if (wrong !== null) return { message: wrong };
    const read = safeParse(schema, value);
    return read.success ? { value: read.data } : { message: z.prettifyError(read.error) };
  } catch (error) {
    return { message: `not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}
