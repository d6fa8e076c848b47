import { Agent } from "../../src/agent/agent.ts";
import type { Detection } from "../../src/agent/adapters/offering.ts";
import { DeviceKeys } from "../../src/agent/device-keys.ts";
import { Host } from "../../src/agent/host.ts";
import { Ledger } from "../../src/agent/ledger.ts";
import {
  type AnyCapability,
  AuditedShell,
  ContainerRuntime,
  FileSystemHost,
  K8sClient,
  NetworkConfigurator,
  PackageManager,
  PacketFilter,
  SystemdHost,
} from "../../src/capabilities/index.ts";
import { KINDS } from "../../src/scores/index.ts";
import type { AnyScoreClass } from "../../src/scores/score.ts";
import { FakeClock, MemoryStore } from "../../src/testing/index.ts";
import { type Topology, topology } from "../../src/topology/topology.ts";
import { inlineEnvelope } from "../../src/wire/encode.ts";
import type { Payload, WireScore } from "../../src/wire/envelope.ts";
import { AgentId, planSubject } from "../../src/wire/keys.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { CapabilitiesDocument, PlanReply, readDocument } from "../../src/wire/status.ts";
import { MemoryDisk } from "../agent/support/memory-disk.ts";
import { fakePorts } from "../support/fake-ports.ts";
import type { CapabilityName, Case } from "./case.ts";
import type { Refusal } from "./checker-gate.ts";

export const AGENT = AgentId.parse("pi-7");

/** Secrets are sealed for these; made once, since making them takes longer than all the rest. */
export const deviceKeys = await DeviceKeys.open(new MemoryDisk(), new Date(0), () => {});

export interface Judged {
  readonly whole: Refusal | null;
  /** By Score id. One that is not there is taken. */
  readonly scores: ReadonlyMap<string, Refusal>;
}

/**
 * A whole agent on a device of this sort, which has started, found out what its host offers and published it. It is asked
 * over its store what it would do with bytes, and so judges them by the very gate that it judges its own key by.
 */
export class AgentAsked {
  readonly #agent: Agent;
  readonly #operator: MemoryStore;

  private constructor(agent: Agent, operator: MemoryStore) {
    this.#agent = agent;
    this.#operator = operator;
  }

  static async start({ place, agent: asked }: Case, own: readonly AnyScoreClass[]): Promise<AgentAsked> {
    const server = new MemoryServer();
    const clock = new FakeClock();
    const ports = fakePorts(clock);
    const detection = (name: CapabilityName): Detection => {
      const reason = place.absent[name];
      return reason === undefined ? { _tag: "Found", facts: {} } : { _tag: "Absent", reason };
    };
    const whole: Topology = topology(
      place.name,
      place.offers.map((name) => TAGS[name]),
    );
    const host = new Host({
      topology: whole,
      offerings: Object.fromEntries(
        place.offers.map((name) => [name, { port: ports[name], detect: async () => detection(name), close: () => {} }]),
      ),
      clock,
      log: () => {},
    });
    await host.look();
    const { policy } = asked;
    const agent = new Agent({
      agentId: AGENT,
      kinds: kindsOf(asked, own),
      trustedKeys: new Map(),
      policy: policy === null ? undefined : () => policy,
      deviceKeys: asked.hasKeys ? deviceKeys : undefined,
      host,
      device: undefined,
      store: new MemoryStore(server),
      ledger: await Ledger.open(new MemoryDisk(), () => {}),
      clock,
      log: () => {},
      random: () => 0.5,
      breathe: async () => {},
      bootId: "boot-1",
      driftPassMs: 300_000,
    });
    agent.start();
    return new AgentAsked(agent, new MemoryStore(server));
  }

  /** As it has published it. */
  async document(): Promise<CapabilitiesDocument> {
    for (;;) {
      const found = await this.#operator.get("capabilities", AGENT);
      if (found._tag === "Unreachable") throw new Error(found.message);
      if (found._tag !== "Value") {
        await new Promise((resume) => setImmediate(resume));
        continue;
      }
      const read = readDocument(CapabilitiesDocument, found.value);
      if (read._tag === "Unreadable") throw new Error(read.message);
      return read.document;
    }
  }

  async judge(scores: Readonly<Record<string, WireScore>>): Promise<Judged> {
    const payload: Payload = { agentId: AGENT, generation: 1, issuedAt: new Date(0).toISOString(), scores };
    const reply = await this.#operator.request(planSubject(AGENT), inlineEnvelope(JSON.stringify(payload), []));
    // It must answer, whatever the bytes are.
    if (reply._tag !== "Reply") return { whole: { reason: "no answer", message: "" }, scores: new Map() };
    const read = readDocument(PlanReply, reply.value);
    if (read._tag === "Unreadable") throw new Error(read.message);
    const { document } = read;
    if (document._tag === "Refused") return { whole: document, scores: new Map() };
    const refused = Object.entries(document.scores).flatMap(([id, score]) =>
      score.would === "REFUSE" ? [[id, score.error] as const] : [],
    );
    return { whole: null, scores: new Map(refused) };
  }

  stop(): Promise<void> {
    return this.#agent.stop();
  }
}

const TAGS: Readonly<Record<CapabilityName, AnyCapability>> = {
  AuditedShell,
  ContainerRuntime,
  FileSystemHost,
  K8sClient,
  NetworkConfigurator,
  PackageManager,
  PacketFilter,
  SystemdHost,
};

/** What its build knows: everything, but for some kinds, and other versions of some. */
const kindsOf = ({ unknown, skewed }: Case["agent"], own: readonly AnyScoreClass[]): readonly AnyScoreClass[] =>
  [...KINDS, ...own]
    .filter(({ kind }) => !unknown.includes(kind))
    .map((each: AnyScoreClass) =>
      skewed.includes(each.kind) ? { ...statics(each), version: each.version + 1 } : each,
    );

const statics = (of: AnyScoreClass): AnyScoreClass => ({
  kind: of.kind,
  version: of.version,
  requires: of.requires,
  schema: of.schema,
  parse: (spec) => of.parse(spec),
});
