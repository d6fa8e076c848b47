import type { Clock, Log } from "../scores/context.ts";
import type { DevicePolicies } from "../wire/device-policy.ts";
import { asName } from "../wire/events.ts";
import type { AgentId } from "../wire/keys.ts";
import type { Labels } from "../wire/labels.ts";
import type { TrustedKeys } from "../wire/signature.ts";
import type { Store } from "../wire/store.ts";
import { withinRoot } from "./adapters/agent-policy.ts";
import { deviceFacts } from "./adapters/device-facts.ts";
import { NodeFileSystem } from "./adapters/node-file-system.ts";
import type { Offering } from "./adapters/offering.ts";
import { breathe, sleeplessClock, systemClock } from "./adapters/system-clock.ts";
import type { AgentParts } from "./agent-parts.ts";
import { Agent } from "./agent.ts";
import type { AssetCache } from "./assets/asset-cache.ts";
import type { CapabilityName } from "./cage/needs.ts";
import { Parts, token } from "./container.ts";
import type { DeviceKeys } from "./device-keys.ts";
import type { Disk } from "./disk.ts";
import { Failover } from "./failover.ts";
import { Host } from "./host.ts";
import { type Linked, hostTopology } from "./linked.ts";
import type { Trail } from "./trail.ts";
import type { Ledger } from "./ledger.ts";

/** What it takes to look at the host. */
export interface HostSettings {
  readonly linked: Linked;
  readonly root: string;
  /** URLs of the NATS servers that the agent may use; a change of the network must leave one of them in reach. */
  readonly servers: readonly string[];
  /** Where the ledger is. */
  readonly statePath: string;
  /** What this device's own configuration lets it offer; nothing else can let in more. */
  readonly capabilities: readonly CapabilityName[];
  /** Absolute paths that decide what this agent does, and that no Score may write. */
  readonly reserved?: readonly string[];
  /** Where it is put on record what happens. Left out: nowhere, for whoever only looks. */
  readonly trail?: Trail;
  readonly log: Log;
}

export interface AgentSettings extends HostSettings {
  readonly agentId: AgentId;
  /** Of this start of the process. */
  readonly bootId: string;
  readonly driftPassMs: number;
  /** What the device is called beside its id. Default: nothing. */
  readonly labels?: Labels;
  readonly trustedKeys: TrustedKeys;
  readonly authors?: AgentParts["authors"];
  readonly policy: () => DevicePolicies;
  /** Default: none, and Scores with secrets are refused. */
  readonly deviceKeys?: DeviceKeys;
  readonly store: Store;
  readonly ledger: Ledger;
  /** Default: it answers no question for logs. */
  readonly logs?: AgentParts["logs"];
  /** Default: Scores that refer to assets fail. */
  readonly assets?: AssetCache;
  /** The pair that the agent is a member of, and where that is remembered; null: none. */
  readonly pair: { readonly id: AgentId; readonly disk: Disk; readonly ledger: Ledger } | null;
}

const OfHost = token<HostSettings>("HostSettings");
const Settings = token<AgentSettings>("AgentSettings");
const Time = token<Clock>("Clock");
const FileSystem = token<NodeFileSystem>("NodeFileSystem");
const HostToken = token<Host>("Host");
const AgentToken = token<Agent>("Agent");
const FailoverToken = token<Failover | null>("Failover");

/** The parts that are there from outside. `failover`: null where the agent is no member of a pair. */
export interface Assembled {
  readonly agent: Agent;
  readonly host: Host;
  readonly failover: Failover | null;
}

/** The real agent of a Pi, put together. Look at the host once before the agent is started. */
export function assemble(settings: AgentSettings): Assembled {
  const parts = hostParts(settings)
    .provide(Settings, () => settings)
    .provide(FailoverToken, (from) => failover(from))
    .provide(AgentToken, (from) => {
      const member = from.get(FailoverToken);
      return new Agent({ ...agentParts(from), ...(member && { role: () => member.role }) });
    });
  return { agent: parts.get(AgentToken), host: parts.get(HostToken), failover: parts.get(FailoverToken) };
}

/** The host alone, for whoever only looks. */
export const assembleHost = (settings: HostSettings): Host => hostParts(settings).get(HostToken);

const hostParts = (settings: HostSettings): Parts =>
  new Parts()
    .provide(OfHost, () => settings)
    .provide(Time, () => systemClock)
    .provide(FileSystem, (from) => {
      const { root, statePath, reserved = [], log } = from.get(OfHost);
      return new NodeFileSystem({
        root,
        // No Score may write the agent's own memory, nor what says what it may do.
        reserved: withinRoot([statePath, ...reserved], root),
        onWatchProblem: (problem) => log("drift of some files will be found by the periodic pass alone", { problem }),
      });
    })
    .provide(HostToken, (from) => {
      const { linked, capabilities } = from.get(OfHost);
      return new Host({ topology: hostTopology(linked, capabilities), offerings: offerings(from), ...around(from) });
    });

function offerings(from: Parts): Readonly<Record<string, Offering<object>>> {
  const { linked, root, servers, statePath, capabilities, trail, log } = from.get(OfHost);
  const host = {
    root,
    servers,
    statePath,
    capabilities,
    files: from.get(FileSystem),
    clock: from.get(Time),
    trail,
    log,
  };
  return Object.fromEntries(Object.entries(linked.adapters).map(([name, adapter]) => [name, adapter(host)]));
}

const around = (from: Parts): { readonly clock: Clock; readonly log: Log } => ({
  clock: from.get(Time),
  log: from.get(OfHost).log,
});

function failover(from: Parts): Failover | null {
  const { pair, agentId } = from.get(Settings);
  if (pair === null) return null;
  const { id, disk, ledger } = pair;
  const onRole = (): void => from.get(AgentToken).roleChanged();
  return new Failover({
    ...agentParts(from),
    pair: id,
    member: agentId,
    disk,
    ledger,
    leaseClock: sleeplessClock,
    onRole,
  });
}

function agentParts(from: Parts): AgentParts {
  const settings = from.get(Settings);
  const { agentId, bootId, trustedKeys, authors, policy, deviceKeys, store, ledger, assets, driftPassMs, trail, logs } =
    settings;
  return {
    agentId,
    kinds: settings.linked.kinds,
    trustedKeys,
    authors,
    policy,
    deviceKeys,
    host: from.get(HostToken),
    device: deviceFacts(),
    labels: settings.labels,
    store,
    ledger,
    logs,
    assets,
    driftPassMs,
    trail,
    ...(trail && {
      onSecretUse: ({ scoreId, secret }) =>
        trail.demand({ type: "SecretAccessed", secret: asName(secret), score: asName(scoreId) }),
    }),
    ...around(from),
    random: Math.random,
    breathe,
    bootId,
  };
}
