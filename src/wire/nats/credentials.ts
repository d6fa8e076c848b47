import { type Authenticator, credsAuthenticator, nkeyAuthenticator } from "nats";
import { publicKeyOf, type UserKey, type UserKeyPair } from "./nkey.ts";

/** What a credentials file says. */
export interface Credentials {
  readonly authenticator: Authenticator;
  /** PEM of the authorities that alone may vouch for the server; null: those that the system trusts. */
  readonly authorities: string | null;
  /** Null where the file holds a JWT, whose issuer decides on the inbox. */
  readonly inbox: string | null;
  /** Null where the file holds a JWT, whose issuer renews it. */
  readonly pair: UserKeyPair | null;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;
const SEED = /^-----BEGIN USER NKEY SEED-----\s+(SU[A-Z2-7]+)\s+-+END USER NKEY SEED-+$/m;

/**
 * Reads a credentials file: certificates of authorities in PEM, if any, then either a JWT and a seed, as `nsc` writes
 * them, or a seed alone, as `credentialsFile` does. A file that is neither is refused by the server, not here.
 */
export function readCredentials(text: string): Credentials {
  const authorities = text.match(CERTIFICATE)?.join("") ?? null;
  const rest = text.replace(CERTIFICATE, "");
  const seed = rest.includes("BEGIN NATS USER JWT") ? undefined : SEED.exec(rest)?.[1];
  const key = seed === undefined ? null : publicKeyOf(seed);
  if (seed === undefined || key === null) {
    return { authenticator: credsAuthenticator(new TextEncoder().encode(rest)), authorities, inbox: null, pair: null };
  }
  const authenticator = nkeyAuthenticator(new TextEncoder().encode(seed));
  return { authenticator, authorities, inbox: userInbox(key), pair: { publicKey: key, seed } };
}

/** Writes one: the seed, and whom to trust for the server's name; null: whom the system trusts. */
export const credentialsFile = (seed: string, authorities: string | null): string =>
  `${authorities === null ? "" : `${authorities.trim()}\n`}-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;

/** Under this the answers to a user who is no agent come in. */
export const userInbox = (key: UserKey): string => `_INBOX.${key}`;
