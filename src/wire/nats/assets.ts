import { createHash } from "node:crypto";
import { headers, nuid } from "nats";
import * as z from "zod";
import type { Store, Unreachable } from "../store.ts";
import { ask } from "./ask.ts";
import { Call } from "./call.ts";
import { lastMessage, nextMessage } from "./direct-get.ts";
import type { Link } from "./link.ts";
import { expecting, json, publish } from "./publish.ts";
import { ASSETS, ASSETS_STREAM, base64Url, chunkSubject, metaSubject } from "./subjects.ts";
import { unreachable } from "./unreachable.ts";
import { safeParse } from "../safe-parse.ts";

// The layout is that of the NATS Object Store, so that `nats object` reads what is written here. The client library's
// own reading is not used because it makes consumers, a right that opens the whole stream; its own writing is not used
// because it sends a whole object at once, cannot be called off, and takes away the chunks under whoever reads.

export const CHUNK_BYTES = 256 * 1024;
/** What is written takes the place of all that was written to its subject before. */
const ROLLUP = ["Nats-Rollup", "sub"] as const;
const NOTHING = new Uint8Array();
/** Chunks that may be on their way to the server at once. */
const CHUNKS_UNDER_WAY = 4;

/** What the store keeps of an object besides its chunks, as far as it matters here. */
const Meta = z.object({
  // It becomes part of a subject.
  nuid: z.string().regex(/^[A-Za-z0-9]+$/),
  size: z.int().nonnegative(),
  chunks: z.int().nonnegative(),
  deleted: z.boolean().default(false),
});
type Meta = z.infer<typeof Meta>;

type Asset = Awaited<ReturnType<Store["getAsset"]>>;
type PutAsset = Awaited<ReturnType<Store["putAsset"]>>;

/** `revision`: that of the description, 0 where there is none. */
type FoundMeta =
  | { readonly _tag: "Meta"; readonly revision: number; readonly meta: Meta }
  | { readonly _tag: "Absent"; readonly revision: number }
  | { readonly _tag: "Corrupt"; readonly revision: number; readonly message: string };

export const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export async function getAsset(link: Link, call: Call, sha256: string, limit: number): Promise<Asset> {
  const found = await findMeta(link, call, sha256);
  switch (found._tag) {
    case "Absent":
      return { _tag: "Absent" };
    case "Corrupt":
      return { _tag: "Corrupt", message: found.message };
    case "Meta":
      return readChunks(link, call, sha256, found.meta, limit);
    case "Unreachable":
      return found;
  }
}

export async function putAsset(link: Link, call: Call, bytes: Uint8Array): Promise<PutAsset> {
  const sha256 = sha256Of(bytes);
  const before = await findMeta(link, call, sha256);
  if (before._tag === "Unreachable") return before;
  if (before._tag === "Meta") {
    const held = await readChunks(link, call, sha256, before.meta, bytes.length);
    if (held._tag === "Value") return { _tag: "Stored", sha256 };
    if (held._tag === "Unreachable") return held;
  }
  const id = nuid.next();
  const written = await write(link, call, sha256, id, bytes, before.revision);
  if (written._tag === "Written") {
    if (before._tag === "Meta") void purgeChunks(link, before.meta.nuid);
    return { _tag: "Stored", sha256 };
  }
  void purgeChunks(link, id);
  if (written._tag === "Unreachable") return written;
  // Somebody else has just stored it; what counts is that it can be read now.
  const other = await getAsset(link, call, sha256, bytes.length);
  if (other._tag === "Value") return { _tag: "Stored", sha256 };
  return other._tag === "Unreachable"
    ? other
    : unreachable("Failed", `asset ${sha256} is being changed by somebody else`);
}

/** `name`: of the object. */
export async function findMeta(link: Link, call: Call, name: string): Promise<FoundMeta | Unreachable> {
  const message = await lastMessage(link, call, ASSETS_STREAM, metaSubject(name));
  if (message._tag === "NoResponders") return noAssets();
  if (message._tag === "Unreachable") return message;
  if (message._tag === "Absent") return { _tag: "Absent", revision: 0 };
  const { revision } = message;
  const { data: meta } = safeParse(Meta, json(message.data));
  if (meta === undefined) {
    return { _tag: "Corrupt", revision, message: `the description of asset ${name} is unreadable` };
  }
  return meta.deleted ? { _tag: "Absent", revision } : { _tag: "Meta", revision, meta };
}

async function readChunks(link: Link, call: Call, sha256: string, meta: Meta, limit: number): Promise<Asset> {
  if (meta.size > limit) return { _tag: "TooLarge", bytes: meta.size, limit };
  const corrupt = (message: string): Asset => ({ _tag: "Corrupt", message: `asset ${sha256} ${message}` });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let revision = 0;
  while (chunks.length < meta.chunks) {
    // Where the next chunk lies shows only once this one is here, since others may write between the two.
    const chunk = await nextMessage(link, call, ASSETS_STREAM, chunkSubject(meta.nuid), revision + 1);
    if (chunk._tag === "NoResponders") return noAssets();
    if (chunk._tag === "Unreachable") return chunk;
    if (chunk._tag === "Absent") return corrupt(`has lost chunk ${chunks.length + 1} of ${meta.chunks}`);
    bytes += chunk.data.length;
    if (bytes > meta.size) return corrupt(`is larger than the ${meta.size} bytes of its description`);
    chunks.push(chunk.data);
    revision = chunk.revision;
  }
  const value = Buffer.concat(chunks, bytes);
  return sha256Of(value) === sha256 ? { _tag: "Value", value } : corrupt("does not have that hash");
}

