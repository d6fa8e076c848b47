/** What a control plane imports to steer agents: it ships manifests, asks for plans and reads what agents tell. */
import type { Manifest } from "../topology/manifest.ts";
import type { AgentId } from "../wire/keys.ts";
import type { CallOptions, Unreachable } from "../wire/store.ts";
import { apply, type ApplyOptions, remove } from "./apply.ts";
import { type Desired, readDesired } from "./desired.ts";
import type { FleetParts } from "./parts.ts";
import { plan, type PlanOptions, type PlanResult } from "./plan.ts";
import type { ApplyResult } from "./result.ts";
import { type AgentView, status, statusOfAll } from "./view.ts";
import { watch, type WatchOptions } from "./watch.ts";

export type { ApplyOptions } from "./apply.ts";
export type { Desired } from "./desired.ts";
export { type EventFinding, events, type ToldEvent } from "./events.ts";
export { STALE_MS } from "./liveness.ts";
export type { Liveness } from "./liveness.ts";
export type { FleetParts } from "./parts.ts";
export type { PlanOptions, PlanResult } from "./plan.ts";
export type { ApplyResult, Missing, NotShipped, Progress, Shipped } from "./result.ts";
export { systemClock } from "./system-clock.ts";
export type { AgentView } from "./view.ts";
export type { WatchOptions } from "./watch.ts";

export interface Fleet {
  apply(manifest: Manifest, agentId: AgentId, options?: ApplyOptions): Promise<ApplyResult>;
  remove(agentId: AgentId, options?: ApplyOptions): Promise<ApplyResult>;
  plan(manifest: Manifest, agentId: AgentId, options?: PlanOptions): Promise<PlanResult>;
  /** The manifest that lies in the agent's key. */
  desired(agentId: AgentId, options?: CallOptions): Promise<Desired | Unreachable>;
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
  remove: (agentId, options) => remove(parts, agentId, options),
  plan: (manifest, agentId, options) => plan(parts, manifest, agentId, options),
  desired: (agentId, options = {}) => readDesired(parts.store, agentId, options),
  status: (agentId, options) => status(parts, agentId, options),
  statusOfAll: (options) => statusOfAll(parts, options),
  watch: (whom, options) => watch(parts, whom, options),
});
