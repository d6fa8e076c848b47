import type { DevicePolicies } from "../../src/wire/device-policy.ts";

/** A case is plain data, so that it can be written as source, made small, and printed. */

export const CAPABILITIES = [
  "AuditedShell",
  "ContainerRuntime",
  "FileSystemHost",
  "K8sClient",
  "NetworkConfigurator",
  "PackageManager",
  "PacketFilter",
  "SystemdHost",
] as const;
export type CapabilityName = (typeof CAPABILITIES)[number];

/** Kinds that an author could have made, beside those of this package. */
export const OWN_KINDS = ["Gauge", "Valve"] as const;
export type OwnName = (typeof OWN_KINDS)[number];

export interface OwnKind {
  readonly version: number;
  readonly requires: readonly CapabilityName[];
  /** Whether it tells what it touches. */
  readonly tellsReach: boolean;
}

/** What of a spec is wrong so that a type can tell it: a field too many, one too few, one of another type. */
export type Wrong = "a field too many" | "a field too few" | "a wrong type";

export interface ScoreEntry {
  readonly kind: string;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly wrong?: Wrong;
}
export interface Group {
  readonly parts: Readonly<Record<string, Entry>>;
}
export type Entry = ScoreEntry | Group;

export interface Place {
  readonly name: string;
  readonly offers: readonly CapabilityName[];
  /** What one device of that place has not, and why. */
  readonly absent: Readonly<Partial<Record<CapabilityName, string>>>;
}

export interface Case {
  readonly own: Readonly<Record<OwnName, OwnKind>>;
  readonly entries: Readonly<Record<string, Entry>>;
  readonly place: Place;
  readonly agent: {
    /** Kinds that it does not know. */
    readonly unknown: readonly string[];
    /** Kinds of which it knows another version. */
    readonly skewed: readonly string[];
    /** Null: its owner says nothing. */
    readonly policy: DevicePolicies | null;
    /** Whether it can open secrets. */
    readonly hasKeys: boolean;
  };
}

/** The Scores of entries by the ids that they have in a manifest: a part's has its composition's before it. */
export const flat = (entries: Case["entries"], prefix = ""): readonly (readonly [id: string, score: ScoreEntry])[] =>
  Object.entries(entries).flatMap(([id, entry]) =>
    "parts" in entry ? flat(entry.parts, `${prefix}${id}.`) : [[`${prefix}${id}`, entry] as const],
  );

export const isOwn = (kind: string): kind is OwnName => OWN_KINDS.some((name) => name === kind);

/** The spec as it is sent. */
export function specOf({ spec, wrong }: ScoreEntry): Readonly<Record<string, unknown>> {
  // Every kind has one of these, and cannot do without.
  const needed = ["name", "path", "unit"].find((field) => field in spec) ?? "name";
  if (wrong === "a field too many") return { ...spec, nope: 1 };
  if (wrong === "a wrong type") return { ...spec, [needed]: 7 };
  return wrong === "a field too few"
    ? Object.fromEntries(Object.entries(spec).filter(([field]) => field !== needed))
    : spec;
}
