import type { Manifest } from "../topology/manifest.ts";
import type { SecretsToSend } from "../wire/encode.ts";
import type { AgentId } from "../wire/keys.ts";
import type { SealingKey } from "../wire/secrets/sealed.ts";
import { readDocument } from "../wire/status.ts";
import type { CallOptions, Found, Store, Unreachable } from "../wire/store.ts";
import { ToldStatus } from "../wire/told-status.ts";
import { currentIn, type CurrentPayload } from "./desired.ts";
import { pack, type Packed, type Signers } from "./pack.ts";
import type { FleetParts } from "./parts.ts";
import type { NotShipped, Progress, Shipped } from "./result.ts";
import { resolve } from "./secrets.ts";
import { pause } from "./waiting.ts";

export interface Shipment {
  readonly manifest: Manifest;
  readonly agentId: AgentId;
  readonly signers: Signers;
  readonly retryFailed?: boolean | undefined;
  readonly message?: string | undefined;
  /** Those that were given. */
  readonly sealed: SecretsToSend;
  readonly trustedKeys: readonly SealingKey[];
  /** The revision that the key has to be at; left out: whichever it is at. */
  readonly expect?: number | undefined;
  /** Fires when the caller gives up. */
  readonly signal: AbortSignal;
  /** Fires when there is no time left. */
  readonly late: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/** Each attempt that is lost means that somebody else's got through. */
const CONFLICTS = 20;
const AGAIN_AFTER_MS = 500;

/**
 * Puts a manifest into the agent's key, above every generation that the server knows of. A lost answer is never taken
 * for a failed write: the key is read back, and only if it does not hold these very bytes are they written again, at
 * the revision that was read, so that of the two attempts at most one counts.
 */
export async function ship(parts: FleetParts, shipment: Shipment): Promise<Stored | NotShipped> {
  const { clock } = parts;
  const { signal, late, onProgress } = shipment;
  const issuedAt = clock.now();
  let sent: Packed | null = null;
  let conflicts = 0;
  let why: Unreachable | null = null;
  for (;;) {
    const attempt = await tryOnce(parts.store, shipment, issuedAt, sent);
    if (attempt._tag === "Conflict") {
      conflicts += 1;
      if (conflicts === CONFLICTS) return { _tag: "Contended", attempts: conflicts };
      sent = attempt.sent;
      onProgress({ _tag: "Conflict" });
    } else if (attempt._tag === "Lost") {
      sent = attempt.sent;
      // An attempt that was called off does not know what the one before it was told.
      const unreachable: Unreachable = (signal.aborted || late.aborted ? why : null) ?? attempt.unreachable;
      why = unreachable;
      const answered = unreachable.reason === "Denied" || unreachable.reason === "NoBucket";
      if (sent === null && signal.aborted) return { _tag: "Cancelled", shipped: null };
      if (sent === null || answered) return { _tag: "NotReached", unreachable, stored: false };
      if (signal.aborted || late.aborted) return { _tag: "NotReached", unreachable, stored: null };
      onProgress({ _tag: "AnswerLost", unreachable });
      await pause(clock, AGAIN_AFTER_MS, AbortSignal.any([signal, late]));
    } else {
      return attempt;
    }
  }
}

/** `digests`: by Score id, as the agent will tell them. */
type Stored = { readonly _tag: "Shipped"; readonly digests: ReadonlyMap<string, string> } & Shipped;

type Attempt =
  | Stored
  | Extract<NotShipped, { readonly _tag: "Lacking" | "TooLarge" | "SecretsRefused" | "Unfit" }>
  /** `sent`: what was tried to be written last, and may have been written for all that is known. */
  | { readonly _tag: "Conflict"; readonly sent: Packed }
  | { readonly _tag: "Lost"; readonly unreachable: Unreachable; readonly sent: Packed | null };

async function tryOnce(store: Store, shipment: Shipment, issuedAt: Date, sent: Packed | null): Promise<Attempt> {
  const { agentId, signal, late, onProgress } = shipment;
  const call: CallOptions = { signal: AbortSignal.any([signal, late]) };
  const known = await highestKnown(store, agentId, call);
  if (known._tag === "Unreachable") return { _tag: "Lost", unreachable: known, sent };
  const { found } = known;
  if (sent !== null && found._tag === "Value" && same(found.value, sent.envelope)) {
    return stored(sent, found.revision, onProgress);
  }
  const at = found._tag === "Absent" ? 0 : found.revision;
  if (shipment.expect !== undefined && at !== shipment.expect) return moved(agentId);
  const resolved = resolve(shipment, known.current, known.generation);
  if (resolved._tag === "SecretsRefused") return resolved;
  const generation = known.generation + 1;
  onProgress({ _tag: "Shipping", generation });
  const { secrets, carried } = resolved;
  if (secrets.size > 0) onProgress({ _tag: "Secrets", sealed: [...shipment.sealed.keys()], carried });
  const packed = await pack(store, { ...shipment, secrets, generation, issuedAt }, call);
  if (packed._tag === "Unreachable") return { _tag: "Lost", unreachable: packed, sent };
  if (packed._tag !== "Packed") return packed;
  const expect = at;
  const written = await store.put("desired-state", agentId, packed.envelope, { ...call, expect });
  switch (written._tag) {
    case "Written":
      return stored(packed, written.revision, onProgress);
    case "TooLarge":
      return written;
    case "Conflict":
      return { _tag: "Conflict", sent: packed };
    case "Unreachable":
      return { _tag: "Lost", unreachable: written, sent: packed };
  }
}

/** Somebody else has written since the key was looked at. */
export const moved = (agentId: AgentId): Extract<NotShipped, { readonly _tag: "Unfit" }> => ({
  _tag: "Unfit",
  reason: "Moved",
  message: `somebody has shipped another manifest to ${agentId} meanwhile; look again at what is to change`,
});

interface Known {
  readonly _tag: "Known";
  readonly generation: number;
  readonly found: Found;
  /** What the key holds, where that can be read. */
  readonly current: CurrentPayload | null;
}

/** The highest generation that the key or the agent's own status tells of; 0 where neither does. */
export async function highestKnown(store: Store, agentId: AgentId, call: CallOptions): Promise<Known | Unreachable> {
  const [found, status] = await Promise.all([
    store.get("desired-state", agentId, call),
    store.get("actual-state", agentId, call),
  ]);
  if (found._tag === "Unreachable") return found;
  if (status._tag === "Unreachable") return status;
  const desired = await currentIn(store, found, call);
  if (desired._tag === "Unreachable") return desired;
  // What cannot be read tells of no generation. Should the agent have a higher one, it says so, and that is heeded.
  const read = status._tag === "Value" ? readDocument(ToldStatus, status.value) : null;
  const told = read?._tag === "Read" ? Math.max(read.document.generation, read.document.observedGeneration) : 0;
  const current = desired._tag === "Current" ? desired : null;
  return { _tag: "Known", generation: Math.max(told, current?.generation ?? 0), found, current };
}

function stored(
  { generation, bytes, asAsset, digests }: Packed,
  revision: number,
  onProgress: Shipment["onProgress"],
): Stored {
  onProgress({ _tag: "Stored", generation, revision, bytes, asAsset });
  return { _tag: "Shipped", generation, revision, digests };
}

const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index]);
