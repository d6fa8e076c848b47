import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, nkeyAuthenticator, type MsgHdrs, type NatsConnection } from "nats";
import { FleetDescription } from "../../src/cli/fleet-setup/description.ts";
import { accountsConfig } from "../../src/cli/fleet-setup/server-config.ts";
import { startNatsServer } from "../../src/cli/nats-server.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { type Connected, connectStore } from "../../src/wire/nats/connect.ts";
import { credentialsFile, userInbox } from "../../src/wire/nats/credentials.ts";
import { agentInbox } from "../../src/wire/nats/grants.ts";
import { serveRenewals } from "../../src/wire/nats/renewal-service.ts";
import { makeUserKey } from "../../src/wire/nats/nkey.ts";
import { ALL_BUCKETS } from "../../src/wire/store.ts";
import { AGENT } from "../agent/support/manifests.ts";

export const OTHER = AgentId.parse("pi-8");
/** A member of the pair, which is no agent itself. */
export const MEMBER = AgentId.parse("pi-9");
export const PAIR = AgentId.parse("pair-1");
export const STREAMS = [...ALL_BUCKETS.map((bucket) => `KV_${bucket}`), "OBJ_assets", "harmony-events"];

export const USERS = ["operator", "author", "viewer", "dashboard", "agent", "other", "member"] as const;
export type User = (typeof USERS)[number];

/** What a raw connection was told that it may not. */
interface Raw {
  readonly connection: NatsConnection;
  readonly violations: string[];
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const text = (value: Uint8Array): string => new TextDecoder().decode(value);

/** A real server with the accounts of a fleet: agents pi-7 and pi-8, and each role. */
export class Scene {
  readonly url: string;
  readonly #seeds: Readonly<Record<User, string>>;
  readonly #inboxes: Readonly<Record<User, string>>;
  readonly #stores = new Map<User, Connected["store"]>();
  readonly #raws = new Map<User, Raw>();
  readonly #stop: () => Promise<void>;
  /** Of what `agent` can read, all of it; of what it cannot, a text that nobody else holds. */
  asset = "";

  private constructor(
    url: string,
    seeds: Record<User, string>,
    inboxes: Record<User, string>,
    stop: () => Promise<void>,
  ) {
    this.url = url;
    this.#seeds = seeds;
    this.#inboxes = inboxes;
    this.#stop = stop;
  }

  /** `alter`: what becomes of the configuration before the server sees it, to plant a hole. */
  static async start(alter: (config: string) => string = (config) => config): Promise<Scene> {
    const folder = await mkdtemp(join(tmpdir(), "harmony-permissions-"));
    const pairs = {
      system: makeUserKey(),
      operator: makeUserKey(),
      author: makeUserKey(),
      viewer: makeUserKey(),
      dashboard: makeUserKey(),
      agent: makeUserKey(),
      other: makeUserKey(),
      member: makeUserKey(),
    };
    const { system, operator, author, viewer, dashboard, agent, other, member } = pairs;
    const acceptedAt = "2026-01-01T00:00:00.000Z";
    const fleet = FleetDescription.parse({
      version: 1,
      listen: { address: "127.0.0.1", port: 4222 },
      hosts: ["localhost"],
      keys: {
        system: system.publicKey,
        operator: operator.publicKey,
        author: author.publicKey,
        viewer: viewer.publicKey,
        dashboard: dashboard.publicKey,
      },
      agents: {
        [AGENT]: { key: agent.publicKey, acceptedAt },
        [OTHER]: { key: other.publicKey, acceptedAt },
        [MEMBER]: { key: member.publicKey, acceptedAt, pair: PAIR },
      },
    });
    const configFile = join(folder, "nats.conf");
    await writeFile(configFile, alter(accountsConfig(fleet)));
    const { signal } = new AbortController();
    const server = await startNatsServer({ storeDir: join(folder, "store"), configFile, signal });
    const inboxes = {
      operator: userInbox(operator.publicKey),
      author: userInbox(author.publicKey),
      viewer: userInbox(viewer.publicKey),
      dashboard: userInbox(dashboard.publicKey),
      agent: agentInbox(AGENT),
      other: agentInbox(OTHER),
      member: agentInbox(MEMBER),
    };
    const seeds = {
      operator: operator.seed,
      author: author.seed,
      viewer: viewer.seed,
      dashboard: dashboard.seed,
      agent: agent.seed,
      other: other.seed,
      member: member.seed,
    };
    const desk = { servers: server.url, credsFile: credentialsFile(operator.seed, null) };
    const close = serveRenewals(desk, async (id, asked) => bytes(`${id} asks ${new TextDecoder().decode(asked)}`));
    const scene = new Scene(server.url, seeds, inboxes, async () => {
      await close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    });
    await scene.#furnish();
    return scene;
  }

