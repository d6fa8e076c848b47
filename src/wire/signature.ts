import { createPublicKey, type KeyObject, sign as signBytes, verify as verifyBytes } from "node:crypto";
import type { Authors, TrustedKey } from "./authors.ts";
import type { Signature } from "./envelope.ts";

/** Public keys (Ed25519) without an end whose signature an agent accepts, by name. */
export type TrustedKeys = ReadonlyMap<string, KeyObject>;

/** Whom a gate believes. With neither a key nor authors, signatures are not asked for. */
export interface Trust {
  readonly trustedKeys: TrustedKeys;
  /** Undefined: the device has no file of authors. One without anybody in it trusts nobody. */
  readonly authors?: Authors | undefined;
}

export const SIGNATURE_REFUSALS = [
  /** There is no signature at all. */
  "Unsigned",
  /** None is under the name of a key that the device trusts. */
  "UnknownKey",
  /** One is under a trusted name, and does not fit: the text or the signature was changed, or another key signed. */
  "BadSignature",
  /** One fits, by a key that had not begun when the manifest says that it was issued. */
  "KeyNotYetValid",
  /** One fits, by a key that has ended. */
  "KeyExpired",
] as const;

export interface SignatureRefusal {
  readonly reason: (typeof SIGNATURE_REFUSALS)[number];
  readonly message: string;
}

export const sign = (payload: string, key: string, privateKey: KeyObject): Signature => ({
  key,
  sig: signBytes(null, Buffer.from(payload, "utf8"), privateKey).toString("base64"),
});

/** Whether this very key made the signature. */
export const isOwnSignature = (payload: string, { sig }: Signature, privateKey: KeyObject): boolean =>
  verifyBytes(null, Buffer.from(payload, "utf8"), createPublicKey(privateKey), Buffer.from(sig, "base64"));

/** The keys that signed, among those that are trusted; when they are good is not looked at yet. */
export type Fitting =
  | { readonly _tag: "NotAsked" }
  | { readonly _tag: "Fitting"; readonly keys: readonly TrustedKey[] }
  | ({ readonly _tag: "Refused" } & SignatureRefusal);

/** Which trusted keys signed exactly this text. It may be anything: nothing of it is read. */
export function fitting(payload: string, signatures: readonly Signature[], trust: Trust): Fitting {
  const keys = keysOf(trust);
  if (keys === null) return { _tag: "NotAsked" };
  const no = (reason: SignatureRefusal["reason"], message: string): Fitting => ({ _tag: "Refused", reason, message });
  const known = keys.length === 0 ? nobody(trust) : `it trusts ${listed(keys.map(({ name }) => name))}`;
  if (signatures.length === 0) return no("Unsigned", `there is no signature, and this agent asks for one: ${known}`);
  const bytes = Buffer.from(payload, "utf8");
  const tried = signatures.flatMap(({ key, sig }) => {
    const signature = Buffer.from(sig, "base64");
    return keys
      .filter(({ name }) => name === key)
      .map((each) => ({ each, fits: verifyBytes(null, bytes, each.publicKey, signature) }));
  });
  const fit = tried.flatMap(({ each, fits }) => (fits ? [each] : []));
  if (fit.length > 0) return { _tag: "Fitting", keys: [...new Set(fit)] };
  if (tried.length > 0) {
    const names = listed(tried.map(({ each }) => each.name));
    return no("BadSignature", `no signature fits the payload, although there is one under the name of ${names}`);
  }
  const strangers = listed(signatures.map(({ key }) => key));
  return no("UnknownKey", `signed by ${strangers}, and by no key that this agent trusts: ${known}`);
}

export type Signers =
  | { readonly _tag: "Signers"; readonly authors: readonly string[] }
  | ({ readonly _tag: "Refused" } & SignatureRefusal);

/**
 * The authors whose keys are good for a manifest that was issued then. A key begins by `issuedAt` alone, and ends by the later
 * one of that and of the device's clock: a clock that is behind, as that of a board without a battery, refuses nothing good.
 */
export function signers(
  keys: readonly TrustedKey[],
  { issuedAt, now }: { readonly issuedAt: Date; readonly now: Date | null },
  trust: Trust,
): Signers {
  const at = Math.max(issuedAt.getTime(), now?.getTime() ?? -Infinity);
  const good = keys.filter(({ notBefore, notAfter }) => notBefore <= issuedAt.getTime() && at <= notAfter);
  if (good.length > 0) return { _tag: "Signers", authors: [...new Set(good.map((key) => authorOf(key, trust)))] };
  const told = (key: TrustedKey): string =>
    at > key.notAfter
      ? `the key of ${key.name} ended at ${time(key.notAfter)}`
      : `the key of ${key.name} begins at ${time(key.notBefore)}`;
  const reason = keys.some(({ notAfter }) => at > notAfter) ? "KeyExpired" : "KeyNotYetValid";
  const clock = now === null ? "" : `, the clock here is at ${now.toISOString()}`;
  const message = `${keys.map(told).join("; ")}; the manifest was issued at ${issuedAt.toISOString()}${clock}`;
  return { _tag: "Refused", reason, message };
}

/** One key under two names is one author, and so are two keys under one name. */
const authorOf = ({ publicKey, name }: TrustedKey, trust: Trust): string =>
  keysOf(trust)?.find((each) => each.publicKey.equals(publicKey))?.name ?? name;

/** Null: signatures are not asked for. */
function keysOf({ trustedKeys, authors }: Trust): readonly TrustedKey[] | null {
  if (trustedKeys.size === 0 && authors === undefined) return null;
  const endless = [...trustedKeys].map(([name, publicKey]) => ({
    name,
    publicKey,
    notBefore: -Infinity,
    notAfter: Infinity,
  }));
  return [...endless, ...(authors?.unreadable === null ? authors.keys : [])];
}

function nobody({ authors }: Trust): string {
  const why = authors?.unreadable ?? null;
  return why === null ? "it trusts nobody" : `whom it trusts cannot be read: ${why}`;
}

const listed = (names: readonly string[]): string => {
  const each = [...new Set(names)];
  return each.length <= 8 ? each.join(", ") : `${each.slice(0, 8).join(", ")} and ${each.length - 8} more`;
};

const time = (ms: number): string => new Date(ms).toISOString();
