import { createHash } from "node:crypto";
import * as z from "zod";
import { SECRET_LIMIT_BYTES, SecretName } from "../../scores/secret.ts";
import type { AgentId } from "../keys.ts";
import { type KeyPair, open, publicKeyOf, rawPublic, seal } from "./hpke.ts";

/** The most secrets that one Score may refer to, and the most keys that one of them is sealed for. */
export const SECRETS_LIMIT = 64;
const KEYS_LIMIT = 4;
/** In characters of base64, with the tag of the cipher. */
const SEALED_LIMIT = Math.ceil((SECRET_LIMIT_BYTES + 16) / 3) * 4;

/** The public half of a key that a device opens secrets with (X25519): its 32 bytes in base64url, 43 characters. */
export const SealingKey = z
  .string()
  .regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, "a sealing key is 32 bytes in base64url: 43 characters");
export type SealingKey = z.infer<typeof SealingKey>;

/** Names a sealing key: the first 16 bytes of its SHA-256, in hexadecimal. */
export const KeyId = z.string().regex(/^[0-9a-f]{32}$/, "the id of a key is 32 hexadecimal digits");
export type KeyId = z.infer<typeof KeyId>;

/** A secret as it travels, for one key: HPKE (RFC 9180) in base mode. What is bound into it is not in it. */
export const Sealed = z.strictObject({
  key: KeyId,
  /** The encapsulation, 32 bytes in base64. */
  enc: z.base64().length(44),
  /** In base64. */
  sealed: z.base64().min(24).max(SEALED_LIMIT),
});
export type Sealed = z.infer<typeof Sealed>;

/** The same secret, sealed for each of a device's keys. */
export const SealedForAll = z.array(Sealed).min(1).max(KEYS_LIMIT);
export type SealedForAll = z.infer<typeof SealedForAll>;

export const SealedSecrets = z
  .record(SecretName, SealedForAll)
  .refine((all) => Object.keys(all).length <= SECRETS_LIMIT, `at most ${SECRETS_LIMIT} secrets`);
export type SealedSecrets = z.infer<typeof SealedSecrets>;

/** What one is about: it can be opened for nothing else. */
export interface About {
  readonly agentId: AgentId;
  readonly name: string;
}

const INFO = Buffer.from("harmony-edge secret 1");
const boundTo = ({ agentId, name }: About) => ({ info: INFO, aad: Buffer.from(JSON.stringify([agentId, name])) });

export const keyIdOf = (key: SealingKey): KeyId =>
  createHash("sha256").update(Buffer.from(key, "base64url")).digest("hex").slice(0, 32);

export const sealingKeyOf = ({ publicKey }: Pick<KeyPair, "publicKey">): SealingKey =>
  rawPublic(publicKey).toString("base64url");

/** Seals it for each of these keys; 1 to 4 of them. The bytes are at most {@link SECRET_LIMIT_BYTES}, and one at least. */
export const sealFor = (bytes: Uint8Array, keys: readonly SealingKey[], about: About): SealedForAll =>
  keys.map((key) => {
    const { enc, ciphertext } = seal(bytes, publicKeyOf(Buffer.from(key, "base64url")), boundTo(about));
    return {
      key: keyIdOf(key),
      enc: Buffer.from(enc).toString("base64"),
      sealed: Buffer.from(ciphertext).toString("base64"),
    };
  });

export type Unsealed =
  /** Whoever gets the bytes wipes them. */
  | { readonly _tag: "Opened"; readonly bytes: Buffer }
  /** It is sealed for other keys. */
  | { readonly _tag: "NotForThisDevice" }
  /** It says that it is for one of these keys, and it is not, or not under this name or for this agent. */
  | { readonly _tag: "Damaged" };

/** By key id. */
export type OwnKeys = ReadonlyMap<KeyId, KeyPair>;

export function unseal(sealed: SealedForAll, own: OwnKeys, about: About): Unsealed {
  let isOwn = false;
  for (const { key, enc, sealed: ciphertext } of sealed) {
    const pair = own.get(key);
    if (pair === undefined) continue;
    isOwn = true;
    const box = { enc: Buffer.from(enc, "base64"), ciphertext: Buffer.from(ciphertext, "base64") };
    const bytes = open(box, pair, boundTo(about));
    if (bytes !== null) return { _tag: "Opened", bytes };
  }
  return { _tag: isOwn ? "Damaged" : "NotForThisDevice" };
}

/** Tells one sealing of a secret from another, and nothing of the secret. */
export const versionOf = (sealed: SealedForAll | undefined): string =>
  createHash("sha256")
    .update(JSON.stringify(sealed ?? null))
    .digest("hex")
    .slice(0, 16);
