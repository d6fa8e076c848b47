import { match } from "ts-pattern";
import { repositoryOf, type Reach } from "../scores/reach.ts";
import { type DevicePolicies, type DevicePolicy, plainPath } from "./device-policy.ts";

/** What a policy says no to. The rules of one Score, the ceilings of a whole manifest, and what stands above all policies. */
export type Rule =
  | "kinds"
  | "paths"
  | "units"
  | "registries"
  | "limits.manifestBytes"
  | "limits.scores"
  | "limits.diskBytes"
  /** The agent's own files and unit. */
  | "reserved"
  /** A policy that cannot be read allows nothing new. */
  | "unreadable";

export interface Denial {
  readonly rule: Rule;
  /** The policy's name; null where it is built into the agent. */
  readonly policy: string | null;
  /** Null where it is about the whole manifest. */
  readonly scoreId: string | null;
  readonly kind: string | null;
  /** What, which rule of which policy, what that allows, and what to do next. All gates say this very one. */
  readonly sentence: string;
}

/** A Score, as a policy sees it. */
export interface Asked {
  readonly id: string;
  readonly kind: string;
  /** Null where its kind does not tell. */
  readonly reach: readonly Reach[] | null;
}

/** A manifest, as the ceilings see it. */
export interface Size {
  readonly scores: number;
  /** As JSON without white space. */
  readonly manifestBytes: number;
  /** Of the contents of its Files. */
  readonly diskBytes: number;
}

type Named = DevicePolicies["policies"][number];
type ListRule = "kinds" | "paths" | "units" | "registries";

/** All that the policies of a device have against one Score; nothing where all of them allow it. Pure. */
export const denialsOf = (asked: Asked, { reserved, policies }: DevicePolicies): readonly Denial[] => [
  ...touchesReserved(asked, reserved),
  ...policies.flatMap((policy) => [
    ...notAmong(asked, policy),
    ...(asked.reach ?? [NOT_TOLD]).flatMap((reach) => beyond(asked, reach, policy)),
  ]),
];

/** What stands among the registries where images may come in archives. No host has this name by itself. */
const OF_ASSETS = "asset";

const NOT_TOLD: Reach = { _tag: "program", what: "its kind does not tell what it touches", unit: null };

/** All that the policies of a device have against a manifest as a whole. Pure. */
export const ceilingsOver = (size: Size, { policies }: DevicePolicies): readonly Denial[] =>
  policies.flatMap(({ name, rules: { limits = {} } }) =>
    CEILINGS.flatMap(([limit, what]) => {
      const most = limits[limit];
      if (most === undefined || size[limit] <= most) return [];
      const rule = `limits.${limit}` as const;
      const sentence = `the manifest has ${size[limit]} ${what}, and ${ruleOf(rule, name)} allows ${most}: make it smaller, or ask the owner of the device to change the policy`;
      return [{ rule, policy: name, scoreId: null, kind: null, sentence }];
    }),
  );

const CEILINGS = [
  ["scores", "Scores"],
  ["manifestBytes", "bytes of Scores"],
  ["diskBytes", "bytes of contents of Files"],
] as const satisfies readonly (readonly [keyof Size, string])[];

/** Nothing new is taken where a policy cannot be read: what it would say no to is not known. */
export const unreadable = ({ unreadable: why }: DevicePolicies): readonly Denial[] =>
  why === null
    ? []
    : [
        {
          rule: "unreadable",
          policy: null,
          scoreId: null,
          kind: null,
          sentence: `the device's policy cannot be read, and nothing new is taken until the owner of the device has mended it: ${why}`,
        },
      ];

/** Bytes that a Score brings onto the disk by its own spec. */
export const contentOf = ({ reach }: Pick<Asked, "reach">): number =>
  (reach ?? []).reduce((sum, each) => sum + (each._tag === "content" ? each.bytes : 0), 0);

function touchesReserved(asked: Asked, { paths, units }: DevicePolicies["reserved"]): readonly Denial[] {
  const own = (what: string, kept: string): Denial => ({
    rule: "reserved",
    policy: null,
    scoreId: asked.id,
    kind: asked.kind,
    sentence: `${about(asked)} touches ${what}, and ${kept} is the agent's own: no policy lets a Score touch that; give it another one`,
  });
  return (asked.reach ?? []).flatMap((each): readonly Denial[] => {
    if (each._tag === "unit") return units.includes(each.unit) ? [own(each.unit, each.unit)] : [];
    if (each._tag !== "path") return [];
    const path = plainPath(each.path);
    // Who owns what is above it can put another in its place.
    const kept = paths.find((its) => path === null || isWithin(path, its) || isWithin(its, path));
    return kept === undefined ? [] : [own(each.path, kept)];
  });
}

