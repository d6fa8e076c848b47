import type { KeyObject } from "node:crypto";
import type { AnyScore } from "../scores/score.ts";
import { lacks, lackSentence } from "../topology/lacks.ts";
import type { Policy } from "../topology/policies.ts";
import type { Manifest } from "../topology/manifest.ts";
import { type Envelope, type Payload, PAYLOAD_LIMIT_BYTES, type WireScore } from "./envelope.ts";
import type { AgentId } from "./keys.ts";
import type { SealedForAll } from "./secrets/sealed.ts";
import { sign } from "./signature.ts";
import { encodeSpec } from "./spec-codec.ts";

export interface EncodeOptions {
  readonly agentId: AgentId;
  readonly generation: number;
  readonly issuedAt: Date;
  /** Whether what failed for good with the same content is tried again. Default: not. */
  readonly retryFailed?: boolean | undefined;
  /** Why it is shipped, one line of at most 500 characters. Default: nothing is said. */
  readonly message?: string | undefined;
  /** By name, sealed for the device. Each Score takes those with it that its spec refers to. */
  readonly secrets?: SecretsToSend | undefined;
  /** Signs with these; none: unsigned, for agents that have no keys configured. */
  readonly signers?: readonly { readonly key: string; readonly privateKey: KeyObject }[];
}

export type SecretsToSend = ReadonlyMap<string, SealedForAll>;

/** What is sent: the exact text of the payload, and its signatures. `envelopeOf` makes the bytes for the key of it. */
export type Encoded =
  | {
      readonly _tag: "Encoded";
      readonly payload: string;
      readonly signatures: Envelope["signatures"];
      readonly scores: Readonly<Record<string, WireScore>>;
    }
  | { readonly _tag: "TooLarge"; readonly bytes: number; readonly limit: number }
  /** The second gate: the sentences say which Score requires what. */
  | { readonly _tag: "Lacking"; readonly sentences: readonly string[] };

/** Refuses what the manifest's own topology lacks, also where the compiler was got around. */
export function encode(
  manifest: Manifest,
  { agentId, generation, issuedAt, retryFailed = false, message, secrets, signers = [] }: EncodeOptions,
): Encoded {
  const sentences = Object.values(manifest.scores).flatMap((score) =>
    lacks(score, manifest.topology).map(lackSentence),
  );
  if (sentences.length > 0) return { _tag: "Lacking", sentences };
  const scores = encodeScores(manifest, secrets);
  const payload = JSON.stringify({
    agentId,
    generation,
    issuedAt: issuedAt.toISOString(),
    scores,
    ...(manifest.rollbackOnFailure !== null && { rollbackOnFailure: manifest.rollbackOnFailure }),
    ...(retryFailed && { retryFailed: true as const }),
    ...(message !== undefined && { message }),
  } satisfies Payload);
  const bytes = Buffer.byteLength(payload);
  if (bytes > PAYLOAD_LIMIT_BYTES) return { _tag: "TooLarge", bytes, limit: PAYLOAD_LIMIT_BYTES };
  const signatures = signers.map(({ key, privateKey }) => sign(payload, key, privateKey));
  return { _tag: "Encoded", payload, signatures, scores };
}

/** All Scores of a manifest, as they travel. */
export const encodeScores = (
  { scores, after, restartOn, policies }: Manifest,
  secrets?: SecretsToSend,
): Readonly<Record<string, WireScore>> =>
  Object.fromEntries(
    Object.entries(scores).map(([id, score]) => [
      id,
      encodeScore(score, after[id] ?? [], restartOn[id] ?? [], policies[id], secrets),
    ]),
  );

export const encodeScore = (
  score: AnyScore,
  after: readonly string[] = [],
  restartOn: readonly string[] = [],
  policies?: Policy,
  secrets: SecretsToSend = new Map(),
): WireScore => {
  const own = score.bind().secrets.flatMap((name) => {
    const sealed = secrets.get(name);
    return sealed === undefined ? [] : [[name, sealed] as const];
  });
  return {
    kind: score.kind,
    version: score.version,
    requires: score.requires.map(({ name }) => name),
    after: [...after],
    restartOn: [...restartOn],
    spec: encodeSpec(score.spec),
    ...(policies !== undefined && { policies }),
    ...(own.length > 0 && { secrets: Object.fromEntries(own) }),
  };
};

/** The bytes of the key, with the payload inline. */
export const inlineEnvelope = (payload: string, signatures: Envelope["signatures"]): Uint8Array =>
  Buffer.from(JSON.stringify({ wire: 1, payload, signatures } satisfies Envelope));

/** The bytes of the key, for a payload that lies in the assets under this hash, enciphered with `payloadKey` if that is given. */
export const assetEnvelope = (
  payloadSha256: string,
  signatures: Envelope["signatures"],
  payloadKey?: string,
): Uint8Array => {
  const sealed = payloadKey === undefined ? {} : { payloadKey };
  return Buffer.from(JSON.stringify({ wire: 1, payloadSha256, ...sealed, signatures } satisfies Envelope));
};
