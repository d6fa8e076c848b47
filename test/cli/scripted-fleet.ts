import { afterAll, beforeAll } from "vitest";
import type { NatsServer } from "../../src/cli/nats-server.ts";
import { connectStore } from "../../src/wire/nats/connect.ts";
import type { Store, StoreAdmin } from "../../src/wire/store.ts";
import { PI, type Script, scriptedAgent } from "../fleet/scripted-agent.ts";
import { natsServer } from "../support/nats-server.ts";
import { folder, harmony, type HowToRun, manifestOf, type Ran } from "./in-process.ts";

/** A real server for the tests of one file, and a device that an agent by script plays there. */
export class ScriptedFleet {
  #server: NatsServer | undefined;
  #device: (Store & StoreAdmin) | undefined;
  agent: ReturnType<typeof scriptedAgent> | undefined;

  constructor() {
    const endings: (() => Promise<void>)[] = [];
    // Registered here: vitest takes no afterAll from within a beforeAll.
    afterAll(async () => {
      for (const end of endings.toReversed()) await end();
    });
    beforeAll(async () => {
      this.#server = await natsServer({ cleanup: (stop) => void endings.push(stop) });
      const connected = await connectStore({ servers: this.#server.url });
      if (connected._tag === "Unreachable") throw new Error(connected.message);
      this.#device = connected.store;
      endings.push(() => connected.store.close());
    });
  }

  get device(): Store & StoreAdmin {
    if (this.#device === undefined) throw new Error("the server is there only while tests run");
    return this.#device;
  }

  /** Empty keys, and an agent that follows the script; null: no agent. */
  async begin(script: Script | null = {}): Promise<void> {
    this.agent?.stop();
    this.agent = undefined;
    await this.device.ensureBuckets();
    for (const bucket of ["desired-state", "actual-state", "heartbeat", "capabilities"] as const) {
      await this.device.delete(bucket, PI);
    }
    if (script !== null) this.agent = scriptedAgent(this.device, script);
  }

  async run(argv: readonly string[], how: HowToRun = {}): Promise<Ran> {
    return harmony(argv, { ...how, env: { HARMONY_SERVER: this.#server?.url ?? "", ...how.env } });
  }
}

/** A folder with a manifest m.ts of two Scores, one after the other. */
export const two = (): string =>
  folder({ "m.ts": manifestOf({ a: ["/a", "1"], b: ["/b", "2"] }, '{ after: { b: ["a"] } }') });

export const json = (text: string): unknown => JSON.parse(text);
