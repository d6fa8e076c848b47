import { createHash } from "node:crypto";
import { PortError } from "../capabilities/port-error.ts";
import type { AssetRef } from "../scores/asset.ts";
import type { Assets } from "../scores/context.ts";

/** Assets in memory: those that the server has, and those of them that were brought to the device. */
export class FakeAssets implements Assets {
  readonly #server = new Map<string, Uint8Array>();
  readonly #cache = new Map<string, Uint8Array>();

  /** Puts bytes on the server; gives what a spec says of them. */
  put(bytes: Uint8Array): AssetRef {
    const asset = createHash("sha256").update(bytes).digest("hex");
    this.#server.set(asset, bytes.slice());
    return { asset, size: bytes.length };
  }

  /** The hashes of what was fetched. */
  get fetched(): readonly string[] {
    return [...this.#cache.keys()];
  }

  async fetch({ asset, size }: AssetRef): Promise<void> {
    const bytes = this.#server.get(asset);
    if (bytes?.length !== size) throw missing(asset, "on the server");
    this.#cache.set(asset, bytes);
  }

  async *read({ asset }: AssetRef): AsyncGenerator<Uint8Array, void, void> {
    const bytes = this.#cache.get(asset);
    if (bytes === undefined) throw missing(asset, "in the cache");
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.slice(at, at + PIECE_BYTES);
  }
}

/** So small that even the files of tests come in several. */
const PIECE_BYTES = 4;

const missing = (asset: string, where: string): PortError =>
  new PortError({
    code: "NotFound",
    blame: "author",
    message: `The asset ${asset} is not ${where}.`,
    next: "Put it there.",
  });
