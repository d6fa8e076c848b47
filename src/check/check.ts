import type { AnyScore } from "../scores/score.ts";
import { lacks, lackSentence } from "../topology/lacks.ts";
import type { Manifest } from "../topology/manifest.ts";
import { encodeScores } from "../wire/encode.ts";
import { denialsOfScore, denialsOfWhole } from "../wire/policy-gate.ts";
import type { DevicePolicies } from "../wire/device-policy.ts";
import { neededFor, tooFewFor } from "../wire/threshold.ts";
import type { Denial } from "../wire/policy-rules.ts";
import { LATER_FIELDS, type LaterField, PAYLOAD_LIMIT_BYTES } from "../wire/envelope.ts";
import type { CapabilitiesDocument } from "../wire/status.ts";
import type { Finding, Objection } from "./finding.ts";
import { grouped } from "./grouped.ts";
import { knownTo, placeOf, type Target, targetName } from "./target.ts";

/** All that speaks against running this manifest on each of the targets; nothing when it can run there. Pure. */
export const objections = (manifest: Manifest, targets: readonly Target[]): readonly Objection[] =>
  targets.flatMap((target) => [
    ...Object.entries(manifest.scores).flatMap(([id, score]) => objectionsTo(id, score, target)),
    ...denials(manifest, target),
  ]);

/**
 * The same, about a file, which nobody has signed yet: what needs several authors is told as a warning, and what is the same
 * for many devices once.
 */
export const check = (file: string, manifest: Manifest, targets: readonly Target[]): readonly Finding[] =>
  [
    ...tooLarge(manifest),
    ...grouped(
      manifest,
      targets.map((target) => [target, [...objections(manifest, [target]), ...signaturesNeeded(manifest, target)]]),
    ),
  ].map((objection) => ({ ...objection, file }));

function tooLarge(manifest: Manifest): readonly Objection[] {
  const bytes = new TextEncoder().encode(JSON.stringify(encodeScores(manifest))).length;
  if (bytes <= PAYLOAD_LIMIT_BYTES) return [];
  const about = {
    rule: "TooLarge",
    severity: "error",
    scoreId: null,
    kind: null,
    capability: null,
    target: null,
  } as const;
  return [{ ...about, sentence: `the manifest has ${bytes} bytes, and an agent takes ${PAYLOAD_LIMIT_BYTES} at most` }];
}

const signaturesNeeded = (manifest: Manifest, target: Target): readonly Objection[] =>
  aboutSignatures(manifest, target, "warning", (id, kind, policy) => neededFor({ id, kind }, policy)?.sentence);

/** What the owner of the device does not take from these authors alone. */
export const unsigned = (manifest: Manifest, target: Target, signedBy: readonly string[]): readonly Objection[] =>
  aboutSignatures(manifest, target, "error", (id, kind, policy) => tooFewFor({ id, kind }, signedBy, policy));

function aboutSignatures(
  { scores }: Manifest,
  target: Target,
  severity: Objection["severity"],
  sentenceOf: (id: string, kind: string, policy: DevicePolicies) => string | null | undefined,
): readonly Objection[] {
  const policy = target._tag === "Agent" ? target.document.policy : undefined;
  if (policy === undefined) return [];
  const about = { rule: "ThresholdNotMet", severity, capability: null, target: targetName(target) } as const;
  return Object.entries(scores).flatMap(([scoreId, { kind }]) => {
    const sentence = sentenceOf(scoreId, kind, policy) ?? null;
    return sentence === null ? [] : [{ ...about, scoreId, kind, sentence }];
  });
}

/** The fields of a payload that an agent of before would refuse all of it for. Pure. */
export function unknownFields(
  payload: Readonly<Partial<Record<LaterField, unknown>>>,
  { agentId, agentVersion, takes = [] }: CapabilitiesDocument,
): readonly Objection[] {
  const rest = { severity: "error", scoreId: null, kind: null, capability: null, target: `agent ${agentId}` } as const;
  return LATER_FIELDS.filter((field) => payload[field] !== undefined && !takes.includes(field)).map((field) => ({
    ...rest,
    rule: "UnknownField",
    sentence: `agent ${agentId} (${agentVersion}) knows no "${field}" of a manifest, and would refuse all of it: update the agent, or leave the ${field} out`,
  }));
}

/** Which of the secrets that a manifest refers to are not among these. */
export const missingSecrets = (manifest: Manifest, given: ReadonlySet<string>): readonly Objection[] =>
  Object.entries(manifest.scores).flatMap(([scoreId, score]) =>
    score
      .bind()
      .secrets.filter((name) => !given.has(name))
      .map((name) => ({
        rule: "SecretMissing" as const,
        severity: "error" as const,
        scoreId,
        kind: score.kind,
        capability: null,
        target: null,
        sentence: `${score.kind} refers to the secret "${name}", which is not given`,
      })),
  );

function objectionsTo(scoreId: string, score: AnyScore, target: Target): readonly Objection[] {
  const { kind, version } = score;
  const about = { severity: "error", scoreId, kind, target: targetName(target) } as const;
  const lacking = lacks(score, placeOf(target)).map((lack): Objection => ({
    ...about,
    rule: "MissingCapability",
    capability: lack.capability,
    sentence: lackSentence(lack),
  }));
  if (target._tag === "Topology") return lacking;
  const { agentId, kinds, sealingKey } = target.document;
  const versions = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (versions === undefined) {
    const sentence = `agent ${agentId} does not know the kind ${kind}; it knows ${knownTo(target.document, kind)}`;
    return [...lacking, { ...about, rule: "UnknownKind", capability: null, sentence }];
  }
  if (versions.includes(version)) {
    const [secret] = score.bind().secrets;
    if (secret === undefined || sealingKey !== undefined) return lacking;
    const sentence = `agent ${agentId} takes no secrets, and ${kind} refers to "${secret}": it publishes no key that they could be sealed for`;
    return [...lacking, { ...about, rule: "NoSealingKey", capability: null, sentence }];
  }
  const sentence = `agent ${agentId} does not know ${kind}@${version}; it knows ${knownTo(target.document, kind)}`;
  return [...lacking, { ...about, rule: "UnsupportedVersion", capability: null, sentence }];
}

/** What the owner of the device does not allow, in the agent's own sentences. */
function denials(manifest: Manifest, target: Target): readonly Objection[] {
  const policy = target._tag === "Agent" ? target.document.policy : undefined;
  if (policy === undefined) return [];
  const scores = Object.entries(manifest.scores);
  // An agent counts the contents of what it could take: a Score that it refuses brings none.
  const takeable = scores
    .filter(([id, score]) => objectionsTo(id, score, target).length === 0)
    .map(([, score]) => score);
  const all: readonly Denial[] = [
    ...denialsOfWhole(encodeScores(manifest), takeable, policy),
    ...scores.flatMap(([id, score]) => denialsOfScore(id, score, policy)),
  ];
  const about = { rule: "PolicyDenied", severity: "error", capability: null, target: targetName(target) } as const;
  return all.map(({ scoreId, kind, sentence }) => ({ ...about, scoreId, kind, sentence }));
}
