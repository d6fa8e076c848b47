import { onTestFinished } from "vitest";
import type { Detection } from "../../../src/agent/adapters/offering.ts";
import { breathe, systemClock } from "../../../src/agent/adapters/system-clock.ts";
import { Agent } from "../../../src/agent/agent.ts";
import { Host } from "../../../src/agent/host.ts";
import { Ledger } from "../../../src/agent/ledger.ts";
import { KINDS } from "../../../src/scores/index.ts";
import { FileSystemHost } from "../../../src/capabilities/index.ts";
import { FakeFileSystem } from "../../../src/testing/fake-file-system.ts";
import { topology } from "../../../src/topology/topology.ts";
import { AgentId } from "../../../src/wire/keys.ts";
import { connectStore } from "../../../src/wire/nats/connect.ts";
import { MemoryDisk } from "../../agent/support/memory-disk.ts";

/** The real agent with a real connection; its device, and what it remembers, are in memory. */
export interface SimulatedAgent {
  readonly id: AgentId;
  readonly files: FakeFileSystem;
}

const found: Detection = { _tag: "Found", facts: { root: "/" } };
const Pi = topology("PiTopology", [FileSystemHost]);

export async function simulatedAgents(
  url: string,
  ids: readonly string[],
  labelsOf: (id: string) => Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, SimulatedAgent>> {
  const started = await Promise.all(ids.map(async (id) => startOne(url, AgentId.parse(id), labelsOf(id))));
  onTestFinished(async () => {
    await Promise.all(started.map(async ({ stop }) => stop()));
  });
  return new Map(started.map((each) => [each.id, each]));
}

async function startOne(url: string, id: AgentId, labels: Readonly<Record<string, string>>) {
  const connected = await connectStore({ servers: url, name: `harmony-agent ${id}`, inboxPrefix: `_INBOX.${id}` });
  if (connected._tag === "Unreachable") throw new Error(connected.message);
  const { store } = connected;
  const files = new FakeFileSystem();
  const log = (): void => {};
  const host = new Host({
    topology: Pi,
    offerings: { FileSystemHost: { port: files, detect: async () => found, close: () => {} } },
    clock: systemClock,
    log,
  });
  const agent = new Agent({
    agentId: id,
    kinds: KINDS,
    trustedKeys: new Map(),
    labels,
    host,
    device: undefined,
    store,
    ledger: await Ledger.open(new MemoryDisk(), log),
    clock: systemClock,
    log,
    random: Math.random,
    breathe,
    bootId: `boot-${id}`,
    driftPassMs: 300_000,
  });
  await host.look();
  agent.start();
  const stop = async (): Promise<void> => {
    await agent.stop();
    host.close();
    await store.close();
  };
  return { id, files, stop };
}
