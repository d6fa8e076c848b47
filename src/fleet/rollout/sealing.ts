import type { Manifest } from "../../topology/manifest.ts";
import type { SecretsToSend } from "../../wire/encode.ts";
import type { AgentId } from "../../wire/keys.ts";
import type { SealingKey } from "../../wire/secrets/sealed.ts";
import type { CallOptions, Store, Unreachable } from "../../wire/store.ts";
import type { Signers } from "../pack.ts";
import type { SecretsRefused } from "../result.ts";
import { resolve, sealGiven, secretsOf } from "../secrets.ts";
import { highestKnown } from "../ship.ts";

/** What an author gives of the secrets that the manifests of a roll-out refer to. */
export interface SecretsForMany {
  /** By name, the same for all devices. What is not here is carried over, still sealed, from what each device has. */
  readonly values: ReadonlyMap<string, Uint8Array>;
  /** The keys that a device's owner vouches for, as of {@link SecretsGiven}; none: nothing is sealed for it. */
  readonly trustedKeysOf: (agentId: AgentId) => readonly SealingKey[];
}

interface ToSeal {
  readonly manifest: Manifest;
  readonly agentId: AgentId;
  /** What the agent publishes; null: none. */
  readonly published: SealingKey | null;
  readonly secrets: SecretsForMany;
  readonly signers: Signers;
}

/** What one device's manifest takes with it: each secret that it refers to, sealed for this device alone. */
export async function sealedForDevice(
  store: Store,
  { manifest, agentId, published, secrets, signers }: ToSeal,
  call: CallOptions,
): Promise<{ readonly _tag: "Resolved"; readonly secrets: SecretsToSend } | SecretsRefused | Unreachable> {
  const names = secretsOf(manifest);
  if (names.length === 0) return { _tag: "Resolved", secrets: new Map() };
  const trustedKeys = secrets.trustedKeysOf(agentId);
  // What other groups of the same file refer to is no mistake here.
  const values = new Map([...secrets.values].filter(([name]) => names.includes(name)));
  const sealing = sealGiven(manifest, agentId, { values, trustedKeys }, published);
  if (sealing._tag === "SecretsRefused") return sealing;
  const { sealed } = sealing;
  if (sealed.size === names.length) return { _tag: "Resolved", secrets: sealed };
  const known = await highestKnown(store, agentId, call);
  if (known._tag === "Unreachable") return known;
  return resolve({ manifest, agentId, sealed, trustedKeys, signers }, known.current, known.generation);
}
