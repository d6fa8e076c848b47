import * as z from "zod";
import { CREDENTIALS, type SystemdHost } from "../capabilities/systemd-host.ts";
import type { Plan } from "./outcome.ts";
import { SecretRef, type SecretsSeen } from "./secret.ts";
import type { Directive } from "./unit-text.ts";

/** Secrets that systemd hands to a service: files that root alone may read, and that `LoadCredential=` names. */

/** By the name that the service finds each under, in the directory `$CREDENTIALS_DIRECTORY`. */
export const Credentials = z
  .record(
    z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/, "a credential is 1 to 63 of a-z, A-Z, 0-9, and _ . -"),
    SecretRef,
  )
  .refine((all) => Object.keys(all).length <= 32, "at most 32 credentials");
type Credentials = Readonly<Record<string, SecretRef>>;

/**
 * `file` has the sealing of its secret in its name, so that another secret is another file and the unit another text.
 * `other`: it is not the secret. `stray`: no credential of the Score is in it any more.
 */
export const SeenCredential = z.object({ file: z.string(), state: z.enum(["so", "other", "missing", "stray"]) });
export type SeenCredential = z.infer<typeof SeenCredential>;

const about = { unit: z.string(), file: z.string() };
/** `secret`: which one is written. */
export const WriteCredential = z.object({ ...about, do: z.literal("writeCredential"), secret: z.string() });
export const RemoveCredential = z.object({ ...about, do: z.literal("removeCredential") });
type CredentialStep = z.infer<typeof WriteCredential> | z.infer<typeof RemoveCredential>;

/** The file of each credential, by its name. */
export const filesOf = (wanted: Credentials, secrets: Pick<SecretsSeen, "version">): ReadonlyMap<string, string> =>
  new Map(Object.entries(wanted).map(([name, ref]) => [name, `${name}@${secrets.version(ref)}`]));

const nameIn = (file: string): string => file.slice(0, file.lastIndexOf("@"));

export function seeCredentials(
  unit: string,
  wanted: Credentials,
  host: Pick<SystemdHost, "credentials">,
  secrets: SecretsSeen,
): readonly SeenCredential[] {
  const there = new Map(host.credentials(unit).map(({ file, sha256 }) => [file, sha256]));
  const seen: SeenCredential[] = [];
  for (const [name, file] of filesOf(wanted, secrets)) {
    const ref = wanted[name];
    const sha256 = there.get(file);
    const isSo = ref !== undefined && secrets.matches(ref, sha256 ?? null);
    seen.push({ file, state: sha256 === undefined ? "missing" : isSo ? "so" : "other" });
    there.delete(file);
  }
  return [...seen, ...[...there.keys()].map((file) => ({ file, state: "stray" as const }))];
}

/** What is written comes before all else, and what is not read any more goes at the end. */
export const withCredentials = <Step>(
  unit: string,
  wanted: Credentials,
  seen: readonly SeenCredential[],
  plan: Plan<Step>,
): Plan<Step | CredentialStep> =>
  "obstructed" in plan
    ? plan
    : [
        ...seen.flatMap(({ file, state }) => {
          const secret = wanted[nameIn(file)]?.secret;
          const writes = (state === "missing" || state === "other") && secret !== undefined;
          return writes ? [{ do: "writeCredential", unit, file, secret } as const] : [];
        }),
        ...plan,
        ...seen.flatMap(({ file, state }) =>
          state === "stray" ? [{ do: "removeCredential", unit, file } as const] : [],
        ),
      ];

/** The plan that takes a unit away, and all that was kept for it. */
export const withoutCredentials = <Step>(
  unit: string,
  seen: readonly SeenCredential[],
  plan: Plan<Step>,
): Plan<Step | CredentialStep> =>
  "obstructed" in plan
    ? plan
    : [
        ...plan,
        ...seen.flatMap(({ file, state }) =>
          state === "missing" ? [] : [{ do: "removeCredential", unit, file } as const],
        ),
      ];

/** The lines of the unit file. */
export const credentialLines = (unit: string, files: ReadonlyMap<string, string>): readonly Directive[] =>
  [...files]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, file]) => ["LoadCredential", `${name}:${CREDENTIALS}/${unit}/${file}`]);

/** As they were seen, those that the Score wants. */
export const wantedFiles = (seen: readonly SeenCredential[]): ReadonlyMap<string, string> =>
  new Map(seen.flatMap(({ file, state }) => (state === "stray" ? [] : [[nameIn(file), file] as const])));
