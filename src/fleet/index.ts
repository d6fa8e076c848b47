/** What a control plane imports to steer agents: it ships manifests, asks for plans and reads what agents tell. */
import type { Manifest } from "../topology/manifest.ts";
import type { AgentId } from "../wire/keys.ts";
import type { SealingKey } from "../wire/secrets/sealed.ts";
import type { CallOptions, StreamedAsset, Unreachable } from "../wire/store.ts";
import { applyBundle, type SignedManifest } from "./apply-bundle.ts";
import { apply, type ApplyOptions, remove } from "./apply.ts";
import { publishedKey } from "./capabilities.ts";
import { type Desired, readDesired } from "./desired.ts";
import type { FleetParts } from "./parts.ts";
import { plan, planBundle, type PlanOptions, type PlanResult } from "./plan.ts";
import { type RemoveAssetsOptions, type RemovedAssets, removeAssets } from "./remove-assets.ts";
import type { ApplyResult } from "./result.ts";
import { type AssetSource, upload, type UploadOptions } from "./upload.ts";
import { type AgentView, status, statusOfAll } from "./view.ts";
import { watch, type WatchOptions } from "./watch.ts";

export type { SignedManifest } from "./apply-bundle.ts";
export type { ApplyOptions } from "./apply.ts";
export type { Desired } from "./desired.ts";
export { type EventFinding, events, type ToldEvent } from "./events.ts";
export { STALE_MS } from "./liveness.ts";
export type { Liveness } from "./liveness.ts";
export type { FleetParts } from "./parts.ts";
export type { PlanOptions, PlanResult } from "./plan.ts";
export type { RemoveAssetsOptions, RemovedAssets } from "./remove-assets.ts";
export type { SecretsGiven } from "./secrets.ts";
export type { ApplyResult, Missing, NotShipped, Progress, SecretsRefused, Shipped } from "./result.ts";
export { systemClock } from "./system-clock.ts";
export type { AssetSource, UploadOptions } from "./upload.ts";
export type { AgentView } from "./view.ts";
export type { WatchOptions } from "./watch.ts";

export interface Fleet {
  apply(manifest: Manifest, agentId: AgentId, options?: ApplyOptions): Promise<ApplyResult>;
  /** Ships what was signed elsewhere, as it is. */
  applyBundle(bundle: SignedManifest, agentId: AgentId, options?: ApplyOptions): Promise<ApplyResult>;
  remove(agentId: AgentId, options?: ApplyOptions): Promise<ApplyResult>;
  plan(manifest: Manifest, agentId: AgentId, options?: PlanOptions): Promise<PlanResult>;
  /** Asks about what was signed elsewhere. */
  planBundle(bundle: SignedManifest, agentId: AgentId, options?: PlanOptions): Promise<PlanResult>;
  /** Brings an asset to the server, unless it is there already, so that manifests can refer to it. */
  upload(asset: AssetSource, options?: UploadOptions): Promise<StreamedAsset | Unreachable>;
  /** Takes assets away, by their sha256, unless a desired state refers to one of them. */
  removeAssets(sha256: readonly string[], options?: RemoveAssetsOptions): Promise<RemovedAssets | Unreachable>;
  /** The manifest that lies in the agent's key. */
  desired(agentId: AgentId, options?: CallOptions): Promise<Desired | Unreachable>;
  /** The key that the agent publishes for its secrets to be sealed for; null where it publishes none. */
  sealingKey(agentId: AgentId, options?: CallOptions): Promise<SealingKey | null | Unreachable>;
  status(agentId: AgentId, options?: CallOptions): Promise<AgentView | Unreachable>;
  statusOfAll(options?: CallOptions): Promise<readonly AgentView[] | Unreachable>;
  watch(whom: AgentId | "all", options: WatchOptions): AsyncGenerator<AgentView | Unreachable, void, void>;
}

/**
 * ```ts
 * const connected = await connectStore({ servers: "nats://127.0.0.1:4222" });
 * if (connected._tag === "Unreachable") throw new Error(connected.message);
 * const fleet = createFleet({ store: connected.store, clock: systemClock });
 * const result = await fleet.apply(manifest(PiTopology, { ... }), AgentId.parse("pi-7"));
 * ```
 */
export const createFleet = (parts: FleetParts): Fleet => ({
  apply: (manifest, agentId, options) => apply(parts, manifest, agentId, options),
  applyBundle: (bundle, agentId, options) => applyBundle(parts, bundle, agentId, options),
  remove: (agentId, options) => remove(parts, agentId, options),
  plan: (manifest, agentId, options) => plan(parts, manifest, agentId, options),
  planBundle: (bundle, agentId, options) => planBundle(parts, bundle, agentId, options),
  upload: (asset, options) => upload(parts, asset, options),
  removeAssets: (sha256, options) => removeAssets(parts, sha256, options),
  desired: (agentId, options = {}) => readDesired(parts.store, agentId, options),
  sealingKey: (agentId, options = {}) => publishedKey(parts.store, agentId, options),
  status: (agentId, options) => status(parts, agentId, options),
  statusOfAll: (options) => statusOfAll(parts, options),
  watch: (whom, options) => watch(parts, whom, options),
});
