import type { AssetRef } from "../scores/asset.ts";
import type { StreamedAsset, StreamOptions, Unreachable } from "../wire/store.ts";
import type { FleetParts } from "./parts.ts";

/** An asset, and where its bytes come from; `pieces` may be asked for again. */
export interface AssetSource extends AssetRef {
  readonly pieces: () => AsyncIterable<Uint8Array>;
}

/** `timeoutMs`: of each piece, default 30,000. `onProgress` is told how many bytes the server has. */
export type UploadOptions = StreamOptions;

const PIECE_MS = 30_000;

export async function upload(
  { store }: FleetParts,
  { asset, size, pieces }: AssetSource,
  options: UploadOptions = {},
): Promise<StreamedAsset | Unreachable> {
  const ready = await store.ensureBuckets({ signal: options.signal });
  // As with a manifest: who may write assets need not have the right to make buckets.
  if (ready._tag === "Unreachable" && ready.reason !== "Denied") return ready;
  return store.streamAsset({ asset, size }, pieces, { timeoutMs: PIECE_MS, ...options });
}
