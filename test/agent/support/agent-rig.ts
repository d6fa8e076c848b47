import type { Detection } from "../../../src/agent/adapters/offering.ts";
import { Agent } from "../../../src/agent/agent.ts";
import { Host } from "../../../src/agent/host.ts";
import { Ledger } from "../../../src/agent/ledger.ts";
import { FakeClock, settle } from "../../../src/testing/fake-clock.ts";
import { FakeFileSystem } from "../../../src/testing/fake-file-system.ts";
import type { Authors } from "../../../src/wire/authors.ts";
import type { DevicePolicies } from "../../../src/wire/device-policy.ts";
import { MemoryServer } from "../../../src/wire/memory-server.ts";
import { MemoryStore } from "../../../src/wire/memory-store.ts";
import {
  AgentStatus,
  type Condition,
  CapabilitiesDocument,
  Heartbeat,
  PlanReply,
  readDocument,
} from "../../../src/wire/status.ts";
import { planSubject } from "../../../src/wire/keys.ts";
import { AGENT, envelopeOf, gate, type Wanted } from "./manifests.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { FakeProbe, TestTopology } from "./probe.ts";

/** One device: what stays when the agent on it is started anew. */
export interface Device {
  readonly files: FakeFileSystem;
  readonly probe: FakeProbe;
  readonly disk: MemoryDisk;
}
export const device = (): Device => ({ files: new FakeFileSystem(), probe: new FakeProbe(), disk: new MemoryDisk() });

export interface AgentRigOptions {
  readonly server?: MemoryServer;
  readonly on?: Device;
  readonly clock?: FakeClock;
  /** Default: connected. */
  readonly offline?: boolean;
  readonly bootId?: string;
  /** What the first look finds of the probe. Default: that it is there. */
  readonly probe?: Detection;
  /** What the owner of the device allows. Default: the agent knows of no policy. */
  readonly policy?: () => DevicePolicies;
  /** Whom the device trusts. Default: signatures are not asked for. */
  readonly authors?: () => Authors;
}

/** What a look finds on the device; a test may change it. */
export interface Found {
  files: Detection;
  probe: Detection;
}

/** A whole agent in memory, with the server that it talks to and somebody who looks at both from outside. */
export class AgentRig {
  readonly server: MemoryServer;
  readonly store: MemoryStore;
  readonly operator: MemoryStore;
  readonly clock: FakeClock;
  readonly device: Device;
  readonly ledger: Ledger;
  readonly host: Host;
  readonly agent: Agent;
  readonly found: Found = {
    files: { _tag: "Found", facts: { root: "/" } },
    probe: { _tag: "Found", facts: {} },
  };
  readonly logged: string[] = [];
  /** The same with what else was said. */
  readonly told: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
  /** Writes to `actual-state` that this agent tried. */
  statusWrites = 0;

  private constructor(options: AgentRigOptions, ledger: Ledger, on: Device) {
    this.server = options.server ?? new MemoryServer();
    this.store = new MemoryStore(this.server);
    this.operator = new MemoryStore(this.server);
    this.clock = options.clock ?? new FakeClock();
    this.device = on;
    this.ledger = ledger;
    if (options.offline === true) this.store.disconnect();
    const put = this.store.put.bind(this.store);
    this.store.put = (...given) => {
      if (given[0] === "actual-state") this.statusWrites += 1;
      return put(...given);
    };
    const log = (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      this.logged.push(message);
      this.told.push({ message, fields });
    };
    this.host = new Host({
      topology: TestTopology,
      offerings: {
        FileSystemHost: { port: on.files, detect: async () => this.found.files, close: () => {} },
        ProbeHost: { port: on.probe, detect: async () => this.found.probe, close: () => {} },
      },
      clock: this.clock,
      log,
    });
    this.agent = new Agent({
      agentId: AGENT,
      kinds: gate.kinds,
      trustedKeys: gate.trustedKeys,
      policy: options.policy,
      authors: options.authors,
      host: this.host,
      device: undefined,
      store: this.store,
      ledger,
      clock: this.clock,
      log,
      random: () => 0.5,
      breathe: () => new Promise((resume) => setImmediate(resume)),
      bootId: options.bootId ?? "boot-1",
      driftPassMs: 300_000,
    });
  }

