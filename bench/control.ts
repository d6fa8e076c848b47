import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { connect, type JetStreamClient, type Msg, type NatsConnection } from "nats";
import { startNatsServer } from "../src/cli/nats-server.ts";
import { encode, inlineEnvelope, assetEnvelope } from "../src/wire/encode.ts";
import { AgentId } from "../src/wire/keys.ts";
import { type Connected, connectStore } from "../src/wire/nats/connect.ts";
import type { Manifest } from "../src/topology/manifest.ts";
import type { Place } from "./figure.ts";

const WAIT_MS = 30_000;

/** A real nats-server with the real buckets, and the plain client of a control plane beside our own. */
export interface Control {
  readonly url: string;
  readonly connection: NatsConnection;
  readonly stream: JetStreamClient;
  readonly store: Connected["store"];
}

export async function controlOf(place: Place): Promise<Control> {
  const storeDir = join(place.directory, "nats");
  mkdirSync(storeDir);
  const server = await startNatsServer({ storeDir, signal: new AbortController().signal });
  place.atEnd(() => server.stop());
  const connected = await connectStore({ servers: server.url });
  if (connected._tag === "Unreachable") throw new Error(connected.message);
  const { store } = connected;
  place.atEnd(() => store.close());
  const ready = await store.ensureBuckets();
  if (ready._tag === "Unreachable") throw new Error(ready.message);
  const connection = await connect({ servers: server.url, noAsyncTraces: true });
  place.atEnd(() => connection.close());
  return { url: server.url, connection, stream: connection.jetstream(), store };
}

export interface Arrival {
  /** By `performance.now()`. */
  readonly at: number;
  readonly message: Msg;
}

/** The first message on a subject that is the one. */
export function arrival(
  { connection }: Control,
  subject: string,
  isIt: (message: Msg) => boolean = () => true,
  waitMs = WAIT_MS,
): Promise<Arrival> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      subscription.unsubscribe();
      reject(new Error(`nothing that was waited for came on ${subject} within ${waitMs} ms`));
    }, waitMs);
    const subscription = connection.subscribe(subject, {
      callback: (_, message) => {
        const at = performance.now();
        if (!isIt(message)) return;
        clearTimeout(late);
        subscription.unsubscribe();
        resolve({ at, message });
      },
    });
  });
}

/** Whether a status says that all of this generation is as declared. */
export function isConverged(message: Msg, generation: number): boolean {
  const status: unknown = JSON.parse(message.string());
  if (typeof status !== "object" || status === null) return false;
  const conditions: unknown = Reflect.get(status, "conditions");
  return (
    Reflect.get(status, "observedGeneration") === generation &&
    Array.isArray(conditions) &&
    conditions.some((each: { type?: unknown; status?: unknown }) => each.type === "Ready" && each.status === "True")
  );
}

/** What goes into the key, as a control plane packs it. */
export async function envelopeOf(
  { store }: Control,
  agentId: string,
  generation: number,
  manifest: Manifest,
): Promise<Uint8Array> {
  const encoded = encode(manifest, { agentId: AgentId.parse(agentId), generation, issuedAt: new Date() });
  if (encoded._tag !== "Encoded") throw new Error(encoded._tag);
  const { payload, signatures } = encoded;
  const inline = inlineEnvelope(payload, signatures);
  if (inline.length <= store.maxPayload()) return inline;
  const asset = await store.putAsset(Buffer.from(payload));
  if (asset._tag === "Unreachable") throw new Error(asset.message);
  return assetEnvelope(asset.sha256, signatures);
}

/** Ships a manifest and waits until the agent says that all of it is so. */
export async function ship(control: Control, agentId: string, generation: number, manifest: Manifest): Promise<void> {
  const envelope = await envelopeOf(control, agentId, generation, manifest);
  const subject = `$KV.actual-state.${agentId}`;
  const converged = arrival(control, subject, (message) => isConverged(message, generation), 60_000);
  await control.stream.publish(`$KV.desired-state.${agentId}`, envelope);
  await converged;
}
