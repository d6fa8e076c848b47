import { objections, unknownFields, unsigned } from "../check/check.ts";
import type { Target } from "../check/target.ts";
import type { Manifest } from "../topology/manifest.ts";
import { topology } from "../topology/topology.ts";
import type { AgentId } from "../wire/keys.ts";
import type { CallOptions } from "../wire/store.ts";
import { readCapabilities } from "./capabilities.ts";
import { follow } from "./follow.ts";
import type { Signers } from "./pack.ts";
import type { FleetParts } from "./parts.ts";
import type { ApplyResult, NotShipped, Progress } from "./result.ts";
import { sealGiven, type Sealing, type SecretsGiven } from "./secrets.ts";
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
  /** Why it is shipped, one line of at most 500 characters, which the history shows. Default: nothing is said. */
  readonly message?: string | undefined;
  /** Signs with these. Default: unsigned, for agents that have no keys configured. */
  readonly signers?: Signers | undefined;
  /** What the manifest's secrets are, and whose key they may be sealed for. Default: all are carried over. */
  readonly secrets?: SecretsGiven | undefined;
  /** The revision that the agent's key has to be at, 0 where it holds nothing. Default: whichever it is at. */
  readonly expect?: number | undefined;
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
  const {
    timeoutMs = DEFAULT_TIMEOUT_MS,
    wait = true,
    signers = [],
    retryFailed,
    message,
    onProgress = () => {},
  } = options;
  const { secrets = {} } = options;
  const signal = options.signal ?? new AbortController().signal;
  const time = deadline(parts.clock, timeoutMs);
  try {
    const call = { signal: AbortSignal.any([signal, time.signal]) };
    const prepared = await prepare(parts.store, manifest, agentId, { secrets, signers, message }, call);
    if (signal.aborted) return { _tag: "Cancelled", shipped: null };
    if (prepared._tag !== "Sealed") return prepared;
    const { sealed } = prepared;
    const { trustedKeys = [] } = secrets;
    const rest = { signal, late: time.signal, onProgress };
    const shipment = {
      manifest,
      agentId,
      signers,
      retryFailed,
      message,
      expect: options.expect,
      sealed,
      trustedKeys,
      ...rest,
    };
    let shipped = await ship(parts, shipment);
    for (let reshipped = false; ; reshipped = true) {
      if (shipped._tag !== "Shipped") return shipped;
      const { generation, revision, digests } = shipped;
      if (!wait) return { _tag: "Shipped", generation, revision };
      const result = await follow(parts, {
        shipped: { generation, revision },
        agentId,
        digests,
        signal,
        late: time.signal,
        onProgress,
      });
      const isStale = result._tag === "RefusedByAgent" && result.reason === "StaleGeneration";
      if (!isStale || reshipped || options.expect !== undefined) return result;
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

/** Makes the buckets, holds the manifest against what is known of its target, and seals for that what is given of secrets. */
async function prepare(
  store: FleetParts["store"],
  manifest: Manifest,
  agentId: AgentId,
  {
    secrets,
    signers,
    message,
  }: { readonly secrets: SecretsGiven; readonly signers: Signers; readonly message: string | undefined },
  call: CallOptions,
): Promise<NotShipped | Extract<Sealing, { readonly _tag: "Sealed" }>> {
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
  const told = document._tag === "Read" ? document.document : null;
  const target: Target | null = told && { _tag: "Agent", document: told };
  const found =
    target === null || told === null
      ? []
      : [
          ...objections(manifest, [target]),
          ...unsigned(manifest, target, authorsOf(signers)),
          ...unknownFields({ message }, told),
        ];
  if (found.length > 0) return { _tag: "Lacking", objections: found };
  return sealGiven(manifest, agentId, secrets, told?.sealingKey ?? null);
}

/** Each once, whatever names and keys they have twice. */
export const authorsOf = (signers: Signers): readonly string[] => [
  ...new Set(
    signers
      .filter(({ privateKey }, at) => signers.findIndex((each) => each.privateKey.equals(privateKey)) === at)
      .map(({ key }) => key),
  ),
];
