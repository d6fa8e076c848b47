import * as z from "zod";
import { readOwnerFile } from "./owner-file.ts";

/** `/etc//app/` is `/etc/app`; null for what is not absolute, or goes upwards, since links make of that what they will. */
export function plainPath(path: string): string | null {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return path.startsWith("/") && !parts.includes("..") && !path.includes("\0") ? `/${parts.join("/")}` : null;
}

const PathPrefix = z
  .string()
  .max(4096)
  .refine((path) => plainPath(path) !== null, 'a path is absolute and has no ".." in it');
const KindName = z.string().regex(/^[A-Za-z][A-Za-z0-9]{0,63}$/, "a kind is a name, such as File");
const UnitPattern = z
  .string()
  .max(255)
  .regex(
    /^(\*?[A-Za-z0-9:_.@\\-]+|[A-Za-z0-9:_.@\\-]+\*)$/,
    'a unit is a full name, such as "web.service", with one * at its beginning or its end at the most',
  );
const Registry = z
  .string()
  .max(512)
  .regex(
    /^[a-z0-9.-]+(:[0-9]{1,5})?(\/[a-z0-9._-]+)*$/,
    'a registry is a host, such as "ghcr.io", and after it as much of the repository as is to be fixed',
  );

const Limits = z.strictObject({
  /** Bytes of all Scores of a manifest, as JSON without white space. */
  manifestBytes: z.int().min(0).exactOptional(),
  /** Scores of a manifest. */
  scores: z.int().min(0).exactOptional(),
  /** Bytes of the contents of all Files, and of the archives of images, of a manifest together. */
  diskBytes: z.int().min(0).exactOptional(),
});

const Signatures = z.strictObject({
  /** The kinds that are taken only with the signatures of several authors, and dropped only with them. */
  dangerous: z.array(KindName).max(256),
  /** How many authors it takes. */
  threshold: z.int().min(1).max(16),
});

/**
 * What the owner of a device lets others ask of it: a file there, which no message can change. What is left out is no rule. An
 * empty list allows nothing.
 */
export const DevicePolicy = z.strictObject({
  /** The kinds of Scores that are taken. */
  kinds: z.array(KindName).max(256).exactOptional(),
  /** Files, directories and volumes are taken at or beneath one of these paths alone. */
  paths: z.array(PathPrefix).max(256).exactOptional(),
  /** Units are taken by these names alone, in which one `*` may stand at the beginning or at the end. */
  units: z.array(UnitPattern).max(256).exactOptional(),
  /**
   * Images are taken from these alone: a host, or a host and the beginning of a repository up to a `/`. `asset`: those that
   * come in an archive, of no registry.
   */
  registries: z.array(Registry).max(256).exactOptional(),
  /**
   * No rule, but the exception to the three above: kinds that are taken although nobody can tell what they reach, because they
   * run programs on the device, or do not tell.
   */
  unbounded: z.array(KindName).max(256).exactOptional(),
  /** Ceilings of a whole manifest. */
  limits: Limits.exactOptional(),
  /** Kinds for which one author is not enough. */
  signatures: Signatures.exactOptional(),
});
export type DevicePolicy = z.infer<typeof DevicePolicy>;

/** The policies of one device, as its agent publishes them: a Score has to be allowed by all. */
export const DevicePolicies = z.object({
  /** What is the agent's own, which no Score may touch whatever the policies allow. */
  reserved: z.object({ paths: z.array(z.string()), units: z.array(z.string()) }),
  /** Each with its name, which is the path of its file. A newer agent may have rules that are not known here. */
  policies: z.array(
    z.object({
      name: z.string(),
      rules: z.object({
        ...DevicePolicy.shape,
        limits: z.object(Limits.shape).exactOptional(),
        signatures: z.object(Signatures.shape).exactOptional(),
      }),
    }),
  ),
  /** Why a policy cannot be read; nothing new is taken then. Null where all can be. */
  unreadable: z.string().nullable(),
  /** Of the policy that was signed for the device, which is one of the above; left out where it takes none. */
  signed: z
    .object({
      /** Null: none has come yet. */
      serial: z.int().nullable(),
      /** Whose signature fits. */
      key: z.string().nullable(),
      /** Why what lies there now is not taken; null where nothing is wrong. */
      refused: z.object({ reason: z.string(), message: z.string() }).nullable(),
    })
    .exactOptional(),
});
export type DevicePolicies = z.infer<typeof DevicePolicies>;

export type ReadPolicy =
  | { readonly _tag: "Policy"; readonly rules: DevicePolicy }
  | { readonly _tag: "Unusable"; readonly message: string };

/** Reads the file of a policy. Never throws; the message says what is wrong where. */
export function readPolicy(bytes: Uint8Array): ReadPolicy {
  const read = readOwnerFile(DevicePolicy, bytes);
  return read._tag === "Read" ? { _tag: "Policy", rules: read.value } : read;
}
