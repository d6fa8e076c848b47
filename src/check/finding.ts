/** What each kind of finding means, in one sentence for people. */
export const RULES = {
  MissingCapability: "A Score requires a capability that its target does not offer.",
  UnknownKind: "A Score is of a kind that its target does not know.",
  UnsupportedVersion: "A Score is of a version of its kind that its target does not know.",
  UnknownField: "A manifest has a field that its target does not know.",
  PolicyDenied: "A policy of the target device does not allow the manifest or one of its Scores.",
  NoSealingKey: "A Score refers to a secret, and its target publishes no key that secrets could be sealed for.",
  SecretMissing: "A Score refers to a secret that is not among those that were given.",
  ThresholdNotMet: "A policy of the target device asks for the signatures of several authors for a Score of this kind.",
  UnreadableCapabilities: "What a device has published of itself cannot be read, so nobody knows whether it fits.",
  TooLarge: "A manifest is larger than any agent takes.",
  InvalidSpec: "A Score's spec is not one that its kind takes.",
  AssetUnreadable: "A file that the manifest ships as an asset cannot be read.",
  TypeError: "The manifest's file does not pass the TypeScript compiler.",
  NotTypeChecked: "The manifest's file could not be type-checked, as no TypeScript compiler was found.",
  NoManifest: "A fleet gives no manifest, or two, for a device that it means.",
  CannotLoad: "The manifest's file cannot be loaded.",
} as const;
export type Rule = keyof typeof RULES;

/** What to do about each. */
export const NEXT: Readonly<Record<Rule, string>> = {
  MissingCapability: "Take the Score out, or ship it to a device that offers the capability.",
  UnknownKind: "Update the agent, or use a kind that it knows.",
  UnsupportedVersion: "Update the agent, or use a version of the kind that it knows.",
  UnknownField: "Update the agent, or leave the field out.",
  PolicyDenied: "Change the Score, or ask the owner of the device to change its policy.",
  NoSealingKey: "Update the agent: one that takes secrets publishes a key for them.",
  SecretMissing: "Give it: --secret NAME=FILE, or a file of that name in --secrets DIR.",
  ThresholdNotMet: "Have several authors sign it: harmony sign.",
  UnreadableCapabilities: "Is the agent of a newer version than this harmony? Update harmony, or leave the device out.",
  TooLarge: 'Ship large contents as assets (asset("./FILE")), or take Scores out.',
  InvalidSpec: "Correct the spec; harmony kinds KIND shows what it takes.",
  AssetUnreadable: "Put the file there, or correct its name: it is looked for beside the manifest's file.",
  TypeError: "Correct the line; an editor that knows TypeScript shows the same.",
  NotTypeChecked: "Install a compiler: npm install --save-dev typescript",
  NoManifest: "See to it that each device that the fleet means is in one of its groups, and in one alone.",
  CannotLoad: "Correct the file; harmony dev FILE shows at each save whether it can be loaded.",
};

/** One thing that speaks against a manifest. What does not apply is null. */
export interface Objection {
  readonly rule: Rule;
  /** Only an `error` makes the check fail. */
  readonly severity: "error" | "warning";
  readonly scoreId: string | null;
  readonly kind: string | null;
  readonly capability: string | null;
  /** What the Score was held against: `PiTopology`, or `agent pi-7`, or `4 devices: pi-1, pi-2, pi-3 and 1 more`. */
  readonly target: string | null;
  /** The ids of all devices that it is the same for, where they are several. */
  readonly devices?: readonly string[];
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
  /** When it was made, as ISO 8601 has it. */
  readonly at?: string;
  readonly files: readonly CheckedFile[];
  readonly findings: readonly Finding[];
}

export const hasErrors = ({ findings }: Report): boolean => findings.some(({ severity }) => severity === "error");
