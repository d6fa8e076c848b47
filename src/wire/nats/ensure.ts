import { isDeepStrictEqual } from "node:util";
import type { JetStreamManager, StreamConfig } from "nats";
import { ALL_BUCKETS, BUCKETS, type Unreachable } from "../store.ts";
import type { Call } from "./call.ts";
import { guestInfo } from "./guest-info.ts";
import {
  assetsLayout,
  bucketLayout,
  eventsBounds,
  eventsLayout,
  manifestsKept,
  LAYOUT_KEY,
  LAYOUT_VERSION,
  type Layout,
} from "./layout.ts";
import { libraryCall } from "./library-call.ts";
import type { Link } from "./link.ts";
import { ASSETS_STREAM, streamOf } from "./subjects.ts";
import { serverCode, STREAM_NOT_FOUND } from "./unreachable.ts";

/** The server's code: there is a stream of that name with another layout. */
const STREAM_NAME_IN_USE = 10058;

/** On a cluster each message is kept on so many servers. A stream that exists keeps the number it has. */
const REPLICAS_ON_A_CLUSTER = 3;

/** Makes what is missing and brings up to date what an older version made, all of it at once. */
export async function ensureBuckets(link: Link, call: Call): Promise<{ readonly _tag: "Ready" } | Unreachable> {
  // Of a fleet that an older version set up, its authors cannot see the other ones.
  const streams = [...BUCKETS.map(streamOf), ASSETS_STREAM];
  const infos = await Promise.all(streams.map(async (stream) => guestInfo(link, call, stream)));
  const refused = infos.find((info) => info._tag === "Unreachable");
  if (refused !== undefined) return refused;
  // In an account without streams there is nothing to make; whoever has them has made them, or they are missing.
  if (infos.every((info) => info._tag === "Info")) return { _tag: "Ready" };
  return libraryCall(link, call, "make the buckets", async (connection, timeout) => {
    const manager = await connection.jetstreamManager({ checkAPI: false, timeout });
    const replicas = connection.info?.cluster === undefined ? 1 : REPLICAS_ON_A_CLUSTER;
    const layouts = [...ALL_BUCKETS.map(bucketLayout), assetsLayout];
    await Promise.all([
      ...layouts.map(async (layout) => {
        const raised = layout.name === streamOf("desired-state") ? manifestsKept : {};
        return ensure(manager, layout, { num_replicas: replicas, ...raised }, raised);
      }),
      ensure(manager, eventsLayout, { num_replicas: replicas, ...eventsBounds }),
    ]);
    return { _tag: "Ready" };
  });
}

/** `once`: what a stream has that is made now. `raised`: what one gets, too, that an older version made. */
async function ensure(
  manager: JetStreamManager,
  layout: Layout,
  once: Partial<StreamConfig>,
  raised: Partial<StreamConfig> = {},
): Promise<void> {
  const config = (await find(manager, layout.name)) ?? (await create(manager, layout, once));
  const kept = config.metadata ?? {};
  const version = Number(kept[LAYOUT_KEY] ?? 0);
  if (version > LAYOUT_VERSION) return;
  const isOlder = version < LAYOUT_VERSION;
  const wanted = { ...config, ...layout, ...(isOlder && raised), metadata: { ...kept, ...layout.metadata } };
  // What the server adds on its own account counts as wanted, so an up-to-date stream is not written again.
  if (!isDeepStrictEqual(wanted, config)) await manager.streams.update(layout.name, wanted);
}

async function find(manager: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await manager.streams.info(name)).config;
  } catch (error) {
    if (serverCode(error) === STREAM_NOT_FOUND) return undefined;
    throw error;
  }
}

async function create(manager: JetStreamManager, layout: Layout, once: Partial<StreamConfig>): Promise<StreamConfig> {
  try {
    return (await manager.streams.add({ ...layout, ...once })).config;
  } catch (error) {
    // Somebody else made it in the meantime; what they made is looked at like any older one.
    if (serverCode(error) === STREAM_NAME_IN_USE) return (await manager.streams.info(layout.name)).config;
    throw error;
  }
}
