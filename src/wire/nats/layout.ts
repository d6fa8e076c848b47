import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from "nats";
import type { Bucket } from "../store.ts";
import { RECORD_LIMIT_BYTES } from "../event-chain.ts";
import { ASSETS, ASSETS_STREAM, EVENTS_STREAM, eventSubject, hintSubject, keySubject, streamOf } from "./subjects.ts";

/** Rises with each change below. A stream with a higher number was made by a newer version and is left as it is. */
export const LAYOUT_VERSION = 2;
export const LAYOUT_KEY = "harmony-layout";

/** The largest message of any stream here, in bytes with its headers; the server's own `max_payload` may be less. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

/** Room for the headers of a compare-and-set, which count towards the size of a message. */
export const HEADER_BYTES = 128;

/** How many values of one key are kept. Earlier manifests can be looked at and shipped again; the rest is only ever the newest. */
const HISTORY: Readonly<Record<Bucket, number>> = {
  // A client that makes a key-value bucket asks for at most 64; the server keeps as many as it is told to.
  "desired-state": 1000,
  "actual-state": 1,
  heartbeat: 1,
  capabilities: 1,
  rollouts: 1,
};

export type Layout = Partial<StreamConfig> & Pick<StreamConfig, "name" | "metadata">;

const common = {
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  // A full store refuses writes. The other policy would drop the oldest keys, which are agents too.
  discard: DiscardPolicy.New,
  // An agent may read its own key and nothing else only by direct get: every other way in names a whole stream.
  allow_direct: true,
  max_msg_size: MAX_MESSAGE_BYTES,
  metadata: { [LAYOUT_KEY]: String(LAYOUT_VERSION) },
} as const;

export const bucketLayout = (bucket: Bucket): Layout => ({
  ...common,
  name: streamOf(bucket),
  description: bucket === "rollouts" ? "Harmony Edge: roll-outs by id" : `Harmony Edge: ${bucket} of each agent`,
  subjects: [keySubject(bucket, ">")],
  ...(bucket !== "desired-state" && { max_msgs_per_subject: HISTORY[bucket] }),
  deny_delete: true,
  // Whoever may write one key could otherwise wipe all others with one header (`Nats-Rollup: all`).
  allow_rollup_hdrs: false,
  // A subscription to the key itself also sees writes that are then refused, before they are stored, and whole values.
  republish: { src: keySubject(bucket, "*"), dest: hintSubject(bucket, "{{wildcard(1)}}"), headers_only: true },
});

/** As it is made, and where an older version made it; what an operator has set since stays, who may have a small disk. */
export const manifestsKept: Partial<StreamConfig> = { max_msgs_per_subject: HISTORY["desired-state"] };

export const assetsLayout: Layout = {
  ...common,
  name: ASSETS_STREAM,
  description: "Harmony Edge: files by their sha256",
  subjects: [`$O.${ASSETS}.C.>`, `$O.${ASSETS}.M.>`],
  // The description of an object replaces its predecessor in one step. Agents have no right to publish here.
  allow_rollup_hdrs: true,
};

export const eventsLayout: Layout = {
  ...common,
  name: EVENTS_STREAM,
  description: "Harmony Edge: what agents put on record",
  subjects: [eventSubject("*")],
  // What is new counts more than what is old, which the devices have had time to keep.
  discard: DiscardPolicy.Old,
  // An agent that tells without end pushes out its own events, and not those of others.
  max_msgs_per_subject: 10_000,
  max_msg_size: RECORD_LIMIT_BYTES + 4 * HEADER_BYTES,
  deny_delete: true,
  deny_purge: true,
  allow_rollup_hdrs: false,
  republish: { src: eventSubject("*"), dest: hintSubject("events", "{{wildcard(1)}}"), headers_only: true },
};

/** As it is made; what an operator has set since stays. */
export const eventsBounds: Partial<StreamConfig> = {
  // By number and not by bytes: a server sets those aside beforehand, and a small one has not so many to give.
  max_msgs: 500_000,
  max_age: 90 * 24 * 3_600 * 1e9,
  duplicate_window: 600 * 1e9,
};