function notAmong(asked: Asked, { name, rules: { kinds } }: Named): readonly Denial[] {
  if (kinds === undefined || kinds.includes(asked.kind)) return [];
  return [denial(asked, "kinds", name, `is a ${asked.kind}`, kinds)];
}

function beyond(asked: Asked, reach: Reach, { name, rules }: Named): readonly Denial[] {
  const no = (rule: ListRule, what: string): readonly Denial[] => [
    denial(asked, rule, name, `touches ${what}`, rules[rule] ?? []),
  ];
  return match(reach)
    .returnType<readonly Denial[]>()
    .with({ _tag: "path" }, ({ path }) => [
      ...(isAllowedPath(path, rules.paths) ? [] : no("paths", path)),
      ...(rules.units !== undefined && isPlaceOfUnits(path)
        ? no("units", `${path}, where units are made of files`)
        : []),
    ])
    .with({ _tag: "unit" }, ({ unit }) =>
      rules.units === undefined || rules.units.some((pattern) => isUnit(unit, pattern)) ? [] : no("units", unit),
    )
    .with({ _tag: "image" }, ({ image }) =>
      rules.registries === undefined || rules.registries.some((from) => isWithin(repositoryOf(image), from))
        ? []
        : no("registries", image),
    )
    .with({ _tag: "imageArchive" }, ({ asset }) =>
      rules.registries === undefined || rules.registries.includes(OF_ASSETS)
        ? []
        : no("registries", `an image of no registry, in the asset ${asset.slice(0, 12)}`),
    )
    .with({ _tag: "program" }, (program) => unbounded(asked, program, name, rules))
    .with({ _tag: "content" }, () => [])
    .exhaustive();
}

/** What runs on the device itself reaches what its user does, and no list can tell that. */
function unbounded(
  asked: Asked,
  { what, unit }: Extract<Reach, { _tag: "program" }>,
  name: string,
  rules: DevicePolicy,
): readonly Denial[] {
  if (rules.unbounded?.includes(asked.kind) === true) return [];
  // A unit that is allowed by its name is allowed to run.
  const broken = (["paths", ...(unit === null ? (["units"] as const) : []), "registries"] as const).filter(
    (rule) => rules[rule] !== undefined,
  );
  return broken.map((rule) => ({
    rule,
    policy: name,
    scoreId: asked.id,
    kind: asked.kind,
    sentence: `${about(asked)} can reach anything on the device (${what}), and ${ruleOf(rule, name)} allows ${listed(rules[rule] ?? [])}: leave the Score out, or ask the owner of the device to name ${asked.kind} under "unbounded"`,
  }));
}

const denial = (asked: Asked, rule: ListRule, policy: string, does: string, allowed: readonly string[]): Denial => ({
  rule,
  policy,
  scoreId: asked.id,
  kind: asked.kind,
  sentence: `${about(asked)} ${does}, and ${ruleOf(rule, policy)} allows ${listed(allowed)}: change the Score, or ask the owner of the device to change the policy`,
});

const about = ({ id, kind }: Asked): string => `"${id}" (${kind})`;
const ruleOf = (rule: Rule, policy: string): string => `the rule "${rule}" of the policy ${policy}`;
const listed = (allowed: readonly string[]): string =>
  allowed.length === 0
    ? "nothing"
    : `${allowed.slice(0, 8).join(", ")}${allowed.length > 8 ? ` and ${allowed.length - 8} more` : ""} alone`;

/** At a boundary between two names alone: `/etc/harmony-x` is not within `/etc/harmony`. */
export const isWithin = (path: string, prefix: string): boolean =>
  path === prefix || path.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`);

function isAllowedPath(path: string, prefixes: DevicePolicy["paths"]): boolean {
  if (prefixes === undefined) return true;
  const plain = plainPath(path);
  return plain !== null && prefixes.some((prefix) => isWithin(plain, plainPath(prefix) ?? prefix));
}

const isUnit = (unit: string, pattern: string): boolean =>
  pattern.startsWith("*")
    ? unit.endsWith(pattern.slice(1))
    : pattern.endsWith("*")
      ? unit.startsWith(pattern.slice(0, -1))
      : unit === pattern;

/** A file there is a unit, or changes one. */
const PLACES_OF_UNITS = [
  "/etc/systemd",
  "/run/systemd",
  "/usr/lib/systemd",
  "/usr/local/lib/systemd",
  "/lib/systemd",
  "/etc/containers/systemd",
  "/run/containers/systemd",
  "/usr/share/containers/systemd",
  "/etc/init.d",
];

function isPlaceOfUnits(path: string): boolean {
  const plain = plainPath(path);
  return plain === null || PLACES_OF_UNITS.some((place) => isWithin(plain, place) || isWithin(place, plain));
}
