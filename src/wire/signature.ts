import { type KeyObject, sign as signBytes, verify as verifyBytes } from "node:crypto";
import type { Signature } from "./envelope.ts";

/** The public keys (Ed25519) whose signature an agent accepts, by name. Empty: signatures are not asked for. */
export type TrustedKeys = ReadonlyMap<string, KeyObject>;

export const sign = (payload: string, key: string, privateKey: KeyObject): Signature => ({
  key,
  sig: signBytes(null, Buffer.from(payload, "utf8"), privateKey).toString("base64"),
});

/** Whether at least one signature is by a trusted key over exactly this payload. */
export const isSigned = (payload: string, signatures: readonly Signature[], trusted: TrustedKeys): boolean =>
  signatures.some(({ key, sig }) => {
    const publicKey = trusted.get(key);
    return (
      publicKey !== undefined && verifyBytes(null, Buffer.from(payload, "utf8"), publicKey, Buffer.from(sig, "base64"))
    );
  });
