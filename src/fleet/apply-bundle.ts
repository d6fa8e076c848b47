import { unknownFields } from "../check/check.ts";
import { digestOf } from "../wire/digest.ts";
import { type Envelope, LATER_FIELDS, type Payload, WireScore } from "../wire/envelope.ts";
import type { AgentId } from "../wire/keys.ts";
import type { CallOptions, Store, Unreachable } from "../wire/store.ts";
import type { ApplyOptions } from "./apply.ts";
import { DEFAULT_TIMEOUT_MS } from "./apply.ts";
import { readCapabilities } from "./capabilities.ts";
import { follow } from "./follow.ts";
import { place } from "./pack.ts";
import type { FleetParts } from "./parts.ts";
import type { ApplyResult, NotShipped, Progress, Shipped } from "./result.ts";
import { highestKnown, moved } from "./ship.ts";
import { deadline, pause } from "./waiting.ts";
import { safeParse } from "../wire/safe-parse.ts";

/** A manifest that was signed elsewhere: nothing of it can be changed any more, its generation least of all. */
export interface SignedManifest {
  readonly payload: string;
  readonly signatures: Envelope["signatures"];
  readonly manifest: Payload;
}

export interface BundleOptions extends Omit<ApplyOptions, "signers" | "retryFailed" | "message" | "secrets"> {
  /** The revision that the agent's key has to be at, 0 where it holds nothing. Default: whichever it is at. */
  readonly expect?: number | undefined;
}

/** Others write in between, or answers are lost; each time the key is read again. */
const ATTEMPTS = 20;
const AGAIN_AFTER_MS = 500;

/** Ships a signed manifest as it is, byte for byte, and waits as `apply` does. */
export async function applyBundle(
  parts: FleetParts,
  bundle: SignedManifest,
  agentId: AgentId,
  options: BundleOptions = {},
): Promise<ApplyResult> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, wait = true, onProgress = () => {} } = options;
  const signal = options.signal ?? new AbortController().signal;
  const { manifest } = bundle;
  if (manifest.agentId !== agentId) {
    const message = `the bundle is for agent ${manifest.agentId}, not ${agentId}; what is signed for one is refused by any other`;
    return { _tag: "Unfit", reason: "WrongAgent", message };
  }
  const time = deadline(parts.clock, timeoutMs);
  try {
    const call = { signal: AbortSignal.any([signal, time.signal]) };
    const ready = await parts.store.ensureBuckets(call);
    if (signal.aborted) return { _tag: "Cancelled", shipped: null };
    if (ready._tag === "Unreachable" && ready.reason !== "Denied") {
      return { _tag: "NotReached", unreachable: ready, stored: false };
    }
    const unknown = await fieldsUnknown(parts.store, manifest, agentId, call);
    if (unknown !== null) return unknown;
    const shipped = await ship(parts, { bundle, agentId, expect: options.expect }, call, onProgress);
    if (shipped._tag === "NotReached" && signal.aborted) return { _tag: "Cancelled", shipped: null };
    if (shipped._tag !== "Shipped" || !wait) return shipped;
    const { generation, revision } = shipped;
    const around = { agentId, digests: digestsIn(manifest), signal, late: time.signal, onProgress };
    return await follow(parts, { shipped: { generation, revision }, ...around });
  } finally {
    time.cancel();
  }
}

/** Null: nothing speaks against it, as far as the agent has told. */
async function fieldsUnknown(
  store: Store,
  manifest: Payload,
  agentId: AgentId,
  call: CallOptions,
): Promise<NotShipped | null> {
  if (LATER_FIELDS.every((field) => manifest[field] === undefined)) return null;
  const read = await readCapabilities(store, agentId, call);
  if (read._tag === "Unreachable") return { _tag: "NotReached", unreachable: read, stored: false };
  const found = read._tag === "Read" ? unknownFields(manifest, read.document) : [];
  return found.length === 0 ? null : { _tag: "Lacking", objections: found };
}

interface Asked {
  readonly bundle: SignedManifest;
  readonly agentId: AgentId;
  readonly expect: number | undefined;
}

type Attempt = ({ readonly _tag: "Shipped" } & Shipped) | NotShipped | { readonly _tag: "Again" };

async function ship(
  { store, clock }: FleetParts,
  asked: Asked,
  call: Required<Pick<CallOptions, "signal">>,
  onProgress: (progress: Progress) => void,
): Promise<Exclude<Attempt, { readonly _tag: "Again" }>> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const done = await tryOnce(store, asked, call, onProgress);
    if (done._tag !== "Again") return done;
    await pause(clock, AGAIN_AFTER_MS, call.signal ?? new AbortController().signal);
  }
  return { _tag: "Contended", attempts: ATTEMPTS };
}

async function tryOnce(
  store: Store,
  { bundle: { payload, signatures, manifest }, agentId, expect: wanted }: Asked,
  call: CallOptions,
  onProgress: (progress: Progress) => void,
): Promise<Attempt> {
  const { generation } = manifest;
  const lost = (unreachable: Unreachable): NotShipped => ({ _tag: "NotReached", unreachable, stored: false });
  const known = await highestKnown(store, agentId, call);
  if (known._tag === "Unreachable") return lost(known);
  const packed = await place(store, payload, signatures, call);
  if (packed._tag === "Unreachable") return lost(packed);
  const { found } = known;
  if (found._tag === "Value" && Buffer.compare(found.value, packed.envelope) === 0) {
    return { _tag: "Shipped", generation, revision: found.revision };
  }
  const expect = found._tag === "Absent" ? 0 : found.revision;
  if (wanted !== undefined && expect !== wanted) return moved(agentId);
  // The same number is for the same text alone, with more signatures perhaps; the agent tells the two apart.
  if (generation < known.generation) {
    const message = `the bundle is generation ${generation}, and ${known.generation} is known for ${agentId} already; have it signed again with --generation ${known.generation + 1}`;
    return { _tag: "Unfit", reason: "StaleGeneration", message };
  }
  onProgress({ _tag: "Shipping", generation });
  const written = await store.put("desired-state", agentId, packed.envelope, { ...call, expect });
  switch (written._tag) {
    case "Written": {
      const { revision } = written;
      onProgress({ _tag: "Stored", generation, revision, bytes: packed.bytes, asAsset: packed.asAsset });
      return { _tag: "Shipped", generation, revision };
    }
    case "TooLarge":
      return written;
    case "Conflict":
      onProgress({ _tag: "Conflict" });
      return { _tag: "Again" };
    case "Unreachable":
      if (written.reason === "Denied" || written.reason === "NoBucket") return lost(written);
      if (call.signal?.aborted === true) return { _tag: "NotReached", unreachable: written, stored: null };
      onProgress({ _tag: "AnswerLost", unreachable: written });
      return { _tag: "Again" };
  }
}

/** Of what cannot be read the agent says so itself. */
const digestsIn = ({ scores }: Payload): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(scores).map(([id, each]) => {
      const read = safeParse(WireScore, each);
      return [id, read.success ? digestOf(read.data) : ""] as const;
    }),
  );
