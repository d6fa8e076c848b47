import { digestOf, sha256 } from "../../wire/digest.ts";
import { type Payload, PAYLOAD_LIMIT_BYTES, WireScore } from "../../wire/envelope.ts";
import type { AgentId } from "../../wire/keys.ts";
import { type Rollout, StoredManifest } from "../../wire/rollout.ts";
import { openSealedPayload, SEAL_BYTES } from "../../wire/sealed-payload.ts";
import { sign } from "../../wire/signature.ts";
import { readDocument } from "../../wire/status.ts";
import type { CallOptions, Unreachable } from "../../wire/store.ts";
import { applyBundle } from "../apply-bundle.ts";
import { follow } from "../follow.ts";
import type { Signers } from "../pack.ts";
import type { FleetParts } from "../parts.ts";
import type { ApplyResult } from "../result.ts";
import { highestKnown } from "../ship.ts";
import { deadline } from "../waiting.ts";

export interface DeviceShipment {
  readonly agentId: AgentId;
  readonly manifest: StoredManifest;
  readonly signers: Signers;
  /** Whether it is shipped anew although it lies in the key already, so that what failed for good is tried once more. */
  readonly retryFailed: boolean;
  /** Why, for the history of the device. */
  readonly message: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** The generation is known, and about to be shipped. */
  readonly onGeneration: (generation: number) => void;
}

/** Somebody may ship in between; what is in the key then is looked at anew. */
const ATTEMPTS = 5;

/** Ships what a device is to be, where that does not lie in its key already, and waits as `apply` does. */
export async function applyStored(parts: FleetParts, shipment: DeviceShipment): Promise<ApplyResult> {
  const { agentId, manifest, signers, retryFailed, message, timeoutMs, signal, onGeneration } = shipment;
  const time = deadline(parts.clock, timeoutMs);
  const startedAt = parts.clock.monotonicMs();
  const call: CallOptions = { signal: AbortSignal.any([signal, time.signal]) };
  const onProgress = (): void => {};
  const lost = (unreachable: Unreachable): ApplyResult =>
    signal.aborted ? { _tag: "Cancelled", shipped: null } : { _tag: "NotReached", unreachable, stored: false };
  try {
    for (let attempt = 1; ; attempt += 1) {
      const known = await highestKnown(parts.store, agentId, call);
      if (known._tag === "Unreachable") return lost(known);
      const { found, current } = known;
      if (!retryFailed && current !== null && found._tag === "Value" && isSame(current.payload, manifest)) {
        const isInForce = current.generation >= known.generation;
        // An agent that has a higher generation would not take this one: it is shipped above it.
        if (isInForce && signedAs(current.signatures, signers)) {
          const shipped = { generation: current.generation, revision: found.revision };
          onGeneration(shipped.generation);
          const digests = digestsOf(manifest);
          return await follow(parts, { shipped, agentId, digests, signal, late: time.signal, onProgress });
        }
      }
      const generation = known.generation + 1;
      const whole = {
        agentId,
        generation,
        issuedAt: parts.clock.now().toISOString(),
        ...manifest,
        ...(retryFailed && { retryFailed: true as const }),
        ...(message !== undefined && { message }),
      } satisfies Payload;
      const payload = JSON.stringify(whole);
      const bytes = new TextEncoder().encode(payload).length;
      if (bytes > PAYLOAD_LIMIT_BYTES) return { _tag: "TooLarge", bytes, limit: PAYLOAD_LIMIT_BYTES };
      const signatures = signers.map(({ key, privateKey }) => sign(payload, key, privateKey));
      onGeneration(generation);
      const left = Math.max(1, timeoutMs - (parts.clock.monotonicMs() - startedAt));
      const rest = { signal, timeoutMs: left, onProgress };
      const result = await applyBundle(parts, { payload, signatures, manifest: whole }, agentId, rest);
      const isStale =
        (result._tag === "Unfit" && result.reason === "StaleGeneration") ||
        (result._tag === "RefusedByAgent" && result.reason === "StaleGeneration");
      if (isStale && attempt < ATTEMPTS) continue;
      return result;
    }
  } finally {
    time.cancel();
  }
}

/** Read and written again by one schema, so that only what it says counts. */
function isSame(payload: string, manifest: StoredManifest): boolean {
  const read = readDocument(StoredManifest.strip(), new TextEncoder().encode(payload));
  return read._tag === "Read" && JSON.stringify(read.document) === JSON.stringify(manifest);
}

/** Whether what lies there is signed with as much as it would be now. */
const signedAs = (there: readonly { readonly key: string }[], signers: Signers): boolean =>
  signers.every(({ key }) => there.some((each) => each.key === key));

const digestsOf = ({ scores }: StoredManifest): ReadonlyMap<string, string> =>
  new Map(Object.entries(scores).map(([id, score]) => [id, digestOf(WireScore.parse(score))]));

/** The manifest of an asset. */
export async function readStored(
  { store }: Pick<FleetParts, "store">,
  { asset, sha256: wanted, key }: Rollout["manifests"][number],
  call: CallOptions,
): Promise<StoredManifest | { readonly message: string } | Unreachable> {
  const found = await store.getAsset(asset, { ...call, limit: PAYLOAD_LIMIT_BYTES + SEAL_BYTES });
  if (found._tag === "Unreachable") return found;
  if (found._tag !== "Value") {
    return { message: `what it is to be (${asset.slice(0, 12)}) is not on the server: ${found._tag}` };
  }
  const opened = openSealedPayload(found.value, key);
  if (opened === null || sha256(new TextDecoder().decode(opened)) !== wanted) {
    return { message: `what it is to be (${asset.slice(0, 12)}) is damaged on the server, or another one` };
  }
  const read = readDocument(StoredManifest, opened);
  return read._tag === "Read" ? read.document : { message: `what it is to be cannot be read: ${read.message}` };
}
