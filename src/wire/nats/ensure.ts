import { isDeepStrictEqual } from "node:util";
import { NatsError, type JetStreamManager, type NatsConnection, type StreamConfig } from "nats";
import { BUCKETS, type Unreachable } from "../store.ts";
import { tooLate, untilAborted } from "./ask.ts";
import type { Call } from "./call.ts";
import { assetsLayout, bucketLayout, LAYOUT_KEY, LAYOUT_VERSION, type Layout } from "./layout.ts";
import type { Link } from "./link.ts";
import { explain, unreachable } from "./unreachable.ts";

/** The server's codes: there is no such stream, and there is one of that name with another layout. */
const STREAM_NOT_FOUND = 10059;
const STREAM_NAME_IN_USE = 10058;

/** On a cluster each message is kept on so many servers. A stream that exists keeps the number it has. */
const REPLICAS_ON_A_CLUSTER = 3;

/** Makes what is missing and brings up to date what an older version made, all of it at once. */
export async function ensureBuckets(link: Link, call: Call): Promise<{ readonly _tag: "Ready" } | Unreachable> {
  const { connection } = link;
  if (connection === undefined) return link.lost;
  const doing = "make the buckets";
  const timeout = call.left();
  if (timeout === 0) return tooLate(call, doing);
  const ready = ensureAll(connection, timeout).then(
    () => ({ _tag: "Ready" }) as const,
    (error: unknown) =>
      connection.isClosed()
        ? unreachable("Disconnected", `the connection was lost: could not ${doing}`)
        : explain(error, doing),
  );
  return untilAborted(call, doing, ready);
}

async function ensureAll(connection: NatsConnection, timeout: number): Promise<void> {
  const manager = await connection.jetstreamManager({ checkAPI: false, timeout });
  const replicas = connection.info?.cluster === undefined ? 1 : REPLICAS_ON_A_CLUSTER;
  const layouts = [...BUCKETS.map(bucketLayout), assetsLayout];
  await Promise.all(layouts.map(async (layout) => ensure(manager, layout, replicas)));
}

async function ensure(manager: JetStreamManager, layout: Layout, replicas: number): Promise<void> {
  const config = (await find(manager, layout.name)) ?? (await create(manager, layout, replicas));
  const kept = config.metadata ?? {};
  if (Number(kept[LAYOUT_KEY] ?? 0) > LAYOUT_VERSION) return;
  const wanted = { ...config, ...layout, metadata: { ...kept, ...layout.metadata } };
  // What the server adds on its own account counts as wanted, so an up-to-date stream is not written again.
  if (!isDeepStrictEqual(wanted, config)) await manager.streams.update(layout.name, wanted);
}

async function find(manager: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await manager.streams.info(name)).config;
  } catch (error) {
    if (codeOf(error) === STREAM_NOT_FOUND) return undefined;
    throw error;
  }
}

async function create(manager: JetStreamManager, layout: Layout, replicas: number): Promise<StreamConfig> {
  try {
    return (await manager.streams.add({ ...layout, num_replicas: replicas })).config;
  } catch (error) {
    // Somebody else made it in the meantime; what they made is looked at like any older one.
    if (codeOf(error) === STREAM_NAME_IN_USE) return (await manager.streams.info(layout.name)).config;
    throw error;
  }
}

const codeOf = (error: unknown): number | undefined =>
  error instanceof NatsError ? error.api_error?.err_code : undefined;
