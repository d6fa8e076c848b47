import { createHash } from "node:crypto";
import { nuid } from "nats";
import type { AssetRef } from "../../scores/asset.ts";
import { openPiece, sealedName, sealer } from "../sealed-asset.ts";
import type {
  AssetPiece,
  AssetPlace,
  CallOptions,
  FoundAsset,
  RemovedAsset,
  StreamedAsset,
  StreamOptions,
  Unreachable,
} from "../store.ts";
import { CHUNK_BYTES, describe, findMeta, forget, noAssets, purgeChunks } from "./assets.ts";
import { Call } from "./call.ts";
import { nextMessage } from "./direct-get.ts";
import type { Link } from "./link.ts";
import { publish } from "./publish.ts";
import { ASSETS_STREAM, chunkSubject } from "./subjects.ts";
import { unreachable } from "./unreachable.ts";

/** Assets of any size, a piece at a time, so that neither side ever holds more of one than that; enciphered on the server. */

/** So begins what a copy is called that is enciphered. Others can have put there what is not. */
const SEALED = "sealed-";
const COPY = new RegExp(`^(${SEALED})?([A-Za-z0-9]+)$`);

export async function findAsset(link: Link, call: Call, sha256: string): Promise<FoundAsset | Unreachable> {
  const sealed = await findMeta(link, call, sealedName(sha256));
  const found = sealed._tag === "Absent" ? await findMeta(link, call, sha256) : sealed;
  if (found._tag === "Absent") return { _tag: "Absent" };
  if (found._tag === "Corrupt") return { _tag: "Corrupt", message: found.message };
  if (found._tag === "Unreachable") return found;
  const { nuid: id, size } = found.meta;
  return { _tag: "Found", object: found === sealed ? `${SEALED}${id}` : id, size };
}

export async function readAsset(
  link: Link,
  call: Call,
  sha256: string,
  { object, at, bytes }: AssetPlace,
): Promise<AssetPiece | Unreachable> {
  const [, sealed, id] = COPY.exec(object) ?? [];
  if (id === undefined) return unreachable("Failed", `"${object}" is no object of the server's`);
  const chunk = await nextMessage(link, call, ASSETS_STREAM, chunkSubject(id), at + 1);
  if (chunk._tag === "NoResponders") return noAssets();
  if (chunk._tag === "Absent") return { _tag: "End" };
  if (chunk._tag !== "Message") return chunk;
  const { data, revision } = chunk;
  return {
    _tag: "Piece",
    bytes: sealed === undefined ? data : openPiece(sha256, id, bytes, data),
    at: revision,
  };
}

export async function streamAsset(
  link: Link,
  { asset: sha256, size }: AssetRef,
  pieces: () => AsyncIterable<Uint8Array>,
  { again = false, onProgress, ...options }: StreamOptions,
): Promise<StreamedAsset | Unreachable> {
  const name = sealedName(sha256);
  const before = await findMeta(link, new Call(options), name);
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
    const sent = await send(link, id, pieces(), sealer(sha256, id), { ...options, onProgress });
    done = "sealed" in sent ? await close(sent) : sent;
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
    const { chunks, chunkBytes } = told;
    const object = { name, sha256: told.sealed, id, size, chunks, chunkBytes };
    const described = await describe(link, new Call(options), object, revision);
    if (described._tag === "Unreachable") return described;
    // Somebody else has just stored the same.
    return { _tag: "Stored", before: described._tag === "Conflict" };
  }
}

export async function removeAsset(link: Link, call: Call, sha256: string): Promise<RemovedAsset | Unreachable> {
  let isThere = false;
  for (const name of [sealedName(sha256), sha256]) {
    const found = await findMeta(link, call, name);
    if (found._tag === "Unreachable") return found;
    if (found._tag === "Absent") continue;
    const id = found._tag === "Meta" ? found.meta.nuid : null;
    const removed = await forget(link, call, name, id, found.revision);
    if (removed._tag === "Unreachable") return removed;
    // Somebody has just put it there anew, or took it away too.
    if (removed._tag === "Conflict") return unreachable("Failed", `asset ${sha256} is being changed by somebody else`);
    isThere = true;
  }
  return { _tag: isThere ? "Removed" : "Absent" };
}

interface Sent {
  readonly sha256: string;
  /** The sha256 of what was sent. */
  readonly sealed: string;
  readonly size: number;
  readonly chunks: number;
  readonly chunkBytes: number;
}

/** One after the other: the source, the link and the server each hold one. */
async function send(
  link: Link,
  id: string,
  pieces: AsyncIterable<Uint8Array>,
  seal: (piece: Uint8Array) => Uint8Array,
  { onProgress, ...options }: CallOptions & Pick<StreamOptions, "onProgress">,
): Promise<Sent | Unreachable> {
  const to = { stream: ASSETS_STREAM, subject: chunkSubject(id) };
  const chunkBytes = Math.min(CHUNK_BYTES, link.maxValueBytes);
  const [sum, sumOfSealed] = [createHash("sha256"), createHash("sha256")];
  let [size, chunks] = [0, 0];
  for await (const piece of pieces) {
    sum.update(piece);
    const sealed = seal(piece);
    sumOfSealed.update(sealed);
    for (let start = 0; start < sealed.length; start += chunkBytes) {
      const chunk = sealed.subarray(start, start + chunkBytes);
      const stored = await publish(link, new Call(options), to, chunk);
      if (stored._tag === "NoResponders") return noAssets();
      if (stored._tag === "Conflict") return unreachable("Failed", `${ASSETS_STREAM} refused a write to ${to.subject}`);
      if (stored._tag === "Unreachable") return stored;
      size += chunk.length;
      chunks += 1;
      onProgress?.(size);
    }
  }
  return { sha256: sum.digest("hex"), sealed: sumOfSealed.digest("hex"), size, chunks, chunkBytes };
}

/** Whether the first of its chunks is there, and none where it is empty. What lacks others shows to whoever reads it. */
async function hasEnd(link: Link, call: Call, id: string, size: number): Promise<boolean | Unreachable> {
  const first = await nextMessage(link, call, ASSETS_STREAM, chunkSubject(id), 1);
  if (first._tag === "Unreachable") return first;
  return first._tag === "NoResponders" ? noAssets() : (first._tag === "Message") === size > 0;
}
