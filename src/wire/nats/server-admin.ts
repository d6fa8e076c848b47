import type { NatsConnection } from "nats";
import * as z from "zod";
import type { Unreachable } from "../store.ts";
import { dial, type DialOptions } from "./dial.ts";
import type { UserKey } from "./nkey.ts";
import { json } from "./publish.ts";
import { explain, unreachable } from "./unreachable.ts";
import { safeParse } from "../safe-parse.ts";

const ANSWER_MS = 3000;
/** How often is looked until something is so. */
const LOOK_MS = 50;

const Facts = z.object({ data: z.object({ config_load_time: z.string() }) });
const Connections = z.object({ data: z.object({ num_connections: z.int() }) });

/** Asks a server about itself, as a user of its system account. */
export class ServerAdmin {
  readonly #connection: NatsConnection;

  private constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  static async connect(options: DialOptions, signal: AbortSignal): Promise<ServerAdmin | Unreachable> {
    const dialled = await dial(options, signal);
    return "_tag" in dialled ? dialled : new ServerAdmin(dialled);
  }

  /** When it last read its configuration, as it says it: to be compared for equality. */
  async configurationReadAt(): Promise<string | Unreachable> {
    const facts = await this.#ask("VARZ", {}, Facts);
    return "_tag" in facts ? facts : facts.data.config_load_time;
  }

  /** How many connections a user of this account has. */
  async connectionsOf(account: string, key: UserKey): Promise<number | Unreachable> {
    const connections = await this.#ask("CONNZ", { acc: account, user: key, auth: true, limit: 1 }, Connections);
    return "_tag" in connections ? connections : connections.data.num_connections;
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #ask<T extends object>(what: string, options: object, schema: z.ZodType<T>): Promise<T | Unreachable> {
    try {
      const subject = `$SYS.REQ.SERVER.PING.${what}`;
      const answer = await this.#connection.request(subject, JSON.stringify(options), { timeout: ANSWER_MS });
      const read = safeParse(schema, json(answer.data)).data;
      return read ?? unreachable("Failed", `the server's answer to ${what} is not understood`);
    } catch (error) {
      return explain(error, `ask the server for ${what}`);
    }
  }
}

/** Looks until it is so; false where it is not within the time, or the signal fires. */
export async function becomesSo(
  timeoutMs: number,
  signal: AbortSignal,
  isSo: () => Promise<boolean>,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline && !signal.aborted) {
    if (await isSo()) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return false;
}
