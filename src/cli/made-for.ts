import { type KnownDevice, type MadeManifest, manifestFor } from "../topology/fleet-manifest.ts";
import type { Loaded, LoadedFleet } from "./load-manifest.ts";

/** A FILE that is meant for several devices: one manifest for all of them, or a `fleet()`. */
export type LoadedForMany = Extract<Loaded, { readonly _tag: "Loaded" }> | LoadedFleet;

/** What FILE has for one device. */
export function madeFor(loaded: LoadedForMany, device: KnownDevice): MadeManifest {
  if (loaded._tag === "LoadedFleet") return manifestFor(loaded.fleet, device);
  return { _tag: "Made", group: "", manifest: loaded.manifest };
}
