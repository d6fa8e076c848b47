import type { DevicePolicies } from "./device-policy.ts";

/** Which kinds need more than one author, as the policies of a device say. Pure. */

interface Asked {
  readonly id: string;
  readonly kind: string;
}

/** Why these authors are too few for a Score of this kind; null where they are enough. The strictest policy holds. */
export function tooFewFor({ id, kind }: Asked, signedBy: readonly string[], device: DevicePolicies): string | null {
  const strictest = device.policies
    .flatMap(({ name, rules: { signatures } }) =>
      signatures?.dangerous.includes(kind) === true ? [{ name, threshold: signatures.threshold }] : [],
    )
    .reduce<{ name: string; threshold: number } | null>(
      (most, each) => (most === null || each.threshold > most.threshold ? each : most),
      null,
    );
  if (strictest === null || signedBy.length >= strictest.threshold) return null;
  const has = signedBy.length === 0 ? "nobody has signed" : `${signedBy.length} signed, ${signedBy.join(", ")}`;
  return `"${id}" (${kind}) needs the signatures of ${strictest.threshold} authors by the rule "signatures" of the policy ${strictest.name}, and ${has}`;
}

/** Why these authors are too few to drop what the device has; null where nothing speaks against it. */
export function tooFewToDrop(
  wanted: Readonly<Record<string, unknown>>,
  held: Iterable<Asked>,
  signedBy: readonly string[],
  device: DevicePolicies,
): string | null {
  const reasons = [...held].flatMap((each) => {
    const isDropped = kindOf(wanted[each.id]) !== each.kind;
    return (isDropped ? tooFewFor(each, signedBy, device) : null) ?? [];
  });
  return reasons.length === 0 ? null : `what several authors have brought is dropped: ${reasons.join("; ")}`;
}

const kindOf = (score: unknown): unknown =>
  typeof score === "object" && score !== null && "kind" in score ? score.kind : undefined;
