import type { Bucket } from "../store.ts";

/** The Object Store of the assets. */
export const ASSETS = "assets";
export const ASSETS_STREAM = `OBJ_${ASSETS}`;

/** Names as every NATS client derives them from the name of a bucket, so that other tools can read what is here. */
export const streamOf = (bucket: Bucket): string => `KV_${bucket}`;
export const keySubject = (bucket: Bucket, key: string): string => `$KV.${bucket}.${key}`;
export const metaSubject = (name: string): string => `$O.${ASSETS}.M.${base64Url(Buffer.from(name))}`;
export const chunkSubject = (nuid: string): string => `$O.${ASSETS}.C.${nuid}`;

/** What the stream of a bucket sends, without the value, once it has stored a write. */
export const hintSubject = (bucket: Bucket | "events" | "*", key: string): string => `fleet.hint.${bucket}.${key}`;

/** The stream of what agents put on record. */
export const EVENTS_STREAM = "harmony-events";
/** One for each agent, so that it can be bounded for each alone; `*`: all. */
export const eventSubject = (id: string): string => `harmony.events.${id}`;

/** Where an account without streams of its own asks how one is set, and which keys it has. */
export const infoSubject = (stream: string): string => `fleet.info.${stream}`;

/** Padded, as the Object Store layout wants it. */
export const base64Url = (bytes: Uint8Array): string =>
  Buffer.from(bytes).toString("base64").replaceAll("+", "-").replaceAll("/", "_");

/** One token of a subject: no dots, so that a hint for `*` sees every key, and nothing that could end a protocol line. */
export const isKey = (key: string): boolean => /^[A-Za-z0-9_-]{1,128}$/.test(key);

/** A subject that names one place: tokens with dots between them, no wildcards and no white space. */
export const isPlainSubject = (subject: string): boolean => /^[^\s.*>]+(?:\.[^\s.*>]+)*$/.test(subject);
