import type { Manifest } from "../topology/manifest.ts";
import { type AgentId, planSubject } from "../wire/keys.ts";
import { PlanReply, readDocument } from "../wire/status.ts";
import type { CallOptions, Store, Unreachable } from "../wire/store.ts";
import type { Payload } from "../wire/envelope.ts";
import type { StoredManifest } from "../wire/rollout.ts";
import { sign } from "../wire/signature.ts";
import type { SignedManifest } from "./apply-bundle.ts";
import { pack, place, type Signers } from "./pack.ts";
import type { FleetParts } from "./parts.ts";
import type { NotShipped } from "./result.ts";
import { publishedKey } from "./capabilities.ts";
import { type Resolved, resolve, sealGiven, secretsOf, type SecretsGiven } from "./secrets.ts";
import { highestKnown } from "./ship.ts";

export interface PlanOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that the agent may take to look at everything. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  readonly signers?: Signers | undefined;
  /** As for `apply`. */
  readonly secrets?: SecretsGiven | undefined;
}

export type PlanResult =
  | { readonly _tag: "Answered"; readonly reply: PlanReply }
  /** The server is there, the agent is not, or takes too long. */
  | { readonly _tag: "NoAnswer"; readonly message: string }
  | { readonly _tag: "Unreadable"; readonly message: string }
  | Extract<NotShipped, { readonly _tag: "Lacking" | "TooLarge" | "SecretsRefused" }>
  | Unreachable;

const DEFAULT_TIMEOUT_MS = 30_000;

/** The agent does not look at it. What is signed to be asked about must be of no use to whoever would ship it instead. */
const ASKED_GENERATION = 1;

/** Asks the agent what it would do with a manifest. Changes nothing there, nor in the agent's key. */
export async function plan(
  { store, clock }: FleetParts,
  manifest: Manifest,
  agentId: AgentId,
  { signal, timeoutMs = DEFAULT_TIMEOUT_MS, signers = [], secrets = {} }: PlanOptions = {},
): Promise<PlanResult> {
  const call: CallOptions = { signal };
  const sealed = await secretsFor(store, manifest, agentId, { secrets, signers }, call);
  if (sealed._tag !== "Resolved") return sealed;
  const toPack = { manifest, agentId, signers, generation: ASKED_GENERATION, issuedAt: clock.now() };
  const packed = await pack(store, { ...toPack, secrets: sealed.secrets }, call);
  return packed._tag === "Packed" ? ask(store, agentId, packed.envelope, { signal, timeoutMs }) : packed;
}

/** Those that the manifest refers to, as they would be shipped with it. */
async function secretsFor(
  store: Store,
  manifest: Manifest,
  agentId: AgentId,
  { secrets, signers }: { readonly secrets: SecretsGiven; readonly signers: Signers },
  call: CallOptions,
): Promise<Resolved | Extract<PlanResult, { readonly _tag: "NoAnswer" }> | Unreachable> {
  const { values = new Map<string, Uint8Array>(), trustedKeys = [] } = secrets;
  if (values.size === 0 && secretsOf(manifest).length === 0) {
    return { _tag: "Resolved", secrets: new Map(), carried: [] };
  }
  const known = await highestKnown(store, agentId, call);
  if (known._tag === "Unreachable") return known.reason === "NoBucket" ? nobody(agentId) : known;
  const published = values.size === 0 ? null : await publishedKey(store, agentId, call);
  if (published !== null && typeof published !== "string") return published;
  const sealing = sealGiven(manifest, agentId, secrets, published);
  if (sealing._tag !== "Sealed") return sealing;
  return resolve({ manifest, agentId, sealed: sealing.sealed, trustedKeys, signers }, known.current, known.generation);
}

/** The same of a manifest that was signed elsewhere, as it is: also whether it has the signatures that it takes. */
export async function planBundle(
  { store }: FleetParts,
  { payload, signatures }: SignedManifest,
  agentId: AgentId,
  { signal, timeoutMs = DEFAULT_TIMEOUT_MS }: Omit<PlanOptions, "signers"> = {},
): Promise<PlanResult> {
  const packed = await place(store, payload, signatures, { signal });
  return packed._tag === "Packed" ? ask(store, agentId, packed.envelope, { signal, timeoutMs }) : packed;
}

/** The same of what a roll-out has for a device: these very Scores, with the secrets that are sealed in them. */
export async function planStored(
  { store, clock }: FleetParts,
  manifest: StoredManifest,
  agentId: AgentId,
  { signal, timeoutMs = DEFAULT_TIMEOUT_MS, signers = [] }: Omit<PlanOptions, "secrets"> = {},
): Promise<PlanResult> {
  const issuedAt = clock.now().toISOString();
  const payload = JSON.stringify({ agentId, generation: ASKED_GENERATION, issuedAt, ...manifest } satisfies Payload);
  const signatures = signers.map(({ key, privateKey }) => sign(payload, key, privateKey));
  const packed = await place(store, payload, signatures, { signal });
  return packed._tag === "Packed" ? ask(store, agentId, packed.envelope, { signal, timeoutMs }) : packed;
}

async function ask(
  store: Store,
  agentId: AgentId,
  envelope: Uint8Array,
  { signal, timeoutMs }: { readonly signal: AbortSignal | undefined; readonly timeoutMs: number },
): Promise<PlanResult> {
  const reply = await store.request(planSubject(agentId), envelope, { signal, timeoutMs });
  if (reply._tag === "NobodyThere") return nobody(agentId);
  if (reply._tag === "Unreachable") {
    if (reply.reason !== "TimedOut" || signal?.aborted === true) return reply;
    return { _tag: "NoAnswer", message: `agent ${agentId} has not answered within ${timeoutMs / 1000} s` };
  }
  const read = readDocument(PlanReply, reply.value);
  return read._tag === "Read"
    ? { _tag: "Answered", reply: read.document }
    : { _tag: "Unreadable", message: `the answer of agent ${agentId} cannot be read: ${read.message}` };
}

const nobody = (agentId: AgentId): Extract<PlanResult, { readonly _tag: "NoAnswer" }> => ({
  _tag: "NoAnswer",
  message: `agent ${agentId} is not connected to the server`,
});
