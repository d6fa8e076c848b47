import { verify } from "node:crypto";
import type { Signature } from "./envelope.ts";
import type { TrustedKeys } from "./signature.ts";

/** The names of the trusted keys whose signatures fit exactly this payload, in order of their names. */
export function signedBy(payload: string, signatures: readonly Signature[], trusted: TrustedKeys): readonly string[] {
  const bytes = Buffer.from(payload, "utf8");
  const fits = signatures.filter(({ key, sig }) => {
    const publicKey = trusted.get(key);
    return publicKey !== undefined && verify(null, bytes, publicKey, Buffer.from(sig, "base64"));
  });
  return [...new Set(fits.map(({ key }) => key))].toSorted();
}
