import { objections, type Target, unsigned } from "../check/check.ts";
import type { Manifest } from "../topology/manifest.ts";
import { topology } from "../topology/topology.ts";
import { digestOf } from "../wire/digest.ts";
import { encodeScore } from "../wire/encode.ts";
import type { AgentId } from "../wire/keys.ts";
import { CapabilitiesDocument, readDocument } from "../wire/status.ts";
import type { CallOptions, Store } from "../wire/store.ts";
import { follow } from "./follow.ts";
import type { Signers } from "./pack.ts";
import type { FleetParts } from "./parts.ts";
import type { ApplyResult, NotShipped, Progress } from "./result.ts";
import { ship } from "./ship.ts";
import { deadline } from "./waiting.ts";

export interface ApplyOptions {
  /** Ends it early; the manifest may have been shipped by then. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for all of it. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Whether to wait until the agent has carried it through. Default true. */
  readonly wait?: boolean | undefined;
  /** Whether what failed for good with the same content is tried again. Default: it is not. */
  readonly retryFailed?: boolean | undefined;
  /** Signs with these. Default: unsigned, for agents that have no keys configured. */
  readonly signers?: Signers | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export const DEFAULT_TIMEOUT_MS = 60_000;

/**
 * Ships a manifest to one agent, under a generation above every one known, and waits until the agent has carried it
 * through. Never rejects on account of the outside world.
 *
 * Refuses before anything is sent what the manifest's own topology lacks, or what the agent's published capabilities do.
 */
export async function apply(
  parts: FleetParts,
  manifest: Manifest,
  agentId: AgentId,
  options: ApplyOptions = {},
): Promise<ApplyResult> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, wait = true, signers = [], retryFailed, onProgress = () => {} } = options;
  const signal = options.signal ?? new AbortController().signal;
  const time = deadline(parts.clock, timeoutMs);
  try {
    const refused = await prepare(parts.store, manifest, agentId, signers, {
      signal: AbortSignal.any([signal, time.signal]),
    });
    if (signal.aborted) return { _tag: "Cancelled", shipped: null };
    if (refused !== null) return refused;
    const shipment = { manifest, agentId, signers, retryFailed, signal, late: time.signal, onProgress };
    const digests = new Map(Object.entries(manifest.scores).map(([id, score]) => [id, digestOf(encodeScore(score))]));
    let shipped = await ship(parts, shipment);
    for (let reshipped = false; ; reshipped = true) {
      if (shipped._tag !== "Shipped" || !wait) return shipped;
      const { generation, revision } = shipped;
      const result = await follow(parts, {
        shipped: { generation, revision },
        agentId,
        digests,
        signal,
        late: time.signal,
        onProgress,
      });
      if (result._tag !== "RefusedByAgent" || result.reason !== "StaleGeneration" || reshipped) return result;
      // The server had forgotten what it once knew, a lost volume say. Now the agent's status tells it again.
      onProgress({ _tag: "StaleGeneration", agentHas: result.status.generation });
      shipped = await ship(parts, shipment);
    }
  } finally {
    time.cancel();
  }
}

/** Ships the empty set: whatever the agent made, it removes. The rest is as with {@link apply}. */
export const remove = (parts: FleetParts, agentId: AgentId, options: ApplyOptions = {}): Promise<ApplyResult> =>
  apply(
    parts,
    { topology: topology("none", []), scores: {}, after: {}, restartOn: {}, policies: {}, rollbackOnFailure: null },
    agentId,
    options,
  );

/** Makes the buckets, and holds the manifest against what is known of its target. Null: nothing speaks against shipping. */
async function prepare(
  store: FleetParts["store"],
  manifest: Manifest,
  agentId: AgentId,
  signers: Signers,
  call: CallOptions,
): Promise<NotShipped | null> {
  const targets: Target[] = [{ _tag: "Topology", topology: manifest.topology }];
  const own = objections(manifest, targets);
  if (own.length > 0) return { _tag: "Lacking", objections: own };
  const ready = await store.ensureBuckets(call);
  // Somebody who may write keys need not have the right to make buckets; whether they are there shows soon enough.
  if (ready._tag === "Unreachable" && ready.reason !== "Denied") {
    return { _tag: "NotReached", unreachable: ready, stored: false };
  }
  const document = await readCapabilities(store, agentId, call);
  if (document._tag === "Unreachable") return { _tag: "NotReached", unreachable: document, stored: false };
  if (document._tag !== "Read") return null;
  const target: Target = { _tag: "Agent", document: document.document };
  const found = [...objections(manifest, [target]), ...unsigned(manifest, target, authorsOf(signers))];
  return found.length > 0 ? { _tag: "Lacking", objections: found } : null;
}

/** Each once, whatever names and keys they have twice. */
const authorsOf = (signers: Signers): readonly string[] => [
  ...new Set(
    signers
      .filter(({ privateKey }, at) => signers.findIndex((each) => each.privateKey.equals(privateKey)) === at)
      .map(({ key }) => key),
  ),
];

/** What the agent says that it offers. One that cannot be read says nothing: the agent itself refuses what it must. */
export async function readCapabilities(store: Store, agentId: AgentId, call: CallOptions) {
  const found = await store.get("capabilities", agentId, call);
  if (found._tag === "Unreachable") return found;
  return found._tag === "Value" ? readDocument(CapabilitiesDocument, found.value) : ({ _tag: "None" } as const);
}
