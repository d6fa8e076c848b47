import * as z from "zod";
import { SECRET_LIMIT_BYTES } from "../scores/secret.ts";
import type { Manifest } from "../topology/manifest.ts";
import type { EncodeOptions, SecretsToSend } from "../wire/encode.ts";
import { WireScore } from "../wire/envelope.ts";
import type { AgentId } from "../wire/keys.ts";
import { keyIdOf, type SealedForAll, sealFor, type SealingKey } from "../wire/secrets/sealed.ts";
import { isSignedByOne } from "../wire/signers.ts";
import type { CurrentPayload } from "./desired.ts";
import type { SecretsRefused } from "./result.ts";
import { safeParse } from "../wire/safe-parse.ts";

/** What an author gives of the secrets that a manifest refers to. */
export interface SecretsGiven {
  /** By name. What is not here is carried over, still sealed, from the manifest that the agent has. Default: none. */
  readonly values?: ReadonlyMap<string, Uint8Array> | undefined;
  /**
   * The keys of the device that its owner vouches for, as `harmony agent enroll` showed them there; the first one is the
   * newest. What the agent publishes must be among them, or nothing is sealed: whoever may write to the server could have
   * published a key of their own. Default: none is known.
   */
  readonly trustedKeys?: readonly SealingKey[] | undefined;
}

const refuse = (
  reason: SecretsRefused["reason"],
  message: string,
  next: string,
  published: SealingKey | null = null,
): SecretsRefused => ({ _tag: "SecretsRefused", reason, message, next, published });

/** The secrets that a manifest refers to, each once. */
export const secretsOf = (manifest: Manifest): readonly string[] => [
  ...new Set(Object.values(manifest.scores).flatMap((score) => score.bind().secrets)),
];

export type Sealing = { readonly _tag: "Sealed"; readonly sealed: SecretsToSend } | SecretsRefused;

/** Seals what is given, once for all attempts to ship it. */
export function sealGiven(
  manifest: Manifest,
  agentId: AgentId,
  { values = new Map(), trustedKeys = [] }: SecretsGiven,
  published: SealingKey | null,
): Sealing {
  const names = secretsOf(manifest);
  const stray = [...values.keys()].find((name) => !names.includes(name));
  if (stray !== undefined) {
    const known = names.length === 0 ? "it refers to none" : `it refers to ${names.join(", ")}`;
    return refuse(
      "SecretUnknown",
      `the manifest does not refer to a secret "${stray}"; ${known}`,
      "Correct the name, or leave it out.",
    );
  }
  for (const [name, { length }] of values) {
    if (length > 0 && length <= SECRET_LIMIT_BYTES) continue;
    const what = length === 0 ? "is empty" : `has ${length} bytes, at most ${SECRET_LIMIT_BYTES} may be sealed`;
    return refuse("SecretUnusable", `the secret "${name}" ${what}`, "Look at where it comes from.");
  }
  if (values.size === 0) return { _tag: "Sealed", sealed: new Map() };
  const keys = recipients(agentId, trustedKeys, published);
  if ("_tag" in keys) return keys;
  const sealed = [...values].map(([name, bytes]) => [name, sealFor(bytes, keys, { agentId, name })] as const);
  return { _tag: "Sealed", sealed: new Map(sealed) };
}

function recipients(
  agentId: AgentId,
  trusted: readonly SealingKey[],
  published: SealingKey | null,
): readonly SealingKey[] | SecretsRefused {
  const [newest] = trusted;
  if (published === null) {
    // The device showed its key to its owner, and may not have spoken here yet.
    if (newest !== undefined) return [newest];
    return refuse(
      "NoSealingKey",
      `agent ${agentId} has published no key that secrets could be sealed for`,
      "It must be running, and of a version that takes secrets: harmony status tells both.",
    );
  }
  if (trusted.includes(published)) return [published];
  const shown = `agent ${agentId} publishes the sealing key ${keyIdOf(published)}`;
  return newest === undefined
    ? refuse(
        "SealingKeyNotTrusted",
        `${shown}, and nothing here says that this is the device's`,
        "Compare it with what harmony agent key tells on the device; if it is the same, say --pin. harmony fleet accept pins it by itself.",
        published,
      )
    : refuse(
        "SealingKeyChanged",
        `${shown}, and ${keyIdOf(newest)} is pinned for it: somebody may be after the secrets`,
        "If the device was set up anew, compare the key with what harmony agent key tells there, and say --pin.",
        published,
      );
}

export type Resolved =
  | { readonly _tag: "Resolved"; readonly secrets: SecretsToSend; readonly carried: readonly string[] }
  | SecretsRefused;

export interface Carrying {
  readonly manifest: Manifest;
  readonly agentId: AgentId;
  readonly sealed: SecretsToSend;
  readonly trustedKeys: readonly SealingKey[];
  readonly signers: NonNullable<EncodeOptions["signers"]>;
}

/**
 * All secrets of a manifest: those given, and the rest as the agent's key holds them, still sealed. Anybody can seal for a
 * device, so an author who signs carries over only what was signed by a key of theirs; and nothing from a manifest that is
 * older than what the agent knows.
 */
export function resolve(
  { manifest, agentId, sealed, trustedKeys, signers }: Carrying,
  current: CurrentPayload | null,
  newest: number,
): Resolved {
  const carried = secretsOf(manifest).filter((name) => !sealed.has(name));
  if (carried.length === 0) return { _tag: "Resolved", secrets: sealed, carried };
  const secrets = new Map(sealed);
  const known = current === null ? new Map<string, SealedForAll>() : sealedIn(current.scores);
  for (const name of carried) {
    const held = known.get(name);
    const missing = (why: string): SecretsRefused =>
      refuse(
        "SecretMissing",
        `the secret "${name}" is not given, and ${why}`,
        `Say what it is: --secret ${name}=FILE, or --secrets DIR with a file ${name} in it.`,
      );
    if (current === null || held === undefined) {
      return missing(`the manifest that ${agentId} has holds none of that name`);
    }
    if (current.generation < newest) return missing(`what the server holds for ${agentId} is older than what it has`);
    if (!isOurs(current, signers)) return missing(`the manifest that ${agentId} has is not signed by a key of yours`);
    const ids = trustedKeys.map(keyIdOf);
    if (ids.length > 0 && !held.some(({ key }) => ids.includes(key))) {
      return missing(`what ${agentId} has of it is sealed for another key of the device`);
    }
    secrets.set(name, held);
  }
  return { _tag: "Resolved", secrets, carried };
}

/** Of two that have one name the later in the manifest, which is the same one where this software made it. */
export function sealedIn(scores: Readonly<Record<string, unknown>>): ReadonlyMap<string, SealedForAll> {
  const found = new Map<string, SealedForAll>();
  for (const value of Object.values(scores)) {
    const read = safeParse(z.looseObject({ secrets: WireScore.shape.secrets }), value);
    for (const [name, sealed] of Object.entries(read.data?.secrets ?? {})) found.set(name, sealed);
  }
  return found;
}

const isOurs = ({ payload, signatures }: CurrentPayload, signers: Carrying["signers"]): boolean =>
  signers.length === 0 || isSignedByOne(payload, signatures, signers);
