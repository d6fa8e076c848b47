import { createPublicKey, type KeyObject } from "node:crypto";
import type { Signature } from "./envelope.ts";
import { fitting } from "./signature.ts";

/** A key that somebody signs with, and the name that it goes by. */
export interface Signer {
  readonly key: string;
  readonly privateKey: KeyObject;
}

/** Whether it is signed by one of these. */
export function isSignedByOne(payload: string, signatures: readonly Signature[], signers: readonly Signer[]): boolean {
  const trustedKeys = new Map(signers.map(({ key, privateKey }) => [key, createPublicKey(privateKey)]));
  return fitting(payload, signatures, { trustedKeys })._tag === "Fitting";
}
