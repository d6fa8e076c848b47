/** What a control plane imports to steer agents: it ships manifests, asks for plans and reads what agents tell. */
import type { Manifest } from "../topology/manifest.ts";
import type { AgentId } from "../wire/keys.ts";
import type { SealingKey } from "../wire/secrets/sealed.ts";
import type { CallOptions, StreamedAsset, Unreachable } from "../wire/store.ts";
import { applyBundle, type BundleOptions, type SignedManifest } from "./apply-bundle.ts";
import { apply, type ApplyOptions, remove } from "./apply.ts";
import { type Blame, blame } from "./blame.ts";
import { publishedKey, readCapabilities } from "./capabilities.ts";
import { type Desired, readDesired } from "./desired.ts";
import { type History, history, type HistoryOptions } from "./history.ts";
import { type LogNews, logs, type LogsOptions } from "./logs.ts";
import { type FoundManifest, manifestsOf } from "./manifests.ts";
import type { FleetParts } from "./parts.ts";
import type { ScoreDifference } from "./differences.ts";
import { type Asked, changesSince, type LastKnown, lastKnown } from "./plan-basis.ts";
import { type DeviceToPlan, planMany, type PlanManyOptions } from "./plan-many.ts";
import { plan, planBundle, type PlanOptions, type PlanResult } from "./plan.ts";
import { type RemoveAssetsOptions, type RemovedAssets, removeAssets } from "./remove-assets.ts";
import { prepareRollback, type Rollback, type RollbackOptions } from "./rollback.ts";
import type { ApplyResult } from "./result.ts";
import { type AssetSource, upload, type UploadOptions } from "./upload.ts";
import { beginRollout, type Prepared, prepareRollout, type RolloutWish } from "./rollout/prepare.ts";
import { readRollout } from "./rollout/record.ts";
import { type RunOptions, type RunResult, runRollout } from "./rollout/run.ts";
import { listRollouts, removeRollout, stopRollout, type Taken, takeRollout, type Taking } from "./rollout/take.ts";
import { watchRollout } from "./rollout/watch.ts";
import { selectAgents } from "./selector.ts";
import type { Selector } from "../topology/selector.ts";
import type { Rollout, RolloutId } from "../wire/rollout.ts";
import { type AgentView, status, statusOfAll } from "./view.ts";
import { watch, type WatchOptions } from "./watch.ts";

export type { BundleOptions, SignedManifest } from "./apply-bundle.ts";
export type { ApplyOptions } from "./apply.ts";
export type { Desired } from "./desired.ts";
export { fleetDoctor } from "./doctor.ts";
export { type EventFinding, events, type ToldEvent } from "./events.ts";
export type { Blame } from "./blame.ts";
export { differences, type FieldChange, type ScoreDifference } from "./differences.ts";
export type { History, HistoryEntry, HistoryOptions } from "./history.ts";
export { authorsIn, type ManifestResult } from "./results.ts";
export type { LogNews, LogsOptions } from "./logs.ts";
export type { FoundManifest, ShippedManifest } from "./manifests.ts";
export type { Rollback, RollbackOptions } from "./rollback.ts";
export { STALE_MS } from "./liveness.ts";
export type { Liveness } from "./liveness.ts";
export type { FleetParts } from "./parts.ts";
export { type Asked, type LastKnown, textsAsked } from "./plan-basis.ts";
export type { PlanOptions, PlanResult } from "./plan.ts";
export { groupPlans, isFinding, isNothing, isUnanswered, type PlanGroup, summed } from "./plan-groups.ts";
export { type DevicePlan, type DeviceToPlan, gist, isEmptyPlan, isFlawed, type Plan, tooLarge } from "./plan-many.ts";
export type { RemoveAssetsOptions, RemovedAssets } from "./remove-assets.ts";
export type { Prepared, RolloutWish } from "./rollout/prepare.ts";
export type { SecretsForMany } from "./rollout/sealing.ts";
export { LEASE_MS } from "./rollout/record.ts";
export { failedIn, type RolloutProgress, type RunResult } from "./rollout/run.ts";
export { isSilent, type Taken } from "./rollout/take.ts";
export { parseWaves, type Reach } from "./rollout/waves.ts";
export { parseSelector, type Selected, type Selector, selectorText } from "./selector.ts";
export type { SecretsGiven } from "./secrets.ts";
export type { ApplyResult, Missing, NotShipped, Progress, SecretsRefused, Shipped } from "./result.ts";
export { systemClock } from "./system-clock.ts";
export type { AssetSource, UploadOptions } from "./upload.ts";
export type { AgentView } from "./view.ts";
export type { WatchOptions } from "./watch.ts";

