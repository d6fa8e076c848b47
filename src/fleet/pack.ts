import type { Manifest } from "../topology/manifest.ts";
import { digestOf } from "../wire/digest.ts";
import { assetEnvelope, encode, type EncodeOptions, inlineEnvelope } from "../wire/encode.ts";
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
  const bytes = new TextEncoder().encode(payload);
  const digests = new Map(Object.entries(scores).map(([id, score]) => [id, digestOf(score)]));
  const packed = { _tag: "Packed", generation: options.generation, bytes: bytes.length, digests } as const;
  const envelope = inlineEnvelope(payload, signatures);
  if (envelope.length <= store.maxPayload()) return { ...packed, envelope, asAsset: false };
  const asset = await store.putAsset(bytes, call);
  if (asset._tag === "Unreachable") return asset;
  return { ...packed, envelope: assetEnvelope(asset.sha256, signatures), asAsset: true };
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
