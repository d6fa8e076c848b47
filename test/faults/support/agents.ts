import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import { agentPolicy } from "../../../src/agent/adapters/agent-policy.ts";
import { StateDirectory } from "../../../src/agent/adapters/state-directory.ts";
import type { Agent } from "../../../src/agent/agent.ts";
import { LogRing } from "../../../src/agent/logs/log-ring.ts";
import { Ledger } from "../../../src/agent/ledger.ts";
import { ADAPTERS } from "../../../src/agent/adapters/offers/all.ts";
import { KINDS } from "../../../src/scores/index.ts";
import { assemble } from "../../../src/agent/wiring.ts";
import { createFleet, FileScore, type Fleet, manifest, PiTopology, systemClock } from "../../../src/index.ts";
import type { Manifest } from "../../../src/topology/manifest.ts";
import { AgentId } from "../../../src/wire/keys.ts";
import { type Connected, connectStore } from "../../../src/wire/nats/connect.ts";
import { AgentStatus, readDocument } from "../../../src/wire/status.ts";

/** An agent that no hint reached reads its key after 72 seconds at the latest. Otherwise only a failing test waits so long. */
export const patience = { timeout: 90_000, interval: 50 };

export interface FaultAgent {
  readonly id: AgentId;
  readonly agent: Agent;
  readonly root: string;
  readonly log: readonly string[];
  /** What the file of {@link wanted} holds. */
  readonly content: () => Promise<string>;
  /** Stops it as a service manager would; with the next `startAgent` on the same root it goes on. */
  readonly stop: () => Promise<void>;
}

export const wanted = (text: string): Manifest =>
  manifest(PiTopology, {
    changing: new FileScore({ path: "/changing", content: text }),
    same: new FileScore({ path: "/same", content: "same" }),
  });

export async function temporaryRoot(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "harmony-faults-root-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** The agent of a Pi with a real connection and a real disk, in this process: of fifty, none needs a process of its own. */
export async function startAgent(options: {
  readonly id: string;
  readonly servers: readonly string[];
  readonly root?: string;
  readonly pingIntervalMs?: number;
  readonly driftPassMs?: number;
  /** The content of its credentials file, where the server asks for one. */
  readonly credsFile?: string;
}): Promise<FaultAgent> {
  const { servers, pingIntervalMs, credsFile, driftPassMs = 300_000 } = options;
  const id = AgentId.parse(options.id);
  const root = options.root ?? (await temporaryRoot());
  const log: string[] = [];
  const tell = (message: string, fields: object = {}): void => void log.push(`${message} ${JSON.stringify(fields)}`);
  const state = await StateDirectory.open(root, null);
  const connected = await connectStore({
    servers,
    name: `harmony-agent ${id}`,
    inboxPrefix: `_INBOX.${id}`,
    waitOnFirstConnect: true,
    pingIntervalMs,
    credsFile,
  });
  if (connected._tag === "Unreachable") throw new Error(connected.message);
  const { store } = connected;
  const own = { policyFile: null, signedPolicy: null, configFile: null, credsFile: null, trust: [] };
  const policy = await agentPolicy({ ...own, agentId: id, root, state, log: tell });
  const bootId = randomUUID();
  const { agent, host } = assemble({
    linked: { kinds: KINDS, adapters: ADAPTERS },
    agentId: id,
    root,
    servers,
    statePath: state.path,
    capabilities: ["FileSystemHost"],
    bootId,
    logs: { memory: new LogRing(bootId), journal: null, ownUnit: null },
    driftPassMs,
    trustedKeys: new Map(),
    policy: policy.current,
    reserved: policy.reserved,
    store,
    ledger: await Ledger.open(state, tell),
    log: tell,
    pair: null,
  });
  await host.look();
  agent.start();
  let stopped: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    await agent.stop();
    await store.close();
    host.close();
  };
  const stop = (): Promise<void> => (stopped ??= end());
  onTestFinished(stop);
  return { id, agent, root, log, content: () => readFile(join(root, "changing"), "utf8").catch(() => ""), stop };
}

/** Whether a status says of exactly this generation that it is carried through, and these Scores with it. */
export const isConverged = (status: AgentStatus | null, generation: number, scores: readonly string[]): boolean =>
  status?.generation === generation &&
  status.observedGeneration === generation &&
  scores.every((score) => {
    const { [score]: told } = status.scores;
    return told?.state === "Ready" && told.generation === generation;
  }) &&
  status.conditions.some(({ type, reason }) => type === "Ready" && reason === "Converged");

/** Somebody who ships and reads. */
export class ControlPlane {
  readonly store: Connected["store"];
  readonly fleet: Fleet;

  private constructor(store: Connected["store"]) {
    this.store = store;
    this.fleet = createFleet({ store, clock: systemClock });
  }

  static async connect(servers: readonly string[], credsFile?: string): Promise<ControlPlane> {
    const made = await vi.waitFor(async () => {
      const connected = await connectStore({ servers, credsFile });
      if (connected._tag === "Unreachable") throw new Error(connected.message);
      return connected;
    }, patience);
    onTestFinished(() => made.store.close());
    return new ControlPlane(made.store);
  }

  async makeBuckets(): Promise<void> {
    await vi.waitFor(async () => {
      const made = await this.store.ensureBuckets();
      if (made._tag !== "Ready") throw new Error(made.message);
    }, patience);
  }

  /** Until the key has it, and no longer: gives the generation. What could not be reached is tried again, as a user would. */
  ship(id: AgentId, text: string): Promise<number> {
    return this.shipManifest(id, wanted(text));
  }

  async shipManifest(id: AgentId, whole: Manifest): Promise<number> {
    return vi.waitFor(async () => {
      const shipped = await this.fleet.apply(whole, id, { wait: false });
      if (shipped._tag !== "Shipped") throw new Error(JSON.stringify(shipped));
      return shipped.generation;
    }, patience);
  }

  async status(id: AgentId): Promise<AgentStatus | null> {
    const found = await this.store.get("actual-state", id, { timeoutMs: 2_000 });
    const read = found._tag === "Value" ? readDocument(AgentStatus, found.value) : null;
    return read?._tag === "Read" ? read.document : null;
  }

  /** Until the device is so and the status says it. */
  async converged(of: FaultAgent, text: string, generation: number): Promise<AgentStatus> {
    return vi.waitFor(async () => {
      const status = await this.status(of.id);
      const content = await of.content();
      if (status === null || !isConverged(status, generation, ["changing", "same"]) || content !== text) {
        const seen = `${JSON.stringify(status)}, and on the disk "${content}"`;
        throw new Error(`${of.id} is not at ${generation}, "${text}": ${seen}\n${of.log.slice(-8).join("\n")}`);
      }
      return status;
    }, patience);
  }
}
