import { createPublicKey, type KeyObject } from "node:crypto";
import type { Signature } from "./envelope.ts";
import { isSigned } from "./signature.ts";

/** A key that somebody signs with, and the name that it goes by. */
export interface Signer {
  readonly key: string;
  readonly privateKey: KeyObject;
}

/** Whether it is signed by one of these. */
export const isSignedByOne = (payload: string, signatures: readonly Signature[], signers: readonly Signer[]): boolean =>
  isSigned(payload, signatures, new Map(signers.map(({ key, privateKey }) => [key, createPublicKey(privateKey)])));
