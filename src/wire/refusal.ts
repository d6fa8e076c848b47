import { SIGNATURE_REFUSALS } from "./signature.ts";

/** Why one Score is refused, while the others go on. */
export type ScoreRefusal =
  | { readonly reason: "MalformedScore"; readonly message: string }
  | { readonly reason: "UnknownKind"; readonly message: string }
  | { readonly reason: "UnsupportedVersion"; readonly message: string }
  /** The sender's `requires` is not that of the kind: one of the two was tampered with or is of another build. */
  | { readonly reason: "RequiresMismatch"; readonly message: string }
  | { readonly reason: "MissingCapability"; readonly message: string }
  | { readonly reason: "InvalidSpec"; readonly message: string }
  /** Another Score of the manifest is about the same thing on the device. */
  | { readonly reason: "DuplicateIdentity"; readonly message: string }
  /** It comes after, or restarts on, an id that is not in the manifest, or that comes after itself. */
  | { readonly reason: "InvalidOrder"; readonly message: string }
  /** A policy of the device does not allow it. */
  | { readonly reason: "PolicyDenied"; readonly message: string }
  /** Its kind needs the signatures of more authors than have signed. */
  | { readonly reason: "ThresholdNotMet"; readonly message: string }
  /** Its spec refers to a secret that did not come with it. */
  | { readonly reason: "SecretMissing"; readonly message: string }
  /** A secret of it is sealed for keys that this device does not have. */
  | { readonly reason: "SecretNotForThisDevice"; readonly message: string }
  /** A secret of it is sealed for a key of this device and cannot be opened, or not under this name. */
  | { readonly reason: "SecretDamaged"; readonly message: string };

export const SCORE_REFUSALS = [
  "MalformedScore",
  "UnknownKind",
  "UnsupportedVersion",
  "RequiresMismatch",
  "MissingCapability",
  "InvalidSpec",
  "DuplicateIdentity",
  "InvalidOrder",
  "PolicyDenied",
  "ThresholdNotMet",
  "SecretMissing",
  "SecretNotForThisDevice",
  "SecretDamaged",
] as const satisfies readonly ScoreRefusal["reason"][];

/** Why a whole manifest is refused. What is in force stays in force. */
export interface ManifestRefusal {
  readonly reason: (typeof MANIFEST_REFUSALS)[number];
  readonly message: string;
  /** The generation that it says it is, where it could be read. */
  readonly generation: number | null;
  /** The authors whose good signatures it has; left out where it did not come to that. */
  readonly signedBy?: readonly string[];
}

export const MANIFEST_REFUSALS = [
  "TooLarge",
  "Malformed",
  ...SIGNATURE_REFUSALS,
  "WrongAgent",
  "StaleGeneration",
  /** The envelope names an asset that is not there, or whose bytes do not have that hash. */
  "MissingPayload",
  /** A ceiling of the device's policy, or a policy that cannot be read. */
  "PolicyDenied",
  /** It drops what only several authors together may have dropped. */
  "ThresholdNotMet",
] as const;
