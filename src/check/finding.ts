/** What each kind of finding means, in one sentence for people. */
export const RULES = {
  MissingCapability: "A Score requires a capability that its target does not offer.",
  UnknownKind: "A Score is of a kind that its target does not know.",
  UnsupportedVersion: "A Score is of a version of its kind that its target does not know.",
  PolicyDenied: "A policy of the target device does not allow the manifest or one of its Scores.",
  NoSealingKey: "A Score refers to a secret, and its target publishes no key that secrets could be sealed for.",
  SecretMissing: "A Score refers to a secret that is not among those that were given.",
  ThresholdNotMet: "A policy of the target device asks for the signatures of several authors for a Score of this kind.",
  TypeError: "The manifest's file does not pass the TypeScript compiler.",
  NotTypeChecked: "The manifest's file could not be type-checked, as no TypeScript compiler was found.",
  NoManifest: "A fleet gives no manifest, or two, for a device that it means.",
  CannotLoad: "The manifest's file cannot be loaded.",
} as const;
export type Rule = keyof typeof RULES;

/** One thing that speaks against a manifest. What does not apply is null. */
export interface Objection {
  readonly rule: Rule;
  /** Only an `error` makes the check fail. */
  readonly severity: "error" | "warning";
  readonly scoreId: string | null;
  readonly kind: string | null;
  readonly capability: string | null;
  /** What the Score was held against: `PiTopology`, or `agent pi-7`. */
  readonly target: string | null;
  readonly sentence: string;
}

/** An objection, and the file that it is about. */
export interface Finding extends Objection {
  /** As it was named to the checker. */
  readonly file: string;
  /** Counts from 1. */
  readonly line?: number;
  /** Counts from 1. */
  readonly column?: number;
}

/** What was looked at in one file, so that a report can also tell of what is well. */
export interface CheckedFile {
  readonly file: string;
  readonly scores: readonly { readonly id: string; readonly kind: string }[];
  readonly targets: readonly string[];
}

export interface Report {
  readonly files: readonly CheckedFile[];
  readonly findings: readonly Finding[];
}

export const hasErrors = ({ findings }: Report): boolean => findings.some(({ severity }) => severity === "error");
