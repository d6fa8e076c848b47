import * as z from "zod";
import { credentialsFile, readCredentials } from "../wire/nats/credentials.ts";
import { makeUserKey, publicKeyOf, UserKey, type UserKeyPair } from "../wire/nats/nkey.ts";
import type { Disk } from "./disk.ts";

/** In the agent's own directory: the keys that came after the one of the credentials file, which nobody rewrites. */
export const KEYS = "keys.json";

const Seed = z.string().regex(/^SU[A-Z2-7]{56}$/, "no seed of a user");
const Kept = z.strictObject({
  version: z.literal(1),
  /** The key of the credentials file that these came after. With another one there, the device was enrolled anew. */
  enrolled: UserKey,
  /** What the agent works with; null: the one of the credentials file. */
  current: Seed.nullable(),
  /** Made, and not known to work yet. */
  next: Seed.nullable(),
  /** What it worked with before: should the fleet come back from an older copy of itself, that one is let in. */
  former: Seed.nullable(),
});
type Kept = z.infer<typeof Kept>;

/**
 * The keys of this device, of which at any moment at least one is let in: each change is on the disk before anything is
 * done that rests on it.
 */
export class Keyring {
  readonly #disk: Disk;
  readonly #enrolled: UserKeyPair;
  readonly #authorities: string | null;
  #kept: Kept;
  /** By seed: a public key is dear to find out. */
  readonly #pairs = new Map<string, UserKeyPair>();

  private constructor(disk: Disk, enrolled: UserKeyPair, authorities: string | null, kept: Kept) {
    this.#disk = disk;
    this.#enrolled = enrolled;
    this.#authorities = authorities;
    this.#kept = kept;
  }

  /** Null where the credentials hold a JWT, which its issuer renews. Keys that cannot be read are told, and are none. */
  static async open(disk: Disk, credsFile: string, tell: (message: string) => void): Promise<Keyring | null> {
    const { pair, authorities } = readCredentials(credsFile);
    if (pair === null) return null;
    const none: Kept = { version: 1, enrolled: pair.publicKey, current: null, next: null, former: null };
    const bytes = await disk.read(KEYS).catch((error: unknown) => void tell(`${KEYS}: ${String(error)}`));
    const kept = bytes === null || bytes === undefined ? none : read(bytes);
    if (kept === null) tell(`${KEYS} is not as the agent writes it; the key of the credentials file is used`);
    return new Keyring(disk, pair, authorities, kept?.enrolled === pair.publicKey ? kept : none);
  }

  get current(): UserKeyPair {
    return this.#pairOf(this.#kept.current) ?? this.#enrolled;
  }
  get next(): UserKeyPair | null {
    return this.#pairOf(this.#kept.next);
  }
  get former(): UserKeyPair | null {
    return this.#pairOf(this.#kept.former);
  }

  /** Credentials to be tried, in this order. */
  credentials(): readonly string[] {
    const pairs = [this.current, this.next, this.former, this.#enrolled].flatMap((each) => each ?? []);
    return [...new Set(pairs.map(({ seed }) => seed))].map((seed) => this.credentialsOf({ seed }));
  }

  credentialsOf({ seed }: Pick<UserKeyPair, "seed">): string {
    return credentialsFile(seed, this.#authorities);
  }

  /** The next key, made where there is none yet. Rejects where it cannot be kept: then there is none. */
  async makeNext(): Promise<UserKeyPair> {
    const pair = this.next ?? makeUserKey();
    await this.#keep({ ...this.#kept, next: pair.seed });
    return pair;
  }

  /** The next key is the current one from now on. Rejects where that cannot be kept: then it is not. */
  async advance(): Promise<void> {
    const { next } = this.#kept;
    if (next !== null) await this.#keep({ ...this.#kept, current: next, next: null, former: this.current.seed });
  }

  #pairOf(seed: string | null): UserKeyPair | null {
    if (seed === null) return null;
    const known = this.#pairs.get(seed);
    const publicKey = known?.publicKey ?? publicKeyOf(seed);
    if (publicKey === null) return null;
    const pair = known ?? { publicKey, seed };
    this.#pairs.set(seed, pair);
    return pair;
  }

  async #keep(kept: Kept): Promise<void> {
    await this.#disk.replace(KEYS, new TextEncoder().encode(`${JSON.stringify(kept)}\n`));
    this.#kept = kept;
  }
}

function read(bytes: Uint8Array): Kept | null {
  try {
    return Kept.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data ?? null;
  } catch {
    return null;
  }
}
