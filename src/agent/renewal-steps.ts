import type { UserKeyPair } from "../wire/nats/nkey.ts";
import type { Standing } from "../wire/renewal.ts";
import type { Keyring } from "./keyring.ts";

/** What is to be done next, by what the fleet says and what this device has. */
export type Step =
  | { readonly _tag: "Wait"; readonly ms: number }
  /** Ask for the next key to be let in beside this one. */
  | { readonly _tag: "Renew"; readonly from: UserKeyPair }
  /** The next key is let in: connect with it, look, keep it. */
  | { readonly _tag: "Switch"; readonly to: UserKeyPair }
  /** The fleet counts on the next key already: keep it. */
  | { readonly _tag: "Adopt"; readonly to: UserKeyPair }
  /** It works and is kept: say so. */
  | { readonly _tag: "Confirm"; readonly key: UserKeyPair }
  /** The fleet counts on a key that this device does not have. */
  | { readonly _tag: "Stranger" };

/** Of its life; from it on either way by a twentieth at random. */
const DUE = 2 / 3;
const JITTER = 1 / 20;

/** `random`: from 0 to 1. Pure. */
export function nextStep(
  standing: Standing,
  { current, next, former }: Pick<Keyring, "current" | "next" | "former">,
  random: number,
): Step {
  if (standing.next === current.publicKey) return { _tag: "Confirm", key: current };
  if (next !== null && standing.next === next.publicKey) return { _tag: "Switch", to: next };
  if (next !== null && standing.key === next.publicKey) return { _tag: "Adopt", to: next };
  if (standing.key === current.publicKey) {
    const ms = dueInMs(standing, random);
    return ms <= 0 ? { _tag: "Renew", from: current } : { _tag: "Wait", ms };
  }
  // The fleet came back from an older copy of itself.
  return former !== null && standing.key === former.publicKey ? { _tag: "Renew", from: former } : { _tag: "Stranger" };
}

function dueInMs({ since, notAfter, now }: Standing, random: number): number {
  if (notAfter === null) return Number.POSITIVE_INFINITY;
  const begun = Date.parse(since);
  const life = Date.parse(notAfter) - begun;
  return begun + life * (DUE + (2 * random - 1) * JITTER) - Date.parse(now);
}