async function write(
  link: Link,
  call: Call,
  sha256: string,
  id: string,
  bytes: Uint8Array,
  revision: number,
): Promise<{ readonly _tag: "Written" } | { readonly _tag: "Conflict" } | Unreachable> {
  const chunkBytes = Math.min(CHUNK_BYTES, link.maxValueBytes);
  const failed = await writeChunks(link, call, id, bytes, chunkBytes);
  if (failed !== undefined) return failed;
  const object = {
    name: sha256,
    sha256,
    id,
    size: bytes.length,
    chunks: Math.ceil(bytes.length / chunkBytes),
    chunkBytes,
  };
  return describe(link, call, object, revision);
}

export interface StoredObject {
  readonly name: string;
  /** Of what lies there. */
  readonly sha256: string;
  /** Of the chunks' subject. */
  readonly id: string;
  readonly size: number;
  readonly chunks: number;
  readonly chunkBytes: number;
}

/** Makes the chunks that are there the asset's, in the place of the description at this revision. */
export async function describe(
  link: Link,
  call: Call,
  { name, sha256, id, size, chunks, chunkBytes }: StoredObject,
  revision: number,
): Promise<{ readonly _tag: "Written" } | { readonly _tag: "Conflict" } | Unreachable> {
  const description = {
    name,
    bucket: ASSETS,
    nuid: id,
    size,
    chunks,
    mtime: new Date().toISOString(),
    digest: `SHA-256=${base64Url(Buffer.from(sha256, "hex"))}`,
    options: { max_chunk_size: chunkBytes },
  };
  const head = expecting(revision);
  head.set(...ROLLUP);
  const to = { stream: ASSETS_STREAM, subject: metaSubject(name) };
  const stored = await publish(link, call, to, new TextEncoder().encode(JSON.stringify(description)), head);
  return stored._tag === "NoResponders" ? noAssets() : stored;
}

/** Says of an object that it is deleted, and then takes its chunks away, which whoever may write may do by that alone. */
export async function forget(
  link: Link,
  call: Call,
  name: string,
  id: string | null,
  revision: number,
): Promise<{ readonly _tag: "Written" } | { readonly _tag: "Conflict" } | Unreachable> {
  const none = { nuid: id ?? "", size: 0, chunks: 0, digest: "" };
  const gone = { name, bucket: ASSETS, ...none, mtime: new Date().toISOString(), deleted: true };
  const head = expecting(revision);
  head.set(...ROLLUP);
  const to = { stream: ASSETS_STREAM, subject: metaSubject(name) };
  const stored = await publish(link, call, to, new TextEncoder().encode(JSON.stringify(gone)), head);
  if (stored._tag === "NoResponders") return noAssets();
  if (stored._tag !== "Written" || id === null) return stored;
  const chunks = headers();
  chunks.set(...ROLLUP);
  const emptied = await publish(link, call, { stream: ASSETS_STREAM, subject: chunkSubject(id) }, NOTHING, chunks);
  if (emptied._tag === "NoResponders") return noAssets();
  void purgeChunks(link, id);
  return emptied;
}

/** In order, and only a few at once, so that a large asset neither fills the memory nor floods the server. */
async function writeChunks(
  link: Link,
  call: Call,
  id: string,
  bytes: Uint8Array,
  chunkBytes: number,
): Promise<Unreachable | undefined> {
  const to = { stream: ASSETS_STREAM, subject: chunkSubject(id) };
  let start = 0;
  let failed: Unreachable | undefined;
  const sendOn = async (): Promise<void> => {
    while (start < bytes.length && failed === undefined) {
      const chunk = bytes.subarray(start, start + chunkBytes);
      start += chunk.length;
      const stored = await publish(link, call, to, chunk);
      if (stored._tag === "Written") continue;
      failed ??= stored._tag === "Unreachable" ? stored : noAssets();
    }
  };
  await Promise.all(Array.from({ length: CHUNKS_UNDER_WAY }, sendOn));
  return failed;
}

/** Takes away chunks that nothing refers to. They only cost room, so nobody waits for it, and it may fail. */
export async function purgeChunks(link: Link, id: string): Promise<void> {
  const filter = new TextEncoder().encode(JSON.stringify({ filter: chunkSubject(id) }));
  await ask(link, new Call(undefined), `$JS.API.STREAM.PURGE.${ASSETS_STREAM}`, filter);
}

export function noAssets(): Unreachable {
  return unreachable("NoBucket", "the server has no asset store: a control plane makes it on its first run");
}
