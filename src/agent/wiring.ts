import { randomUUID } from "node:crypto";
import { KINDS } from "../scores/index.ts";
import type { Clock, Log } from "../scores/context.ts";
import { PiTopology } from "../topology/pi.ts";
import type { AgentId } from "../wire/keys.ts";
import type { TrustedKeys } from "../wire/signature.ts";
import type { Store } from "../wire/store.ts";
import { NodeFileSystem } from "./adapters/node-file-system.ts";
import { breathe, systemClock } from "./adapters/system-clock.ts";
import { Agent, type AgentParts } from "./agent.ts";
import { Parts, type Providers, token } from "./container.ts";
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
const FileSystem = token<NodeFileSystem>("FileSystemHost");
const Ports = token<Providers<typeof PiTopology>>("Ports");
const AgentToken = token<Agent>("Agent");

/** The real agent of a Pi, put together. `close` lets go of what its adapters hold. */
export function assemble(settings: AgentSettings): { readonly agent: Agent; readonly close: () => void } {
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
    .provide(Ports, (from) => ({ FileSystemHost: from.get(FileSystem) }))
    .provide(AgentToken, (from) => new Agent(agentParts(from)));
  return { agent: parts.get(AgentToken), close: () => parts.get(FileSystem).close() };
}

function agentParts(from: Parts): AgentParts {
  const { agentId, trustedKeys, store, ledger, log, driftPassMs, root } = from.get(Settings);
  return {
    gate: { agentId, kinds: KINDS, topology: PiTopology, trustedKeys },
    store,
    ledger,
    log,
    driftPassMs,
    ports: from.get(Ports),
    clock: from.get(Time),
    random: Math.random,
    breathe,
    bootId: randomUUID(),
    facts: { FileSystemHost: { root } },
  };
}