export interface Fleet {
  apply(manifest: Manifest, agentId: AgentId, options?: ApplyOptions): Promise<ApplyResult>;
  /** Ships what was signed elsewhere, as it is. */
  applyBundle(bundle: SignedManifest, agentId: AgentId, options?: BundleOptions): Promise<ApplyResult>;
  remove(agentId: AgentId, options?: ApplyOptions): Promise<ApplyResult>;
  plan(manifest: Manifest, agentId: AgentId, options?: PlanOptions): Promise<PlanResult>;
  /** Asks many devices, each what it would do with its own manifest. */
  planMany(devices: readonly DeviceToPlan[], options?: PlanManyOptions): ReturnType<typeof planMany>;
  /** What a manifest has that the one of this generation has not, by Score; null where that one is not kept. */
  changesSince(
    agentId: AgentId,
    generation: number,
    asked: Asked,
    options?: CallOptions,
  ): Promise<ReadonlyMap<string, ScoreDifference> | null | Unreachable>;
  /** What an agent that does not answer would have to do, going by what it told last. */
  lastKnown(agentId: AgentId, asked: Asked, options?: CallOptions): Promise<LastKnown | Unreachable>;
  /** Asks about what was signed elsewhere. */
  planBundle(bundle: SignedManifest, agentId: AgentId, options?: PlanOptions): Promise<PlanResult>;
  /** Brings an asset to the server, unless it is there already, so that manifests can refer to it. */
  upload(asset: AssetSource, options?: UploadOptions): Promise<StreamedAsset | Unreachable>;
  /** Takes assets away, by their sha256, unless a desired state refers to one of them. */
  removeAssets(sha256: readonly string[], options?: RemoveAssetsOptions): Promise<RemovedAssets | Unreachable>;
  /** The manifest that lies in the agent's key. */
  desired(agentId: AgentId, options?: CallOptions): Promise<Desired | Unreachable>;
  /** What the agent has published of itself and its device. */
  capabilities(agentId: AgentId, options?: CallOptions): ReturnType<typeof readCapabilities>;
  /** The key that the agent publishes for its secrets to be sealed for; null where it publishes none. */
  sealingKey(agentId: AgentId, options?: CallOptions): Promise<SealingKey | null | Unreachable>;
  /** What an agent was to be, the newest first, and what came of it. */
  history(agentId: AgentId, options?: HistoryOptions): Promise<History | Unreachable>;
  /** Manifests by their generation, of those that are kept. */
  manifests(
    agentId: AgentId,
    generations: readonly number[],
    options?: CallOptions,
  ): Promise<ReadonlyMap<number, FoundManifest> | Unreachable>;
  /** The agent's own log, or that of what one of its Scores runs: in parts, as they come. */
  logs(agentId: AgentId, options: LogsOptions): AsyncGenerator<LogNews, void, void>;
  /** An earlier manifest as one of a new generation, to be looked at and then shipped with `applyBundle`. */
  prepareRollback(agentId: AgentId, options: RollbackOptions): Promise<Rollback | Unreachable>;
  /** Since when a Score is as it is, and by whom. */
  blame(agentId: AgentId, scoreId: string, options?: CallOptions): Promise<Blame | Unreachable>;
  status(agentId: AgentId, options?: CallOptions): Promise<AgentView | Unreachable>;
  statusOfAll(options?: CallOptions): Promise<readonly AgentView[] | Unreachable>;
  /** Which agents a selector means. */
  select(selector: Selector, options?: CallOptions): ReturnType<typeof selectAgents>;
  readonly rollouts: Rollouts;
  watch(whom: AgentId | "all", options: WatchOptions): AsyncGenerator<AgentView | Unreachable, void, void>;
}

/** Roll-outs to many devices. All that is known of one lies in the bucket `rollouts`. */
export interface Rollouts {
  prepare(wish: RolloutWish, options?: CallOptions): Promise<Prepared>;
  /** Writes down what was prepared, with this process as the one that runs it. */
  begin(rollout: Rollout, options?: CallOptions): ReturnType<typeof beginRollout>;
  /** Takes one that nobody runs. */
  take(id: RolloutId, taking: Taking): Promise<Taken>;
  /** Runs what this process has begun or taken. */
  run(held: { readonly rollout: Rollout; readonly revision: number }, options?: RunOptions): Promise<RunResult>;
  stop(id: RolloutId, signal: AbortSignal): ReturnType<typeof stopRollout>;
  /** Takes one away that has ended. */
  remove(id: RolloutId, options?: CallOptions): ReturnType<typeof removeRollout>;
  read(id: RolloutId, options?: CallOptions): ReturnType<typeof readRollout>;
  /** Goes on until it has ended. */
  watch(id: RolloutId, signal: AbortSignal): ReturnType<typeof watchRollout>;
  list(options?: CallOptions): ReturnType<typeof listRollouts>;
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
  planMany: (devices, options) => planMany(parts, devices, options),
  capabilities: (agentId, options = {}) => readCapabilities(parts.store, agentId, options),
  changesSince: (agentId, generation, asked, options) => changesSince(parts, agentId, generation, asked, options),
  lastKnown: (agentId, asked, options) => lastKnown(parts, agentId, asked, options),
  planBundle: (bundle, agentId, options) => planBundle(parts, bundle, agentId, options),
  upload: (asset, options) => upload(parts, asset, options),
  removeAssets: (sha256, options) => removeAssets(parts, sha256, options),
  desired: (agentId, options = {}) => readDesired(parts.store, agentId, options),
  sealingKey: (agentId, options = {}) => publishedKey(parts.store, agentId, options),
  history: (agentId, options) => history(parts, agentId, options),
  manifests: (agentId, generations, options = {}) => manifestsOf(parts, agentId, generations, options),
  logs: (agentId, options) => logs(parts, agentId, options),
  prepareRollback: (agentId, options) => prepareRollback(parts, agentId, options),
  blame: (agentId, scoreId, options) => blame(parts, agentId, scoreId, options),
  status: (agentId, options) => status(parts, agentId, options),
  statusOfAll: (options) => statusOfAll(parts, options),
  select: (selector, options) => selectAgents(parts.store, selector, options),
  rollouts: {
    prepare: (wish, options) => prepareRollout(parts, wish, options),
    begin: (rollout, options) => beginRollout(parts, rollout, options),
    take: (id, taking) => takeRollout(parts, id, taking),
    run: (held, options) => runRollout(parts, held, options),
    stop: (id, signal) => stopRollout(parts, id, signal),
    remove: (id, options) => removeRollout(parts, id, options),
    read: (id, options) => readRollout(parts, id, options),
    watch: (id, signal) => watchRollout(parts, id, signal),
    list: (options) => listRollouts(parts, options),
  },
  watch: (whom, options) => watch(parts, whom, options),
});
