import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import * as z from "zod";
import { freePort } from "../../support/free-port.ts";
import { RestartableServer } from "../../wire/nats/restartable-server.ts";

/** What the server itself tells of its clients. */
const Connections = z.object({
  connections: z.array(
    z.object({
      name: z.string().default(""),
      subscriptions: z.int(),
      subscriptions_list: z.array(z.string()).default([]),
    }),
  ),
});
const JetStream = z.object({ consumers: z.int() });
const Streams = z.object({
  account_details: z
    .array(
      z.object({
        stream_detail: z
          .array(z.object({ name: z.string(), cluster: z.object({ leader: z.string().optional() }).optional() }))
          .default([]),
      }),
    )
    .default([]),
});

/** What an agent costs its server, as docs/faults.md says it. */
export const COSTS = { connections: 1, subscriptions: 4, consumers: 0 } as const;

/** What a server tells of itself over HTTP. */
export class Monitored {
  readonly #monitoring: string;

  /** @param monitoring "http://127.0.0.1:PORT" */
  constructor(monitoring: string) {
    this.#monitoring = monitoring;
  }

  async told<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const answer = await fetch(`${this.#monitoring}/${path}`, { signal: AbortSignal.timeout(5_000) });
    return schema.parse(await answer.json());
  }

  /** The connections of agents, by the name that each gives itself. */
  async agents(): Promise<readonly z.infer<typeof Connections>["connections"][number][]> {
    const { connections } = await this.told("connz?subs=1&limit=4096", Connections);
    return connections.filter(({ name }) => name.startsWith("harmony-agent "));
  }

  async consumers(): Promise<number> {
    return (await this.told("jsz?consumers=1", JetStream)).consumers;
  }

  /** The server that leads this stream, by its name; undefined while none does. */
  async leaderOf(stream: string): Promise<string | undefined> {
    const { account_details } = await this.told("jsz?streams=1", Streams);
    const all = account_details.flatMap(({ stream_detail }) => stream_detail);
    return all.find(({ name }) => name === stream)?.cluster?.leader || undefined;
  }
}

/** A real server that can be killed, frozen and started again, and that tells of itself over HTTP. */
export class FaultyServer extends Monitored {
  readonly #server: RestartableServer;

  private constructor(server: RestartableServer, monitoring: string) {
    super(monitoring);
    this.#server = server;
  }

  /** `settings`: more of its configuration. It ends with the test. */
  static async start(settings = ""): Promise<FaultyServer> {
    const folder = await mkdtemp(join(tmpdir(), "harmony-faults-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const configFile = join(folder, "nats-server.conf");
    for (;;) {
      const port = await freePort();
      await writeFile(configFile, `http: "127.0.0.1:${port}"\n${settings}\n`);
      const server = await RestartableServer.start(configFile);
      onTestFinished(async () => {
        server.thaw();
        await server.stop();
      });
      const made = new FaultyServer(server, `http://127.0.0.1:${port}`);
      // Somebody else may have been faster to take a port that was free, and then answers in its place.
      const answers = await made.told("varz", z.object({ port: z.int() })).catch(() => null);
      if (answers?.port === Number(new URL(server.url).port)) return made;
      await server.stop();
    }
  }

  get url(): string {
    return this.#server.url;
  }
  kill(): Promise<void> {
    return this.#server.kill();
  }
  again(): Promise<void> {
    return this.#server.restart();
  }
  freeze(): Promise<void> {
    return this.#server.freeze();
  }
  thaw(): void {
    this.#server.thaw();
  }
}

/** What these servers together hold for agents: to be equal to {@link COSTS} times the number of agents. */
export async function costsOn(servers: readonly Monitored[]): Promise<Record<keyof typeof COSTS, number>> {
  const costs = { connections: 0, subscriptions: 0, consumers: 0 };
  for (const server of servers) {
    for (const { subscriptions } of await server.agents()) {
      costs.connections += 1;
      costs.subscriptions += subscriptions;
    }
    costs.consumers += await server.consumers();
  }
  return costs;
}

export const costsOf = (agents: number): Record<keyof typeof COSTS, number> => ({
  connections: agents * COSTS.connections,
  subscriptions: agents * COSTS.subscriptions,
  consumers: agents * COSTS.consumers,
});
