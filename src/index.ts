/** What a developer imports: the Score model, the kinds, the topologies, and the fleet. */
export * from "./capabilities/index.ts";
export {
  ContainerScore,
  DirectoryScore,
  FileScore,
  FirewallPortsScore,
  K8sDeploymentScore,
  KINDS,
  PackageScore,
  ShellJobScore,
  NetworkInterfaceScore,
  SystemdServiceScore,
  SystemdTimerScore,
  SystemdUnitScore,
  wanFirewallPorts,
} from "./scores/index.ts";
export { asset, assetOf } from "./scores/asset.ts";
export type { AssetRef } from "./scores/asset.ts";
export { InvalidSpec, Score } from "./scores/score.ts";
export type {
  AnyScore,
  AnyScoreClass,
  Interpretation,
  Ports,
  ReadPorts,
  ScoreClass,
  ScoreShape,
} from "./scores/score.ts";
export type { ApplyContext, Assets, Clock, Context, Log } from "./scores/context.ts";
export type { Failure, Obstruction, Outcome, Plan } from "./scores/outcome.ts";
export { AbsolutePath, Account, Mode } from "./scores/paths.ts";
export { secret } from "./scores/secret.ts";
export type { SecretRef, Secrets, SecretsSeen } from "./scores/secret.ts";
export type { Fits, FitsAll } from "./topology/fits.ts";
export { lackSentence, lacks } from "./topology/lacks.ts";
export type { Lack, Place } from "./topology/lacks.ts";
export { compose } from "./topology/compose.ts";
export type { PartsOf } from "./topology/compose.ts";
export { fleet, group, isFleet } from "./topology/fleet-manifest.ts";
export type { Device, FleetManifest, Group, Hardware, NeededLabels } from "./topology/fleet-manifest.ts";
export { isManifest, manifest } from "./topology/manifest.ts";
export type { Manifest, ManifestOptions } from "./topology/manifest.ts";
export type { Order } from "./topology/order.ts";
export { InvalidManifest } from "./topology/parts.ts";
export type { Composition } from "./topology/parts.ts";
export type { Policy } from "./topology/policies.ts";
export type { RollbackOnFailure, RollbackWish } from "./topology/rollback.ts";
export { PiTopology } from "./topology/pi.ts";
export { PiWithAuditedShellTopology } from "./topology/pi-with-audited-shell.ts";
export { failover } from "./topology/failover.ts";
export type { FailoverTopology } from "./topology/failover.ts";
export { topology, without } from "./topology/topology.ts";
export type { Reasons, Topology } from "./topology/topology.ts";
export { loadBalancer } from "./compositions/load-balancer.ts";
export type { HaproxyInput as LoadBalancerInput } from "./compositions/haproxy-spec.ts";
export { createFleet, parseSelector, STALE_MS, systemClock } from "./fleet/index.ts";
export type {
  AgentView,
  ApplyOptions,
  ApplyResult,
  AssetSource,
  Desired,
  Fleet,
  FleetParts,
  Liveness,
  Missing,
  NotShipped,
  PlanOptions,
  PlanResult,
  Progress,
  SecretsGiven,
  SecretsRefused,
  Selector,
  Shipped,
  UploadOptions,
  WatchOptions,
} from "./fleet/index.ts";
export { AgentId } from "./wire/keys.ts";
export { connectStore } from "./wire/nats/connect.ts";
export type { Connected, ConnectOptions } from "./wire/nats/connect.ts";
export type { AgentStatus, CapabilitiesDocument, Heartbeat, PlanReply, ScoreStatus } from "./wire/status.ts";
export type { ToldStatus } from "./wire/told-status.ts";
export type { CallOptions, Store, StoreAdmin, StreamedAsset, Unreachable } from "./wire/store.ts";
