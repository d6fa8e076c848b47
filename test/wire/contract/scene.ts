import { expect, onTestFinished } from "vitest";
import type { EventStream } from "../../../src/wire/event-stream.ts";
import type { Revisions } from "../../../src/wire/revisions.ts";
import type { Store, StoreAdmin } from "../../../src/wire/store.ts";

export type AnyStore = Store & StoreAdmin & EventStream & Revisions;

/** One implementation of the port, with a server that its stores share. */
export interface StoreRig {
  /** One more store on the shared server, whose buckets exist. The suite closes it. */
  client(): Promise<AnyStore>;
  /** A store on a fresh server, where nothing was made yet. The suite closes it. */
  bare(): Promise<AnyStore>;
  /** Takes the connection of every client away. */
  cut(): Promise<void>;
  /** Lets the clients find their way back. */
  restore(): Promise<void>;
  /** Changes the stored bytes of an asset behind the back of the port. */
  corruptAsset(sha256: string): Promise<void>;
  stop(): Promise<void>;
}

/** What a test of the contract works with; its stores are closed when it ends. */
export interface Scene {
  readonly client: () => Promise<AnyStore>;
  readonly bare: () => Promise<AnyStore>;
  readonly rig: () => StoreRig;
}

export function sceneOf(rig: () => StoreRig): Scene {
  return {
    client: async () => closedAtTheEnd(await rig().client()),
    bare: async () => closedAtTheEnd(await rig().bare()),
    rig,
  };
}

function closedAtTheEnd(store: AnyStore): AnyStore {
  onTestFinished(async () => store.close());
  return store;
}

export const bytes = (content: string): Uint8Array => new TextEncoder().encode(content);
export const text = (value: Uint8Array): string => new TextDecoder().decode(value);

let lastKey = 0;
/** A key that no other test uses. */
export const freshKey = (): string => `key-${(lastKey += 1)}`;

/** Resolves once the server has seen all that this store has subscribed and given up so far. */
export async function settled(store: Store): Promise<void> {
  const answer = await store.get("heartbeat", "settled");
  expect(answer._tag).not.toBe("Unreachable");
}

/** Whether bytes come as a Buffer does not matter. */
export function comparable(answer: unknown): unknown {
  if (!(answer instanceof Object) || !("value" in answer) || !(answer.value instanceof Uint8Array)) return answer;
  return Object.assign({}, answer, { value: Uint8Array.from(answer.value) });
}

export function revisionOf(written: Awaited<ReturnType<Store["put"]>>): number {
  if (written._tag !== "Written") throw new Error(`expected a write, got ${JSON.stringify(written)}`);
  return written.revision;
}

/** The hash that an asset was stored under. */
export function storedAs(stored: Awaited<ReturnType<Store["putAsset"]>>): string {
  if (stored._tag !== "Stored") throw new Error(`expected a stored asset, got ${JSON.stringify(stored)}`);
  return stored.sha256;
}

/** The timeout of the test is the deadline. */
export async function until(happened: () => Promise<boolean>): Promise<void> {
  while (!(await happened())) await new Promise((resolve) => setTimeout(resolve, 20));
}
