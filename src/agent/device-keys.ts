import * as z from "zod";
import type { Log } from "../scores/context.ts";
import { type KeyPair, keyPairOf, makeKeyPair, rawPrivate } from "../wire/secrets/hpke.ts";
import { keyIdOf, type OwnKeys, type SealingKey, sealingKeyOf } from "../wire/secrets/sealed.ts";
import type { Disk } from "./disk.ts";

const FILE = "sealing-keys.json";

/** Newest first. */
const Saved = z.strictObject({
  version: z.literal(1),
  keys: z
    .array(z.strictObject({ private: z.base64().length(44), madeAt: z.iso.datetime() }))
    .min(1)
    .max(4),
});
type Saved = z.infer<typeof Saved>;

/**
 * The keys by which this device opens what is sealed for it. They are made here and never leave its state directory (mode
 * 0600). The newest one is published; what is sealed for the ones before it can still be opened.
 */
export class DeviceKeys {
  readonly #own: OwnKeys;
  /** The public half of the newest. */
  readonly published: SealingKey;

  private constructor(pairs: readonly [KeyPair, ...KeyPair[]]) {
    this.#own = new Map(pairs.map((pair) => [keyIdOf(sealingKeyOf(pair)), pair] as const));
    this.published = sealingKeyOf(pairs[0]);
  }

  get own(): OwnKeys {
    return this.#own;
  }

  /**
   * As they are saved, or a first one, which is on disk before it is told to anybody.
   *
   * @throws {Error} where they are there and cannot be read: a new key in their place would lose what is sealed for them.
   */
  static async open(disk: Disk, now: Date, log: Log): Promise<DeviceKeys> {
    const bytes = await disk.read(FILE);
    if (bytes !== null) return DeviceKeys.#of(read(bytes));
    const pair = makeKeyPair();
    const saved: Saved = {
      version: 1,
      keys: [{ private: rawPrivate(pair.privateKey).toString("base64"), madeAt: now.toISOString() }],
    };
    await disk.replace(FILE, Buffer.from(`${JSON.stringify(saved, null, 2)}\n`));
    const keys = DeviceKeys.#of(saved);
    log("made the key that secrets are sealed for", { key: keyIdOf(keys.published) });
    return keys;
  }

  static #of({ keys }: Saved): DeviceKeys {
    const [newest, ...older] = keys.map(({ private: raw }) => keyPairOf(Buffer.from(raw, "base64")));
    if (newest === undefined) throw new Error("no key is saved");
    return new DeviceKeys([newest, ...older]);
  }
}

function read(bytes: Uint8Array): Saved {
  try {
    return Saved.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch {
    // What is wrong with it is not told: it may hold a key.
    throw new Error(
      `${FILE} in the state directory is damaged: bring it back from a copy, or move it away to have a new key made, for which all secrets must be shipped again`,
    );
  }
}
