import { onTestFinished } from "vitest";
import { AgentId, connectStore, createFleet, type Fleet, systemClock } from "../../../src/index.ts";
import { AgentStatus, CapabilitiesDocument, readDocument } from "../../../src/wire/status.ts";
import type { Store } from "../../../src/wire/store.ts";
import { natsServer, type NatsServerForTest } from "../../support/nats-server.ts";
import { type AgentOnMachine, startAgent } from "./agent.ts";
import type { Machine } from "./machine.ts";

/** A machine with the shipped agent on it, a real server between, and the control plane's side of it. */
export interface Managed {
  readonly machine: Machine;
  readonly agentId: AgentId;
  /** As this host reaches the server. */
  readonly url: string;
  readonly fleet: Fleet;
  readonly store: Store;
  /** What the agent tells of one Score; undefined where it has told nothing yet. */
  scoreStatus: (id: string) => Promise<AgentStatus["scores"][string] | undefined>;
  /** What the agent says that it offers. @throws where it has said nothing yet */
  capabilities: () => Promise<CapabilitiesDocument>;
}

/** Starts a server and, on the machine, an agent that goes by the machine's name. Until the end of the test, unless `cleanup` is given. */
export async function managed(
  machine: Machine,
  { cleanup = onTestFinished, flags }: Pick<NatsServerForTest, "cleanup"> & Pick<AgentOnMachine, "flags"> = {},
): Promise<Managed> {
  const { url } = await natsServer({ cleanup });
  const agentId = AgentId.parse(machine.name);
  const connected = await connectStore({ servers: url });
  if (connected._tag === "Unreachable") throw new Error(connected.message);
  const { store } = connected;
  cleanup(async () => store.close());
  const ready = await store.ensureBuckets();
  if (ready._tag === "Unreachable") throw new Error(ready.message);
  await startAgent(machine, { id: agentId, server: await machine.natsUrl({ url }), flags });
  return {
    machine,
    agentId,
    url,
    store,
    fleet: createFleet({ store, clock: systemClock }),
    scoreStatus: async (id) => {
      const found = await store.get("actual-state", agentId);
      if (found._tag !== "Value") return undefined;
      const read = readDocument(AgentStatus, found.value);
      return read._tag === "Read" ? read.document.scores[id] : undefined;
    },
    capabilities: async () => {
      const found = await store.get("capabilities", agentId);
      if (found._tag !== "Value") throw new Error(`the capabilities are ${found._tag}`);
      const read = readDocument(CapabilitiesDocument, found.value);
      if (read._tag === "Unreadable") throw new Error(read.message);
      return read.document;
    },
  };
}
