import * as z from "zod";
import { openEnvelope, type Opened } from "../wire/decode.ts";
import { type Envelope, Payload, PAYLOAD_LIMIT_BYTES } from "../wire/envelope.ts";
import type { AgentId } from "../wire/keys.ts";
import { openSealedPayload, SEAL_BYTES } from "../wire/sealed-payload.ts";
import { readDocument } from "../wire/status.ts";
import type { CallOptions, Found, Store, Unreachable } from "../wire/store.ts";

/** What an agent's desired-state key holds, as a control plane reads it: signatures are the agent's to judge. */
export type Desired =
  | {
      readonly _tag: "Desired";
      readonly generation: number;
      readonly issuedAt: string;
      readonly scoreIds: readonly string[];
      readonly revision: number;
    }
  /** Never written, or deleted. */
  | { readonly _tag: "None"; readonly revision: number }
  | { readonly _tag: "Unreadable"; readonly message: string; readonly revision: number };

export async function readDesired(store: Store, agentId: AgentId, call: CallOptions): Promise<Desired | Unreachable> {
  const found = await store.get("desired-state", agentId, call);
  return found._tag === "Unreachable" ? found : desiredIn(store, found, call);
}

/** The same of a key that was read already. */
export async function desiredIn(store: Store, found: Found, call: CallOptions): Promise<Desired | Unreachable> {
  const current = await currentIn(store, found, call);
  if (current._tag !== "Current") return current;
  const { generation, issuedAt, scores, revision } = current;
  return { _tag: "Desired", generation, issuedAt, scoreIds: Object.keys(scores), revision };
}

/** What a key holds, whole. Nothing of it has been held against anything. */
export interface CurrentPayload {
  readonly generation: number;
  readonly issuedAt: string;
  /** Why it was shipped, in its author's words. */
  readonly message: string | null;
  readonly scores: Readonly<Record<string, unknown>>;
  readonly payload: string;
  readonly signatures: Envelope["signatures"];
}
type Current =
  | ({ readonly _tag: "Current"; readonly revision: number } & CurrentPayload)
  | Exclude<Desired, { readonly _tag: "Desired" }>;

export async function currentIn(store: Store, found: Found, call: CallOptions): Promise<Current | Unreachable> {
  if (found._tag !== "Value") return { _tag: "None", revision: found._tag === "Deleted" ? found.revision : 0 };
  const { revision } = found;
  const unreadable = (message: string): Current => ({ _tag: "Unreadable", message, revision });
  const opened = openEnvelope(found.value);
  if (opened._tag === "Refused") return unreadable(opened.refusal.message);
  const payload = opened._tag === "Inline" ? inline(opened.payload) : await amongAssets(store, opened, call);
  if (payload._tag === "Unreachable") return payload;
  if (payload._tag !== "Value") return unreadable(`the payload is an asset that is ${payload._tag}`);
  const read = readDocument(z.looseObject(Payload.shape), payload.value);
  if (read._tag === "Unreadable") return unreadable(`the payload: ${read.message}`);
  const { generation, issuedAt, scores, message = null } = read.document;
  const text = new TextDecoder().decode(payload.value);
  return {
    _tag: "Current",
    generation,
    issuedAt,
    message,
    scores,
    payload: text,
    signatures: opened.signatures,
    revision,
  };
}

async function amongAssets(
  store: Store,
  { sha256, key }: Extract<Opened, { readonly _tag: "Asset" }>,
  call: CallOptions,
) {
  const limit = PAYLOAD_LIMIT_BYTES + (key === undefined ? 0 : SEAL_BYTES);
  const asset = await store.getAsset(sha256, { ...call, limit });
  if (asset._tag !== "Value" || key === undefined) return asset;
  const value = openSealedPayload(asset.value, key);
  return value === null ? ({ _tag: "Corrupt" } as const) : { ...asset, value };
}

const inline = (payload: string): { readonly _tag: "Value"; readonly value: Uint8Array } => ({
  _tag: "Value",
  value: new TextEncoder().encode(payload),
});
