import { headers, type MsgHdrs } from "nats";
import type { StoredRevision } from "../revisions.ts";
import type { Bucket, Found, Unreachable, Written } from "../store.ts";
import type { Call } from "./call.ts";
import { lastMessage, nextMessage } from "./direct-get.ts";
import { guestInfo } from "./guest-info.ts";
import { libraryCall } from "./library-call.ts";
import type { Link } from "./link.ts";
import { expecting, publish, type Stored } from "./publish.ts";
import { keySubject, streamOf } from "./subjects.ts";
import { unreachable } from "./unreachable.ts";

/** Keys that are looked at at once. */
const READS_UNDER_WAY = 32;
const NOTHING = new Uint8Array();
const OPERATION = "KV-Operation";

/** Left where there is no value any more. The second is what a newer server leaves where it removed one by its age. */
const isMarker = (head: MsgHdrs): boolean => head.has(OPERATION) || head.has("Nats-Marker-Reason");

export async function get(link: Link, call: Call, bucket: Bucket, key: string): Promise<Found | Unreachable> {
  const message = await lastMessage(link, call, streamOf(bucket), keySubject(bucket, key));
  if (message._tag === "NoResponders") return noBucket(bucket);
  if (message._tag !== "Message") return message;
  const { headers: head, revision, data } = message;
  return isMarker(head) ? { _tag: "Deleted", revision } : { _tag: "Value", value: data, revision };
}

export async function revisionAt(
  link: Link,
  call: Call,
  bucket: Bucket,
  key: string,
  from: number,
): Promise<StoredRevision | { readonly _tag: "None" } | Unreachable> {
  const message = await nextMessage(link, call, streamOf(bucket), keySubject(bucket, key), Math.max(1, from));
  if (message._tag === "NoResponders") return noBucket(bucket);
  if (message._tag === "Absent") return { _tag: "None" };
  if (message._tag === "Unreachable") return message;
  const { headers: head, revision, data } = message;
  const storedAt = new Date(head.get("Nats-Time-Stamp"));
  if (Number.isNaN(storedAt.getTime())) {
    return unreachable("Failed", `revision ${revision} of ${bucket} does not say from when it is`);
  }
  return { _tag: "Revision", revision, storedAt, value: isMarker(head) ? null : data };
}

export async function put(
  link: Link,
  call: Call,
  bucket: Bucket,
  key: string,
  value: Uint8Array,
  expect: number | undefined,
): Promise<Written | Unreachable> {
  if (link.connection === undefined) return link.lost;
  const limit = link.maxValueBytes;
  if (value.length > limit) return { _tag: "TooLarge", bytes: value.length, limit };
  const to = { stream: streamOf(bucket), subject: keySubject(bucket, key) };
  const write = async (revision: number | undefined): Promise<Written | Unreachable> =>
    orNoBucket(bucket, await publish(link, call, to, value, revision === undefined ? undefined : expecting(revision)));
  const written = await write(expect);
  if (expect !== 0 || written._tag !== "Conflict") return written;
  // To the server a deletion marker is a revision like any other, so a deleted key is not at revision 0.
  const found = await get(link, call, bucket, key);
  if (found._tag === "Unreachable") return found;
  return found._tag === "Deleted" ? write(found.revision) : written;
}

export async function remove(
  link: Link,
  call: Call,
  bucket: Bucket,
  key: string,
  expect: number | undefined,
): Promise<Written | Unreachable> {
  const to = { stream: streamOf(bucket), subject: keySubject(bucket, key) };
  const marker = expect === undefined ? headers() : expecting(expect);
  marker.set(OPERATION, "DEL");
  return orNoBucket(bucket, await publish(link, call, to, NOTHING, marker));
}

export async function keys(link: Link, call: Call, bucket: Bucket): Promise<readonly string[] | Unreachable> {
  const info = await guestInfo(link, call, streamOf(bucket), keySubject(bucket, ">"));
  if (info._tag === "Unreachable") return info;
  if (info._tag === "NoGuest") return listed(link, call, bucket);
  return alive(
    link,
    call,
    bucket,
    info.subjects.map((subject) => subject.slice(keySubject(bucket, "").length)),
  );
}

/** Those of the keys that hold a value. */
async function alive(
  link: Link,
  call: Call,
  bucket: Bucket,
  all: readonly string[],
): Promise<readonly string[] | Unreachable> {
  const found: string[] = [];
  const left = all.values();
  let failed: Unreachable | undefined;
  const look = async (): Promise<void> => {
    for (const key of left) {
      if (failed !== undefined) return;
      const held = await get(link, call, bucket, key);
      if (held._tag === "Unreachable") failed = held;
      if (held._tag === "Value") found.push(key);
    }
  };
  await Promise.all(Array.from({ length: READS_UNDER_WAY }, look));
  return failed ?? found;
}

/** By a consumer, as the owner of the streams may make one: it hears of the keys alone, not of the values. */
async function listed(link: Link, call: Call, bucket: Bucket): Promise<readonly string[] | Unreachable> {
  return libraryCall(link, call, `list the keys of ${bucket}`, async (connection, timeout) => {
    const js = connection.jetstream({ checkAPI: false, timeout });
    const kv = await js.views.kv(bucket, { bindOnly: true, allow_direct: true });
    const listing = await kv.keys();
    // By then the call has ended; this only keeps the listing from going on without it.
    const end = setTimeout(() => listing.stop(), timeout);
    try {
      const found: string[] = [];
      for await (const key of listing) found.push(key);
      return found;
    } finally {
      clearTimeout(end);
    }
  });
}

function orNoBucket(bucket: Bucket, stored: Stored): Written | Unreachable {
  return stored._tag === "NoResponders" ? noBucket(bucket) : stored;
}

function noBucket(bucket: Bucket): Unreachable {
  return unreachable("NoBucket", `the server has no bucket ${bucket}: a control plane makes it on its first run`);
}
