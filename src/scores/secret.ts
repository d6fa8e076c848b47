import * as z from "zod";
import { PortError } from "../capabilities/port-error.ts";
import { redact } from "./redaction.ts";

/** The name of a secret: 1 to 63 of `a-z`, `0-9`, `-`, `_` and `.`, first a letter or digit. */
export const SecretName = z
  .string()
  .regex(
    /^(?!(?:constructor|prototype)$)[a-z0-9][a-z0-9._-]{0,62}$/,
    'the name of a secret is 1 to 63 of a-z, 0-9, "-", "_" and ".", beginning with a letter or digit',
  );

/** A secret in a spec: its name, and nothing of it. */
export const SecretRef = z.strictObject({
  /** Its name; write `secret("name")`. What it is is given when the manifest is shipped, at most 16 KiB. */
  secret: SecretName,
});
export type SecretRef = Readonly<z.infer<typeof SecretRef>>;

/** The largest secret in bytes; the smallest has one. */
export const SECRET_LIMIT_BYTES = 16 * 1024;

/**
 * Names a secret in a spec: `content: secret("wifi-psk")`. What it is is given when the manifest is shipped, and travels
 * sealed for the one device that is to have it.
 *
 * @throws {Error} where `name` is none.
 */
export function secret(name: string): SecretRef {
  const read = SecretName.safeParse(name);
  if (!read.success) throw new Error(`secret(${JSON.stringify(name)}): ${read.error.issues[0]?.message ?? "no name"}`);
  return Object.freeze({ secret: read.data });
}

export const isSecret = (value: unknown): value is SecretRef =>
  typeof value === "object" && value !== null && "secret" in value;

/** What a Score may know of the secrets that its spec refers to while it looks. There are no others for it. */
export interface SecretsSeen {
  /** Whether this device can open it. */
  opens(ref: SecretRef): boolean;
  /**
   * Whether bytes with this hash (SHA-256, lower-case hexadecimal) are the secret; false too where it cannot be opened.
   * The hash itself is never told: what is short or simple is found by it.
   */
  matches(ref: SecretRef, sha256: string | null): boolean;
  /** Another text each time it is sealed, which tells nothing of it: 16 hexadecimal digits. */
  version(ref: SecretRef): string;
}

/** What it may do with them while it applies. */
export interface Secrets extends SecretsSeen {
  /**
   * Hands its bytes to `work` and wipes them when that is over, so keep none of them. What `work` throws is told without
   * the secret. Rejects with a PortError where this device cannot open it, or cannot put on record that it is used.
   */
  use<T>(ref: SecretRef, work: (bytes: Uint8Array) => T | Promise<T>): Promise<T>;
}

const undeclared = ({ secret: name }: SecretRef): Error =>
  new Error(`the secret "${name}" is not among those that the kind says its spec refers to`);

/** The secrets with these names, and no others. */
export function onlySecrets(names: readonly string[], all: Secrets): Secrets {
  if (names.length === 0) return NO_SECRETS;
  const declared = (ref: SecretRef): SecretRef => {
    if (!names.includes(ref.secret)) throw undeclared(ref);
    return ref;
  };
  return Object.freeze<Secrets>({
    opens: (ref) => all.opens(declared(ref)),
    matches: (ref, sha256) => all.matches(declared(ref), sha256),
    version: (ref) => all.version(declared(ref)),
    use: async (ref, work) => all.use(declared(ref), work),
  });
}

/** Where there are none. */
export const NO_SECRETS: Secrets = Object.freeze<Secrets>({
  opens: () => false,
  matches: () => false,
  version: () => "0".repeat(16),
  use: (ref) => Promise.reject(cannotOpen(ref)),
});

export const cannotOpen = ({ secret: name }: SecretRef): PortError =>
  new PortError({
    code: "Unavailable",
    message: `the secret "${name}" cannot be opened on this device`,
    blame: "author",
    next: `Ship it again: harmony apply FILE --agent ID --secret ${name}=FILE.`,
    retryable: false,
  });

/** Hands opened bytes to `work`, and wipes them when it is over. */
export async function useAndWipe<T>(bytes: Uint8Array, work: (bytes: Uint8Array) => T | Promise<T>): Promise<T> {
  try {
    return await work(bytes);
  } catch (thrown) {
    throw withoutSecret(thrown, bytes);
  } finally {
    bytes.fill(0);
  }
}

/** An error of a port or a kind may repeat what it was given, and errors travel. */
function withoutSecret(thrown: unknown, bytes: Uint8Array): unknown {
  let known: readonly string[];
  try {
    known = [new TextDecoder("utf-8", { fatal: true }).decode(bytes)];
  } catch {
    known = [];
  }
  const clean = (text: string): string => redact(text, known);
  if (thrown instanceof PortError) {
    const { message, next } = thrown.problem;
    return new PortError({ ...thrown.problem, message: clean(message), next: clean(next) });
  }
  return thrown instanceof Error ? new Error(clean(thrown.message)) : new Error(clean(String(thrown)));
}
