import type { AgentId } from "../keys.ts";
import type { Unreachable } from "../store.ts";
import { dial, type DialOptions } from "./dial.ts";
import { explain, unreachable } from "./unreachable.ts";

const ANSWER_MS = 3_000;

/** What an agent last wrote to its key in `heartbeat`, and when the server stored it, by the server's clock. */
export interface StoredHeartbeat {
  readonly bytes: Uint8Array;
  readonly storedAt: Date;
}

/**
 * Connects once, asks for it and lets go of the connection. `value` is null where there is none, or `id` is null and
 * nothing was asked for. Never rejects.
 */
export async function lastHeartbeat(
  options: DialOptions,
  id: AgentId | null,
  signal: AbortSignal,
): Promise<{ readonly _tag: "Answered"; readonly value: StoredHeartbeat | null } | Unreachable> {
  const prefixed = id === null ? options : { ...options, inboxPrefix: `_INBOX.${id}` };
  const connection = await dial(prefixed, signal);
  if ("_tag" in connection) return signal.aborted ? unreachable("TimedOut", connection.message) : connection;
  try {
    await connection.flush();
    if (id === null) return { _tag: "Answered", value: null };
    const subject = `$JS.API.DIRECT.GET.KV_heartbeat.$KV.heartbeat.${id}`;
    const { headers, data } = await connection.request(subject, new Uint8Array(), { timeout: ANSWER_MS });
    const storedAt = new Date(headers?.get("Nats-Time-Stamp") ?? "");
    const isThere = headers?.code === 0 && !Number.isNaN(storedAt.getTime());
    return { _tag: "Answered", value: isThere ? { bytes: data, storedAt } : null };
  } catch (error) {
    return explain(error, "ask the server for the agent's heartbeat");
  } finally {
    await connection.close().catch(() => {});
  }
}
