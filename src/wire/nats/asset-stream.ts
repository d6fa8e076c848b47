import { createHash } from "node:crypto";
import { nuid } from "nats";
import type { AssetRef } from "../../scores/asset.ts";
import type { AssetPiece, CallOptions, FoundAsset, StreamedAsset, StreamOptions, Unreachable } from "../store.ts";
import { CHUNK_BYTES, describe, findMeta, noAssets, purgeChunks } from "./assets.ts";
import { Call } from "./call.ts";
import { nextMessage } from "./direct-get.ts";
import type { Link } from "./link.ts";
import { publish } from "./publish.ts";
import { ASSETS_STREAM, chunkSubject } from "./subjects.ts";
import { unreachable } from "./unreachable.ts";

/** Assets of any size, a piece at a time, so that neither side ever holds more of one than that. */

export async function findAsset(link: Link, call: Call, sha256: string): Promise<FoundAsset | Unreachable> {
  const found = await findMeta(link, call, sha256);
  if (found._tag === "Absent") return { _tag: "Absent" };
  if (found._tag === "Corrupt") return { _tag: "Corrupt", message: found.message };
  return found._tag === "Meta" ? { _tag: "Found", object: found.meta.nuid, size: found.meta.size } : found;
}

export async function readAsset(
  link: Link,
  call: Call,
  object: string,
  after: number,
): Promise<AssetPiece | Unreachable> {
  if (!/^[A-Za-z0-9]+$/.test(object)) return unreachable("Failed", `"${object}" is no object of the server's`);
  const chunk = await nextMessage(link, call, ASSETS_STREAM, chunkSubject(object), after + 1);
  if (chunk._tag === "NoResponders") return noAssets();
  if (chunk._tag === "Absent") return { _tag: "End" };
  return chunk._tag === "Message" ? { _tag: "Piece", bytes: chunk.data, at: chunk.revision } : chunk;
}

export async function streamAsset(
  link: Link,
  { asset: sha256, size }: AssetRef,
  pieces: () => AsyncIterable<Uint8Array>,
  { again = false, onProgress, ...options }: StreamOptions,
): Promise<StreamedAsset | Unreachable> {
  const before = await findMeta(link, new Call(options), sha256);
  if (before._tag === "Unreachable") return before;
  if (before._tag === "Meta" && !again && before.meta.size === size) {
    const isWhole = await hasEnd(link, new Call(options), before.meta.nuid, size);
    if (isWhole === true) return { _tag: "Stored", before: true };
    if (isWhole !== false) return isWhole;
  }
  const { revision } = before;
  const id = nuid.next();
  let done: StreamedAsset | Unreachable | null = null;
  try {
    const sent = await send(link, id, pieces(), { ...options, onProgress });
    done = "sha256" in sent ? await close(sent) : sent;
  } finally {
    if (done?._tag !== "Stored") void purgeChunks(link, id);
    else if (before._tag === "Meta") void purgeChunks(link, before.meta.nuid);
  }
  return done;

  async function close(told: Sent): Promise<StreamedAsset | Unreachable> {
    if (told.sha256 !== sha256 || told.size !== size) {
      const message = `what was read is ${told.size} bytes with the sha256 ${told.sha256}, and not ${size} with ${sha256}`;
      return { _tag: "Mismatch", message };
    }
    const described = await describe(link, new Call(options), { ...told, id }, revision);
    if (described._tag === "Unreachable") return described;
    // Somebody else has just stored the same.
    return { _tag: "Stored", before: described._tag === "Conflict" };
  }
}

interface Sent {
  readonly sha256: string;
  readonly size: number;
  readonly chunks: number;
  readonly chunkBytes: number;
}

/** One after the other: the source, the link and the server each hold one. */
async function send(
  link: Link,
  id: string,
  pieces: AsyncIterable<Uint8Array>,
  { onProgress, ...options }: CallOptions & Pick<StreamOptions, "onProgress">,
): Promise<Sent | Unreachable> {
  const to = { stream: ASSETS_STREAM, subject: chunkSubject(id) };
  const chunkBytes = Math.min(CHUNK_BYTES, link.maxValueBytes);
  const sum = createHash("sha256");
  let [size, chunks] = [0, 0];
  for await (const piece of pieces) {
    sum.update(piece);
    for (let start = 0; start < piece.length; start += chunkBytes) {
      const chunk = piece.subarray(start, start + chunkBytes);
      const stored = await publish(link, new Call(options), to, chunk);
      if (stored._tag === "NoResponders") return noAssets();
      if (stored._tag === "Conflict") return unreachable("Failed", `${ASSETS_STREAM} refused a write to ${to.subject}`);
      if (stored._tag === "Unreachable") return stored;
      size += chunk.length;
      chunks += 1;
      onProgress?.(size);
    }
  }
  return { sha256: sum.digest("hex"), size, chunks, chunkBytes };
}

/** Whether the first of its chunks is there, and none where it is empty. What lacks others shows to whoever reads it. */
async function hasEnd(link: Link, call: Call, object: string, size: number): Promise<boolean | Unreachable> {
  const first = await readAsset(link, call, object, 0);
  return first._tag === "Unreachable" ? first : (first._tag === "Piece") === size > 0;
}
