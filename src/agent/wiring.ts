import { randomUUID } from "node:crypto";
import { KINDS } from "../scores/index.ts";
import type { Clock, Log } from "../scores/context.ts";
import { PiTopology } from "../topology/pi.ts";
import type { AgentId } from "../wire/keys.ts";
import type { TrustedKeys } from "../wire/signature.ts";
import type { Store } from "../wire/store.ts";
import { DbusSystemdHost } from "./adapters/dbus-systemd-host.ts";
import { deviceFacts } from "./adapters/device-facts.ts";
import { NodeFileSystem } from "./adapters/node-file-system.ts";
import { fileSystemOffering, inDirectory, type Offering } from "./adapters/offering.ts";
import { PodmanOffering } from "./adapters/podman-offering.ts";
import { breathe, systemClock } from "./adapters/system-clock.ts";
import { Agent, type AgentParts } from "./agent.ts";
import { Parts, token } from "./container.ts";
import { Host, type Offerings } from "./host.ts";
import type { Ledger } from "./ledger.ts";

export interface AgentSettings {
  readonly agentId: AgentId;
  readonly root: string;
  /** Where the ledger is. */
  readonly statePath: string;
  readonly driftPassMs: number;
  readonly trustedKeys: TrustedKeys;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly log: Log;
}

const Settings = token<AgentSettings>("AgentSettings");
const Time = token<Clock>("Clock");
const FileSystem = token<NodeFileSystem>("NodeFileSystem");
const HostToken = token<Host>("Host");
const AgentToken = token<Agent>("Agent");

/** The real agent of a Pi, put together. Look at the host once before the agent is started. */
export function assemble(settings: AgentSettings): { readonly agent: Agent; readonly host: Host } {
  const parts = new Parts()
    .provide(Settings, () => settings)
    .provide(Time, () => systemClock)
    .provide(FileSystem, (from) => {
      const { root, statePath, log } = from.get(Settings);
      const within = root === "/" ? statePath : statePath.slice(root.length);
      return new NodeFileSystem({
        root,
        // No Score may write the agent's own memory. Outside the root none can reach it.
        reserved: statePath.startsWith(root) ? [within] : [],
        onWatchProblem: (problem) => log("drift of some files will be found by the periodic pass alone", { problem }),
      });
    })
    .provide(HostToken, (from) => new Host({ topology: PiTopology, offerings: offerings(from), ...around(from) }))
    .provide(AgentToken, (from) => new Agent(agentParts(from)));
  return { agent: parts.get(AgentToken), host: parts.get(HostToken) };
}

/** One line for each capability of {@link PiTopology}. */
function offerings(from: Parts): Offerings<typeof PiTopology> {
  const { root } = from.get(Settings);
  const files = from.get(FileSystem);
  const ofMachine = <Port>(offering: Offering<Port>): Offering<Port> =>
    root === "/" ? offering : inDirectory(offering);
  const systemd = new DbusSystemdHost({ files });
  return {
    FileSystemHost: fileSystemOffering(files, root),
    SystemdHost: ofMachine(systemd),
    ContainerRuntime: ofMachine(new PodmanOffering({ files, supervisor: systemd })),
  };
}

const around = (from: Parts): { readonly clock: Clock; readonly log: Log } => ({
  clock: from.get(Time),
  log: from.get(Settings).log,
});

function agentParts(from: Parts): AgentParts {
  const { agentId, trustedKeys, store, ledger, driftPassMs } = from.get(Settings);
  return {
    agentId,
    kinds: KINDS,
    trustedKeys,
    host: from.get(HostToken),
    device: deviceFacts(),
    store,
    ledger,
    driftPassMs,
    ...around(from),
    random: Math.random,
    breathe,
    bootId: randomUUID(),
  };
}
