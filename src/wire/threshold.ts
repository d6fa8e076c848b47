import type { DevicePolicies } from "./device-policy.ts";

/** Which kinds need more than one author, as the policies of a device say. Pure. */

interface Asked {
  readonly id: string;
  readonly kind: string;
}

/** Why a Score of this kind needs several authors, and how many; null where it does not. The strictest policy holds. */
export function neededFor(
  { id, kind }: Asked,
  device: DevicePolicies,
): { readonly threshold: number; readonly sentence: string } | null {
  const [strictest] = device.policies
    .flatMap(({ name, rules: { signatures } }) =>
      signatures?.dangerous.includes(kind) === true ? [{ name, threshold: signatures.threshold }] : [],
    )
    .toSorted((a, b) => b.threshold - a.threshold);
  if (strictest === undefined) return null;
  const { name, threshold } = strictest;
  const authors = threshold === 1 ? "the signature of an author" : `the signatures of ${threshold} authors`;
  return {
    threshold,
    sentence: `"${id}" (${kind}) needs ${authors} by the rule "signatures" of the policy ${name}`,
  };
}

/** Why these authors are too few for a Score of this kind; null where they are enough. */
export function tooFewFor(asked: Asked, signedBy: readonly string[], device: DevicePolicies): string | null {
  const needed = neededFor(asked, device);
  if (needed === null || signedBy.length >= needed.threshold) return null;
  const has = signedBy.length === 0 ? "nobody has signed" : `${signedBy.length} signed, ${signedBy.join(", ")}`;
  return `${needed.sentence}, and ${has}`;
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
