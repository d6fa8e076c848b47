import type { AnyScore } from "../scores/score.ts";
import type { DevicePolicies } from "./device-policy.ts";
import { type Asked, ceilingsOver, contentOf, type Denial, denialsOf, type Size, unreadable } from "./policy-rules.ts";

/** How the gates hold Scores and manifests against the policies of a device. */

/** What a Score asks of a device. */
export function askedBy(id: string, score: AnyScore): Asked {
  return { id, kind: score.kind, reach: reachOf(score) };
}

/** A kind whose reach throws does not tell it. */
function reachOf(score: AnyScore): Asked["reach"] {
  try {
    return score.bind().reach;
  } catch {
    return null;
  }
}

/** `wire`: the Scores as they travel, decoded or not. Their bytes are counted only where some policy asks. */
export const sizeOf = (
  wire: Readonly<Record<string, unknown>>,
  scores: readonly AnyScore[],
  { policies }: DevicePolicies,
): Size => ({
  scores: Object.keys(wire).length,
  manifestBytes: policies.some(({ rules }) => rules.limits?.manifestBytes !== undefined)
    ? new TextEncoder().encode(JSON.stringify(wire)).length
    : 0,
  diskBytes: scores.reduce((sum, score) => sum + contentOf({ reach: reachOf(score) }), 0),
});

/** What speaks against taking such a manifest at all. */
export const denialsOfWhole = (
  wire: Readonly<Record<string, unknown>>,
  scores: readonly AnyScore[],
  device: DevicePolicies,
): readonly Denial[] => [...unreadable(device), ...ceilingsOver(sizeOf(wire, scores, device), device)];

export const denialsOfScore = (id: string, score: AnyScore, device: DevicePolicies): readonly Denial[] =>
  denialsOf(askedBy(id, score), device);

/** As they hold for what was taken before: it is not refused as a whole any more, and its Scores are. */
export const forTaken = (device: DevicePolicies): DevicePolicies => ({
  ...device,
  policies: device.policies.map(({ name, rules }) => ({ name, rules: { ...rules, limits: {} } })),
  unreadable: null,
});

/** All of them as one message. */
export const sentencesOf = (denials: readonly Denial[]): string => denials.map(({ sentence }) => sentence).join("; ");
