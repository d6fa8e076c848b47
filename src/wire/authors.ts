import { createPublicKey, type KeyObject } from "node:crypto";
import * as z from "zod";
import { readOwnerFile } from "./owner-file.ts";

const Moment = z.iso.datetime({ offset: true });

/** A key that may sign manifests. Several with one name are keys of one author, who counts once. */
export const AuthorKey = z.strictObject({
  /** The author, as `--sign NAME=KEY` calls it: 1 to 128 characters. */
  name: z.string().regex(/^[^\p{Cc}=]{1,128}$/u, 'a name is 1 to 128 characters without "="'),
  /** Ed25519: PEM, or base64 of what stands in it or of the bare 32 bytes. */
  publicKey: z.string().max(1024),
  /** What it signed as issued before this moment is not taken. Left out: from ever. */
  notBefore: Moment.exactOptional(),
  /** What it signed as issued after this moment is not taken, nor anything new once the device's clock is past it. Left out: for ever. */
  notAfter: Moment.exactOptional(),
});

/** Whose manifests a device takes: the file of `harmony agent run --authors FILE`. An empty list trusts nobody. */
export const AuthorsFile = z.strictObject({ authors: z.array(AuthorKey).max(64) });
export type AuthorsFile = z.infer<typeof AuthorsFile>;

/** A key of an author, with when it is good, in milliseconds since 1970. */
export interface TrustedKey {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The authors that a device trusts, as its file says now. */
export interface Authors {
  readonly keys: readonly TrustedKey[];
  /** Why the file cannot be read; nobody in it is trusted then. Null where it can be. */
  readonly unreadable: string | null;
}

export type ReadAuthors =
  | { readonly _tag: "Authors"; readonly keys: readonly TrustedKey[] }
  | { readonly _tag: "Unusable"; readonly message: string };

/** Each costs a hostile envelope's signatures one try more. */
const KEYS_OF_ONE_AUTHOR = 4;

/** Reads the file of the authors. Never throws; the message says what is wrong where. */
export function readAuthors(bytes: Uint8Array): ReadAuthors {
  const no = (message: string): ReadAuthors => ({ _tag: "Unusable", message });
  const read = readOwnerFile(AuthorsFile, bytes);
  if (read._tag === "Unusable") return read;
  const keys: TrustedKey[] = [];
  for (const [at, { name, publicKey, notBefore, notAfter }] of read.value.authors.entries()) {
    const key = publicKeyIn(publicKey);
    if (key === null) return no(`authors[${at}]: the publicKey of "${name}" is no Ed25519 public key`);
    const other = keys.find((each) => each.publicKey.equals(key));
    if (other !== undefined) return no(`authors[${at}]: "${name}" has the key that "${other.name}" has already`);
    const [from, until] = [moment(notBefore, -Infinity), moment(notAfter, Infinity)];
    if (from > until) return no(`authors[${at}]: the key of "${name}" ends before it begins`);
    keys.push({ name, publicKey: key, notBefore: from, notAfter: until });
    const count = keys.filter((each) => each.name === name).length;
    if (count > KEYS_OF_ONE_AUTHOR) return no(`authors[${at}]: more than ${KEYS_OF_ONE_AUTHOR} keys of "${name}"`);
  }
  return { _tag: "Authors", keys };
}

const moment = (text: string | undefined, none: number): number => (text === undefined ? none : Date.parse(text));

/** What the bare 32 bytes of an Ed25519 key have before them in DER. */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** An Ed25519 public key in PEM, in base64 of its DER, or of its bare bytes; null where it is none of these. */
export function publicKeyIn(text: string): KeyObject | null {
  try {
    const bytes = Buffer.from(text, "base64");
    const key = text.includes("-----BEGIN")
      ? createPublicKey(text)
      : createPublicKey({
          key: bytes.length === 32 ? Buffer.concat([SPKI_PREFIX, bytes]) : bytes,
          format: "der",
          type: "spki",
        });
    return key.asymmetricKeyType === "ed25519" ? key : null;
  } catch {
    return null;
  }
}
