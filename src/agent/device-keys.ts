import * as z from "zod";
import type { Log } from "../scores/context.ts";
import { keyPairOf, makeKeyPair, rawPrivate } from "../wire/secrets/hpke.ts";
import { keyIdOf, type OwnKeys, type SealingKey, sealingKeyOf } from "../wire/secrets/sealed.ts";
import type { Disk } from "./disk.ts";

const FILE = "sealing-keys.json";

/** The most that are kept: what is sealed for an older one is lost when another is made. */
const KEPT = 4;

/** Newest first. */
const Saved = z.strictObject({
  version: z.literal(1),
  keys: z
    .array(z.strictObject({ private: z.base64().length(44), madeAt: z.iso.datetime() }))
    .min(1)
    .max(KEPT),
});
type Saved = z.infer<typeof Saved>;

/**
 * The keys by which this device opens what is sealed for it. They are made here and never leave its state directory (mode
 * 0600). The newest one is published; what is sealed for the ones before it can still be opened.
 */
export class DeviceKeys {
  readonly own: OwnKeys;
  /** The public half of the newest. */
  readonly published: SealingKey;

  private constructor({ keys }: Saved) {
    const pairs = keys.map(({ private: raw }) => keyPairOf(Buffer.from(raw, "base64")));
    const named = pairs.map((pair) => [sealingKeyOf(pair), pair] as const);
    const [newest] = named;
    if (newest === undefined) throw new Error("no key is saved");
    this.own = new Map(named.map(([key, pair]) => [keyIdOf(key), pair]));
    [this.published] = newest;
  }

  /**
   * As they are saved, or a first one, which is on disk before it is told to anybody.
   *
   * @throws {Error} where they are there and cannot be read: a new key in their place would lose what is sealed for them.
   */
  static async open(disk: Disk, now: Date, log: Log): Promise<DeviceKeys> {
    const saved = await read(disk);
    if (saved !== null) return new DeviceKeys(saved);
    const made = await save(disk, [madeAt(now)]);
    log("made the key that secrets are sealed for", { key: keyIdOf(made.published) });
    return made;
  }

  /** Makes another one, which is published from the agent's next start on. The last few before it stay. */
  static async renew(disk: Disk, now: Date): Promise<DeviceKeys> {
    const saved = await read(disk);
    return save(disk, [madeAt(now), ...(saved?.keys ?? [])].slice(0, KEPT));
  }

  static of(saved: Saved): DeviceKeys {
    return new DeviceKeys(saved);
  }
}

const madeAt = (now: Date): Saved["keys"][number] => ({
  private: rawPrivate(makeKeyPair().privateKey).toString("base64"),
  madeAt: now.toISOString(),
});

async function save(disk: Disk, keys: Saved["keys"]): Promise<DeviceKeys> {
  const saved: Saved = { version: 1, keys };
  await disk.replace(FILE, Buffer.from(`${JSON.stringify(saved, null, 2)}\n`));
  return DeviceKeys.of(saved);
}

async function read(disk: Disk): Promise<Saved | null> {
  const bytes = await disk.read(FILE);
  if (bytes === null) return null;
  try {
    return Saved.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch {
    // What is wrong with it is not told: it may hold a key.
    throw new Error(
      `${FILE} in the state directory is damaged: bring it back from a copy, or move it away to have a new key made, for which all secrets must be shipped again`,
    );
  }
}