  static async open(options: AgentRigOptions = {}): Promise<AgentRig> {
    const on = options.on ?? device();
    const rig = new AgentRig(options, await Ledger.open(on.disk, () => {}), on);
    if (options.probe !== undefined) rig.found.probe = options.probe;
    await rig.host.look();
    return rig;
  }

  static async start(options: AgentRigOptions = {}): Promise<AgentRig> {
    const rig = await AgentRig.open(options);
    rig.agent.start();
    await settle();
    return rig;
  }

  /** The process dies and is started again, on the same device and server; what had not reached the disk is gone. */
  async restart(options: AgentRigOptions = {}): Promise<AgentRig> {
    this.store.disconnect();
    await this.agent.stop();
    const { files, probe, disk } = this.device;
    return AgentRig.start({
      server: this.server,
      on: { files, probe, disk: disk.copy() },
      bootId: "boot-2",
      ...options,
    });
  }

  async send(value: Wanted | Uint8Array): Promise<void> {
    await this.operator.put("desired-state", AGENT, value instanceof Uint8Array ? value : envelopeOf(value));
    await settle();
  }

  /** Lets a second pass, so that what was told is in the store. */
  async status(): Promise<AgentStatus> {
    await this.clock.advance(1000);
    const found = await this.operator.get("actual-state", AGENT);
    if (found._tag !== "Value") throw new Error(`the status is ${found._tag}`);
    const read = readDocument(AgentStatus, found.value);
    if (read._tag === "Unreadable") throw new Error(read.message);
    return read.document;
  }

  /** The agent's conditions as the store has them: `True Converged`. */
  async conditions(): Promise<Readonly<Partial<Record<Condition["type"], string>>>> {
    const { conditions } = await this.status();
    return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
  }

  async states(): Promise<Readonly<Record<string, string>>> {
    const { scores } = await this.status();
    return Object.fromEntries(Object.entries(scores).map(([id, { state }]) => [id, state]));
  }

  async document<T>(bucket: "heartbeat" | "capabilities", schema: { parse(value: unknown): T }): Promise<T> {
    const found = await this.operator.get(bucket, AGENT);
    if (found._tag !== "Value") throw new Error(`${bucket} is ${found._tag}`);
    return schema.parse(JSON.parse(Buffer.from(found.value).toString()));
  }
  heartbeat = (): Promise<Heartbeat> => this.document("heartbeat", Heartbeat);
  capabilities = (): Promise<CapabilitiesDocument> => this.document("capabilities", CapabilitiesDocument);

  async plan(wanted: Wanted | Uint8Array): Promise<PlanReply | string> {
    const envelope = wanted instanceof Uint8Array ? wanted : envelopeOf(wanted);
    const reply = await this.operator.request(planSubject(AGENT), envelope);
    return reply._tag === "Reply" ? PlanReply.parse(JSON.parse(Buffer.from(reply.value).toString())) : reply._tag;
  }

  /** The files on the device with their text; directories as null. */
  get tree(): Readonly<Record<string, string | null>> {
    return Object.fromEntries(
      Object.entries(this.device.files.tree()).map(([path, entry]) => [
        path,
        entry.type === "file" && "text" in entry ? entry.text : null,
      ]),
    );
  }
}

/** The server lost everything; its buckets are there, and empty. */
export const wipe = (server: MemoryServer): void => {
  for (const bucket of server.buckets?.values() ?? []) {
    bucket.entries.clear();
    bucket.revision = 0;
  }
};

/** The conditions of an agent with which all is well. */
export const CONVERGED = {
  Ready: "True Converged",
  Reconciling: "False Idle",
  Degraded: "False NothingWrong",
  Accepted: "True Accepted",
};