  /** Every key of both agents holds something, and there is an asset. */
  async #furnish(): Promise<void> {
    const operator = await this.store("operator");
    const ready = await operator.ensureBuckets();
    if (ready._tag !== "Ready") throw new Error(ready.message);
    for (const bucket of ALL_BUCKETS) {
      await operator.put(bucket, AGENT, bytes(`own ${bucket}`));
      await operator.put(bucket, OTHER, bytes(`secret ${bucket}`));
      await operator.put(bucket, PAIR, bytes(`secret ${bucket}`));
    }
    for (const [user, id] of [
      ["agent", AGENT],
      ["other", OTHER],
    ] as const) {
      const told = await (await this.store(user)).tellEvent(id, bytes(`secret event of ${id}`), `first-${id}`);
      if (told._tag !== "Told") throw new Error(told.message);
    }
    const stored = await operator.putAsset(bytes("an asset"));
    if (stored._tag !== "Stored") throw new Error(stored.message);
    this.asset = stored.sha256;
    // What follows is about the rights of users and not about first connections.
    for (const user of USERS) await this.raw(user);
  }

  inbox(user: User): string {
    return this.#inboxes[user];
  }

  credentials(user: User): string {
    return credentialsFile(this.#seeds[user], null);
  }

  async store(user: User): Promise<Connected["store"]> {
    const known = this.#stores.get(user);
    if (known !== undefined) return known;
    const connected = await connectStore({
      servers: this.url,
      credsFile: this.credentials(user),
      inboxPrefix: this.inbox(user),
    });
    if (connected._tag === "Unreachable") throw new Error(connected.message);
    this.#stores.set(user, connected.store);
    return connected.store;
  }

  async raw(user: User): Promise<NatsConnection> {
    return (await this.#raw(user)).connection;
  }

  async #raw(user: User): Promise<Raw> {
    const known = this.#raws.get(user);
    if (known !== undefined) return known;
    const connection = await connect({
      servers: this.url,
      authenticator: nkeyAuthenticator(bytes(this.#seeds[user])),
      inboxPrefix: this.inbox(user),
      reconnect: false,
    });
    const violations: string[] = [];
    void (async () => {
      for await (const { permissionContext } of connection.status()) {
        if (permissionContext !== undefined) {
          violations.push(`${permissionContext.operation} ${permissionContext.subject}`);
        }
      }
    })();
    const raw = { connection, violations };
    this.#raws.set(user, raw);
    return raw;
  }

  /** Publishes, and gives what the server refused of it. */
  async publish(
    user: User,
    subject: string,
    payload: string,
    more: { readonly reply?: string; readonly headers?: MsgHdrs } = {},
  ): Promise<readonly string[]> {
    return this.#refused(user, (connection) => connection.publish(subject, payload, more));
  }

  /** Subscribes, and gives what the server refused of it. */
  async subscribe(user: User, subject: string, queue?: string): Promise<readonly string[]> {
    return this.#refused(user, (connection) => {
      const subscription = connection.subscribe(subject, {
        ...(queue === undefined ? {} : { queue }),
        callback: () => {},
      });
      return () => subscription.unsubscribe();
    });
  }

  async #refused(user: User, act: (connection: NatsConnection) => (() => void) | void): Promise<readonly string[]> {
    const { connection, violations } = await this.#raw(user);
    violations.length = 0;
    const undo = act(connection);
    // The server answers a ping after everything that came before it.
    await connection.flush();
    await new Promise((resolve) => setImmediate(resolve));
    const refused = [...violations];
    if (undo !== undefined && !connection.isClosed()) undo();
    return refused;
  }

  /** Everything that `agent` has no right to change, as the operator sees it. */
  async untouchable(): Promise<unknown> {
    const operator = await this.store("operator");
    const raw = await this.raw("operator");
    const values = ALL_BUCKETS.flatMap((bucket) =>
      [AGENT, OTHER, PAIR]
        .filter((id) => id !== AGENT || bucket === "desired-state" || bucket === "rollouts")
        .map((id) => operator.get(bucket, id)),
    );
    const infos = STREAMS.map(async (stream) => {
      const info = (await raw.request(`$JS.API.STREAM.INFO.${stream}`)).json<StreamFacts>();
      const { consumer_count, num_subjects } = info.state ?? {};
      return { stream, config: info.config, consumer_count, num_subjects };
    });
    const events = await Promise.all([operator.lastEvent(OTHER), operator.lastEvent(PAIR)]);
    const names = (await raw.request("$JS.API.STREAM.NAMES")).json<{ readonly streams?: readonly string[] }>().streams;
    return {
      values: (await Promise.all(values)).map((found) =>
        found._tag === "Value" ? { ...found, value: text(found.value) } : found,
      ),
      infos: await Promise.all(infos),
      events: events.map((found) => (found._tag === "Event" ? { ...found, line: text(found.line) } : found)),
      names: names?.toSorted(),
    };
  }

  /** Of all streams. */
  async consumers(): Promise<number> {
    const raw = await this.raw("operator");
    const infos = STREAMS.map(async (stream) => raw.request(`$JS.API.STREAM.INFO.${stream}`));
    const counts = (await Promise.all(infos)).map((info) => info.json<StreamFacts>().state?.consumer_count ?? 0);
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async stop(): Promise<void> {
    for (const store of this.#stores.values()) await store.close();
    for (const { connection } of this.#raws.values()) await connection.close();
    await this.#stop();
  }
}

interface StreamFacts {
  readonly config?: object;
  readonly state?: {
    readonly consumer_count: number;
    readonly num_subjects?: number;
  };
}
