import { nkeys } from "nats";
import * as z from "zod";

/** What the client library has of key pairs; it gives them no types. */
interface KeyPair {
  getPublicKey(): string;
  getSeed(): Uint8Array;
  sign(text: Uint8Array): Uint8Array;
  verify(text: Uint8Array, signature: Uint8Array): boolean;
}
interface Nkeys {
  createUser(this: void): KeyPair;
  fromSeed(this: void, seed: Uint8Array): KeyPair;
  fromPublic(this: void, key: string): KeyPair;
}
// oxlint-disable-next-line typescript/no-unsafe-assignment -- as above
const { createUser, fromSeed, fromPublic }: Nkeys = nkeys;

/** The public half of a user's key, as NATS writes it: `U` and 55 of `A-Z2-7`, the last of them a checksum. */
export const UserKey = z
  .string()
  .refine(isUserKey, 'a user\'s key is "U" and 55 letters and digits; is a part of it missing?')
  .brand<"UserKey">();
export type UserKey = z.infer<typeof UserKey>;

export interface UserKeyPair {
  readonly publicKey: UserKey;
  /** The private half: who has it is the user. */
  readonly seed: string;
}

export function makeUserKey(): UserKeyPair {
  const pair = createUser();
  return { publicKey: UserKey.parse(pair.getPublicKey()), seed: new TextDecoder().decode(pair.getSeed()) };
}

/** Null where the text is no seed of a user. */
export function publicKeyOf(seed: string): UserKey | null {
  try {
    return UserKey.safeParse(fromSeed(new TextEncoder().encode(seed)).getPublicKey()).data ?? null;
  } catch {
    return null;
  }
}

/** In base64. @throws where the text is no seed of a user */
export const signWith = (seed: string, text: string): string =>
  Buffer.from(fromSeed(new TextEncoder().encode(seed)).sign(new TextEncoder().encode(text))).toString("base64");

/** Whether this user's key signed exactly this text. */
export function isSignedBy(key: UserKey, text: string, signature: string): boolean {
  try {
    return fromPublic(key).verify(new TextEncoder().encode(text), Buffer.from(signature, "base64"));
  } catch {
    return false;
  }
}

function isUserKey(text: string): boolean {
  if (!/^U[A-Z2-7]{55}$/.test(text)) return false;
  try {
    // Looks at the checksum.
    fromPublic(text);
    return true;
  } catch {
    return false;
  }
}
