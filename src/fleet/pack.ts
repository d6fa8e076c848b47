import type { Manifest } from "../topology/manifest.ts";
import { digestOf } from "../wire/digest.ts";
import { assetEnvelope, encode, type EncodeOptions, inlineEnvelope } from "../wire/encode.ts";
import type { Envelope } from "../wire/envelope.ts";
import { sealPayload } from "../wire/sealed-payload.ts";
import type { AgentId } from "../wire/keys.ts";
import type { CallOptions, Store, Unreachable } from "../wire/store.ts";
import type { NotShipped } from "./result.ts";

export type Signers = NonNullable<EncodeOptions["signers"]>;

export interface Packed {
  readonly _tag: "Packed";
  readonly envelope: Uint8Array;
  readonly generation: number;
  /** Of the payload. */
  readonly bytes: number;
  readonly asAsset: boolean;
  /** By Score id, as the agent will tell them. */
  readonly digests: ReadonlyMap<string, string>;
}

export interface ToPack {
  readonly manifest: Manifest;
  readonly agentId: AgentId;
  readonly signers: Signers;
  readonly retryFailed?: boolean | undefined;
  readonly message?: string | undefined;
  readonly secrets?: EncodeOptions["secrets"];
  readonly generation: number;
  readonly issuedAt: Date;
}

/** The bytes that go to the agent: with the payload inline where the server takes that, else with it as an asset. */
export async function pack(
  store: Store,
  { manifest, ...options }: ToPack,
  call: CallOptions,
): Promise<Packed | Extract<NotShipped, { readonly _tag: "Lacking" | "TooLarge" }> | Unreachable> {
  const encoded = encode(manifest, options);
  if (encoded._tag === "TooLarge") return encoded;
  if (encoded._tag === "Lacking") return { _tag: "Lacking", objections: encoded.sentences.map(asObjection) };
  const { payload, signatures, scores } = encoded;
  const digests = new Map(Object.entries(scores).map(([id, score]) => [id, digestOf(score)]));
  const placed = await place(store, payload, signatures, call);
  return placed._tag === "Packed" ? { ...placed, generation: options.generation, digests } : placed;
}

/** The envelope of a payload, which lies among the assets where the server does not take it at that size. */
export async function place(
  store: Store,
  payload: string,
  signatures: Envelope["signatures"],
  call: CallOptions,
): Promise<Omit<Packed, "generation" | "digests"> | Unreachable> {
  const bytes = new TextEncoder().encode(payload);
  const packed = { _tag: "Packed", bytes: bytes.length } as const;
  const envelope = inlineEnvelope(payload, signatures);
  if (envelope.length <= store.maxPayload()) return { ...packed, envelope, asAsset: false };
  const { sealed, key } = sealPayload(bytes);
  const asset = await store.putAsset(sealed, call);
  if (asset._tag === "Unreachable") return asset;
  return { ...packed, envelope: assetEnvelope(asset.sha256, signatures, key), asAsset: true };
}

const asObjection = (sentence: string) =>
  ({
    rule: "MissingCapability",
    severity: "error",
    scoreId: null,
    kind: null,
    capability: null,
    target: null,
    sentence,
  }) as const;
