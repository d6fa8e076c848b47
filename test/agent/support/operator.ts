import { onTestFinished } from "vitest";
import { connectStore } from "../../../src/wire/nats/connect.ts";
import { AgentStatus, CapabilitiesDocument, Heartbeat, readDocument } from "../../../src/wire/status.ts";
import type { Bucket, Store, StoreAdmin } from "../../../src/wire/store.ts";
import { eventually } from "./eventually.ts";
import { AGENT, envelopeOf, type Wanted } from "./manifests.ts";

/** Somebody at the other end of a real server, who sends manifests to the one agent and reads what it tells. */
export class Operator {
  readonly store: Store & StoreAdmin;

  private constructor(store: Store & StoreAdmin) {
    this.store = store;
  }

  static async connect(url: string): Promise<Operator> {
    const connected = await connectStore({ servers: url });
    if (connected._tag === "Unreachable") throw new Error(connected.message);
    const { store } = connected;
    onTestFinished(() => store.close());
    await eventually("the buckets are there", async () => (await store.ensureBuckets())._tag === "Ready");
    return new Operator(store);
  }

  /** Gives the revision. Tries again for as long as the server is away. */
  async send(value: Wanted | Uint8Array): Promise<number> {
    const bytes = value instanceof Uint8Array ? value : envelopeOf(value);
    return eventually("the manifest is stored", async () => {
      const written = await this.store.put("desired-state", AGENT, bytes, { timeoutMs: 1000 });
      if (written._tag === "TooLarge") throw new Error(`${written.bytes} bytes are too large`);
      return written._tag === "Written" && written.revision;
    });
  }

  async status(): Promise<AgentStatus | null> {
    return this.#read("actual-state", AgentStatus);
  }
  async heartbeat(): Promise<Heartbeat | null> {
    return this.#read("heartbeat", Heartbeat);
  }
  async capabilities(): Promise<CapabilitiesDocument | null> {
    return this.#read("capabilities", CapabilitiesDocument);
  }

  async revision(bucket: Bucket): Promise<number> {
    const found = await this.store.get(bucket, AGENT);
    return "revision" in found ? found.revision : 0;
  }

  /** Waits for a status like this. Each one that comes by is held against the schema. */
  async told(
    what: string,
    isSo: (status: AgentStatus) => boolean,
    tail: () => string = () => "",
  ): Promise<AgentStatus> {
    let last: AgentStatus | null = null;
    const look = async (): Promise<AgentStatus | null> => {
      last = await this.status();
      return last !== null && isSo(last) ? last : null;
    };
    return eventually(what, look, () => `${JSON.stringify(last)}\n${tail()}`);
  }

  converged(generation: number, tail?: () => string): Promise<AgentStatus> {
    const isSo = (status: AgentStatus): boolean =>
      status.generation === generation &&
      status.observedGeneration === generation &&
      reasonOf(status, "Ready") === "Converged" &&
      reasonOf(status, "Reconciling") === "Idle";
    return this.told(`generation ${generation} has converged`, isSo, tail);
  }

  async #read<T>(bucket: Bucket, schema: Parameters<typeof readDocument<T>>[0]): Promise<T | null> {
    const found = await this.store.get(bucket, AGENT, { timeoutMs: 1000 });
    if (found._tag !== "Value") return null;
    const read = readDocument(schema, found.value);
    if (read._tag === "Unreadable") throw new Error(`${bucket}: ${read.message}`);
    return read.document;
  }
}

export const reasonOf = (
  { conditions }: AgentStatus,
  wanted: AgentStatus["conditions"][number]["type"],
): string | undefined => conditions.find(({ type }) => type === wanted)?.reason;
