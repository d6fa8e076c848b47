import { join, resolve } from "node:path";
import type { Log } from "../../scores/context.ts";
import type { Store } from "../../wire/store.ts";
import { AssetCache } from "../assets/asset-cache.ts";
import { usualLimit } from "../assets/cache-limit.ts";
import { keptBy } from "../assets/kept-assets.ts";
import type { Ledger } from "../ledger.ts";
import { AssetDirectory } from "./asset-directory.ts";
import { spaceAt } from "./state-directory.ts";
import { systemClock } from "./system-clock.ts";

export interface AssetSettings {
  /** Default: `assets` in the state directory. */
  readonly cacheDir: string | null;
  /** Bytes. Default: see {@link usualLimit}. */
  readonly cacheLimit: number | null;
}

/** Where the cache is. */
export const cachePath = ({ cacheDir }: Pick<AssetSettings, "cacheDir">, statePath: string): string =>
  cacheDir === null ? join(statePath, "assets") : resolve(cacheDir);

type Given = AssetSettings & {
  readonly root: string;
  readonly statePath: string;
  readonly store: Store;
  /** What they name is kept. */
  readonly ledgers: readonly Ledger[];
  readonly log: Log;
};

export async function openAssets({ root, statePath, store, ledgers, log, ...given }: Given): Promise<AssetCache> {
  const disk = await AssetDirectory.open(cachePath(given, statePath), root);
  const limitBytes = given.cacheLimit ?? usualLimit(await spaceAt(disk.path));
  const cache = new AssetCache({ store, disk, clock: systemClock, log, limitBytes });
  for (const ledger of ledgers) cache.keeps(keptBy(ledger));
  return cache;
}
