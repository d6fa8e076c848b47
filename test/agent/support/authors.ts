import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Authors } from "../../../src/wire/authors.ts";
import { inlineEnvelope } from "../../../src/wire/encode.ts";
import { sign } from "../../../src/wire/signature.ts";
import { payloadOf, type Wanted } from "./manifests.ts";

/** Somebody who signs. */
export class Author {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly times: { readonly notBefore?: string; readonly notAfter?: string };

  constructor(name: string, times: Author["times"] = {}) {
    this.name = name;
    this.times = times;
    ({ publicKey: this.publicKey, privateKey: this.privateKey } = generateKeyPairSync("ed25519"));
  }
  signs = (payload: string): ReturnType<typeof sign> => sign(payload, this.name, this.privateKey);
}

/** The bytes of the key, signed by these. */
export function signedBy(authors: readonly Author[], wanted: Wanted | string): Uint8Array {
  const payload = typeof wanted === "string" ? wanted : payloadOf(wanted);
  return inlineEnvelope(
    payload,
    authors.map((each) => each.signs(payload)),
  );
}

/** The text of a file for `--authors`. */
export const authorsText = (...authors: readonly Author[]): string =>
  JSON.stringify({
    authors: authors.map(({ name, publicKey, times }) => ({
      name,
      publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
      ...times,
    })),
  });

/** As an agent has read them. */
export const trusting = (...authors: readonly Author[]): Authors => ({
  keys: authors.map(({ name, publicKey, times: { notBefore, notAfter } }) => ({
    name,
    publicKey,
    notBefore: notBefore === undefined ? -Infinity : Date.parse(notBefore),
    notAfter: notAfter === undefined ? Infinity : Date.parse(notAfter),
  })),
  unreadable: null,
});
