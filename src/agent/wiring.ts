import { KINDS } from "../scores/index.ts";
import type { Clock, Log } from "../scores/context.ts";
import { PiTopology } from "../topology/pi.ts";
import { PiWithAuditedShellTopology } from "../topology/pi-with-audited-shell.ts";
import { type Topology, topology } from "../topology/topology.ts";
import type { DevicePolicies } from "../wire/device-policy.ts";
import { asName } from "../wire/events.ts";
import type { AgentId } from "../wire/keys.ts";
import type { Labels } from "../wire/labels.ts";
import type { TrustedKeys } from "../wire/signature.ts";
import type { Store } from "../wire/store.ts";
import { withinRoot } from "./adapters/agent-policy.ts";
import { AptPackageManager } from "./adapters/apt-package-manager.ts";
import { deviceFacts } from "./adapters/device-facts.ts";
import { NftPacketFilter } from "./adapters/nft-packet-filter.ts";
import { LocalShell } from "./adapters/local-shell.ts";
import { HostNetwork } from "./adapters/host-network.ts";
import { natsAnswers } from "./adapters/nats-answers.ts";
import { NodeFileSystem } from "./adapters/node-file-system.ts";
import { fileSystemOffering, inDirectory, notEnabled, type Offering } from "./adapters/offering.ts";
import { PodmanOffering } from "./adapters/podman-offering.ts";
import { breathe, sleeplessClock, systemClock } from "./adapters/system-clock.ts";
import { SystemdOffering } from "./adapters/systemd-offering.ts";
import type { AgentParts } from "./agent-parts.ts";
import { Agent } from "./agent.ts";
import type { AssetCache } from "./assets/asset-cache.ts";
import type { CapabilityName } from "./cage/needs.ts";
import { Parts, token } from "./container.ts";
import type { DeviceKeys } from "./device-keys.ts";
import type { Disk } from "./disk.ts";
import { Failover } from "./failover.ts";
import { Host, type Offerings } from "./host.ts";
import type { Trail } from "./trail.ts";
import type { Ledger } from "./ledger.ts";

/** What it takes to look at the host. */
export interface HostSettings {
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
    .provide(
      HostToken,
      (from) => new Host({ topology: kindOfHost(from), offerings: offerings(from), ...around(from) }),
    );

type HostTopology = Topology<string, (typeof PiWithAuditedShellTopology)["offers"]>;

/** A Pi that does not run commands is an ordinary one, which says how that could be changed. */
const kindOfHost = (from: Parts): HostTopology =>
  from.get(OfHost).capabilities.includes("AuditedShell")
    ? PiWithAuditedShellTopology
    : topology(PiTopology.name, PiWithAuditedShellTopology.offers);

/** One line for each capability of {@link PiWithAuditedShellTopology}. */
function offerings(from: Parts): Offerings<HostTopology> {
  const { root, servers, statePath, capabilities, trail, log } = from.get(OfHost);
  const files = from.get(FileSystem);
  const ofMachine = <Port>(offering: Offering<Port>): Offering<Port> =>
    root === "/" ? offering : inDirectory(offering);
  const enabled = <Port>(name: CapabilityName, offering: Offering<Port>): Offering<Port> =>
    capabilities.includes(name) ? offering : notEnabled(name, offering);
  const clock = from.get(Time);
  const systemd = new SystemdOffering({ files, clock });
  return {
    FileSystemHost: enabled("FileSystemHost", fileSystemOffering(files, root)),
    SystemdHost: enabled("SystemdHost", ofMachine(systemd)),
    ContainerRuntime: enabled(
      "ContainerRuntime",
      ofMachine(new PodmanOffering({ files, supervisor: systemd.port, clock })),
    ),
    NetworkConfigurator: enabled(
      "NetworkConfigurator",
      ofMachine(new HostNetwork({ files, reachable: natsAnswers(() => servers), notesPath: `${statePath}/network` })),
    ),
    PacketFilter: enabled("PacketFilter", ofMachine(new NftPacketFilter())),
    PackageManager: enabled("PackageManager", ofMachine(new AptPackageManager())),
    // It says itself by which flag it is enabled, and runs nothing before.
    AuditedShell: ofMachine(
      new LocalShell({
        isEnabled: capabilities.includes("AuditedShell") && root === "/",
        directory: statePath,
        ...(trail && { record: (event) => trail.demand(event) }),
        log,
      }),
    ),
  };
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
    kinds: KINDS,
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
