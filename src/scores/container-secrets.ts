import * as z from "zod";
import type { ContainerSpec } from "./container-spec.ts";
import type { Wanted } from "./container-text.ts";
import type { SecretRef, SecretsSeen } from "./secret.ts";
import { isSecret } from "./secret.ts";
import type { Frozen } from "./spec.ts";

/** Secrets of the runtime that Harmony makes of sealed ones, and takes away again. */

type Said = Frozen<z.infer<typeof ContainerSpec>>;

/**
 * `name`: as the runtime knows it, with the sealing in it, so that another secret is another name and the container is
 * replaced. `stray`: the Score does not need it any more.
 */
export const SeenSecret = z.object({ name: z.string(), state: z.enum(["there", "missing", "stray"]) });
export type SeenSecret = z.infer<typeof SeenSecret>;

export const namesOf = ({ secrets }: Said): readonly string[] =>
  secrets.flatMap(({ secret }) => (isSecret(secret) ? [secret.secret] : []));

const made = (container: string, ref: SecretRef, version: string): string =>
  `harmony-${container}-${ref.secret}-${version}`;

/** The same with the runtime's own names alone, and which secret is behind those that are to be made. */
export function withNames(
  said: Said,
  nameOf: (ref: SecretRef) => string,
): { readonly wanted: Wanted; readonly own: ReadonlyMap<string, SecretRef> } {
  const own = new Map<string, SecretRef>();
  const secrets = said.secrets.map(({ secret, as }) => {
    if (!isSecret(secret)) return { secret, as };
    const name = nameOf(secret);
    own.set(name, secret);
    return { secret: name, as };
  });
  return { wanted: { ...said, secrets }, own };
}

export const bySealing = (said: Said, { version }: Pick<SecretsSeen, "version">) =>
  withNames(said, (ref) => made(said.name, ref, version(ref)));

/** By the names that were seen: each has its version at the end. */
export function asSeen(said: Said, seen: { readonly secrets?: readonly SeenSecret[] } | object): Wanted {
  const wanted = ("secrets" in seen ? (seen.secrets ?? []) : []).filter(({ state }) => state !== "stray");
  return withNames(said, (ref) => {
    const beginning = made(said.name, ref, "");
    const isOf = ({ name }: SeenSecret): boolean =>
      name.startsWith(beginning) && name.length === beginning.length + VERSION_LENGTH;
    return wanted.find(isOf)?.name ?? beginning;
  }).wanted;
}

const VERSION_LENGTH = 16;

export const seenSecrets = (own: Iterable<string>, there: readonly string[]): readonly SeenSecret[] => {
  const names = [...own];
  return [
    ...names.map((name) => ({ name, state: there.includes(name) ? ("there" as const) : ("missing" as const) })),
    ...there.filter((name) => !names.includes(name)).map((name) => ({ name, state: "stray" as const })),
  ];
};
