import { isManifest, type Manifest } from "./manifest.ts";
import { InvalidManifest } from "./parts.ts";
import { LABEL_KEY, LABEL_VALUE, type LabelMap, matches, parseSelector, type Selector } from "./selector.ts";
import type { Topology } from "./topology.ts";

/** Which labels the devices of a group must have: `"any"` value, or one of these. */
export type NeededLabels = Readonly<Record<string, "any" | readonly [string, ...string[]]>>;

/** What is known of the device that a manifest is made for. */
export interface Device<L extends NeededLabels = NeededLabels> {
  readonly agentId: string;
  /** Those that the group needs, by their types; and all others that the device has, in `others`. */
  readonly labels: { readonly [K in keyof L]: L[K] extends readonly (infer V)[] ? V : string };
  readonly others: LabelMap;
  /** What its agent found out about the machine; null where it has not told, and while a FILE is checked without a fleet. */
  readonly hardware: Hardware | null;
  /** By capability, what its agent tells of it: `{ SystemdHost: { version: 257 } }`. */
  readonly facts: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface Hardware {
  /** As the kernel calls it: `arm64`, `arm`, `x64`. */
  readonly architecture: string;
  readonly memoryBytes: number;
  readonly processors: number;
  /** `Raspberry Pi Zero 2 W Rev 1.0`. */
  readonly model: string | null;
  readonly operatingSystem: string | null;
  readonly kernel: string;
}

/** Devices that a selector means, and how their manifests are made. Made by `group()`. */
export interface Group {
  readonly selector: Selector;
  readonly topology: Topology;
  readonly needs: NeededLabels;
  readonly make: (device: Device) => unknown;
}

/** Manifests of many devices, by selector. Made by `fleet()`. */
export interface FleetManifest {
  readonly groups: Readonly<Record<string, Group>>;
}

/** A device, as its agent has published it. */
export interface KnownDevice extends Pick<Device, "agentId" | "hardware" | "facts"> {
  readonly labels: LabelMap;
}

const brand = Symbol.for("harmony-edge.fleet");

/**
 * One manifest for each device that the selector means, made of what is known of the device. The compiler refuses a manifest
 * for another topology than the group's, and what its Scores require and the topology lacks, as `manifest()` does.
 *
 * ```ts
 * group("role=kiosk", PiTopology, { site: ["paris", "rome"] }, ({ labels }) =>
 *   manifest(PiTopology, { motd: new FileScore({ path: "/etc/motd", content: GREETING[labels.site] }) }));
 * ```
 *
 * @throws {InvalidManifest} for a selector that cannot be read or that no device can fit, and for a bad label.
 */
export function group<const T extends Topology, const L extends NeededLabels>(
  selector: string,
  topology: T &
    (string extends T["name"] ? "the topology's type was widened: pass the topology constant itself" : unknown),
  needs: L,
  make: (device: Device<NoInfer<L>>) => Manifest<NoInfer<T>>,
): Group;
export function group(text: string, topology: Topology, needs: NeededLabels, make: Group["make"]): Group {
  const parsed = parseSelector(text);
  if (parsed._tag === "Refused") throw new InvalidManifest(`the selector "${text}": ${parsed.message}`);
  for (const [key, values] of Object.entries(needs)) {
    if (!LABEL_KEY.test(key)) throw new InvalidManifest(`"${key}" is no key of a label`);
    const bad = values === "any" ? undefined : values.find((value) => !LABEL_VALUE.test(value));
    if (bad !== undefined) throw new InvalidManifest(`"${bad}" is no value of the label "${key}"`);
  }
  const made: Group = { selector: parsed.selector, topology, needs, make };
  if (sampleLabels(made).length === 0) {
    throw new InvalidManifest(`no device can fit the selector "${text}" and the labels that its group needs`);
  }
  return made;
}

/** Declares what many devices should be: each device is in one group at the most. */
export function fleet(groups: Readonly<Record<string, Group>>): FleetManifest {
  if (Object.keys(groups).length === 0) throw new InvalidManifest("a fleet has at least one group");
  return Object.freeze(Object.defineProperty({ groups }, brand, { value: true }));
}

export const isFleet = (value: unknown): value is FleetManifest =>
  typeof value === "object" && value !== null && brand in value && value[brand] === true;

/** What a fleet makes of one device. */
export type MadeManifest =
  | { readonly _tag: "Made"; readonly group: string; readonly manifest: Manifest }
  | { readonly _tag: "NotMeant" }
  | { readonly _tag: "Refused"; readonly message: string };

export function manifestFor({ groups }: FleetManifest, known: KnownDevice): MadeManifest {
  const { agentId } = known;
  const meant = Object.entries(groups).filter(([, { selector }]) => matches(selector, known.labels));
  const [first, second] = meant;
  if (first === undefined) return { _tag: "NotMeant" };
  if (second !== undefined) {
    const names = meant.map(([name]) => `"${name}"`).join(" and ");
    const message = `${agentId} is in the groups ${names}: a device has one manifest, so take it out of all but one`;
    return { _tag: "Refused", message };
  }
  const [name, chosen] = first;
  const no = (why: string): MadeManifest => ({ _tag: "Refused", message: `group "${name}", for ${agentId}: ${why}` });
  const labels: Record<string, string> = {};
  const others = new Map(Object.entries(known.labels));
  for (const [key, values] of Object.entries(chosen.needs)) {
    const value = others.get(key);
    if (value === undefined) return no(`the device has no label "${key}", which the group needs`);
    if (values !== "any" && !values.includes(value)) {
      return no(`the label "${key}" is "${value}", and the group knows ${values.join(", ")}`);
    }
    labels[key] = value;
    others.delete(key);
  }
  let made: unknown;
  try {
    made = chosen.make({ ...known, labels, others: Object.fromEntries(others) });
  } catch (error) {
    return no(error instanceof Error ? error.message : String(error));
  }
  if (!isManifest(made)) return no("what it gives is not made by manifest()");
  if (made.topology.name !== chosen.topology.name) {
    return no(`its manifest is for ${made.topology.name}, and the group is for ${chosen.topology.name}`);
  }
  return { _tag: "Made", group: name, manifest: made };
}

/** As many devices of a group at the most are made up. */
const SAMPLES = 64;

/** Devices that a group may meet, one for each combination of the values that it names; for a check without a fleet. */
export const sampleDevices = (name: string, of: Group): readonly KnownDevice[] =>
  sampleLabels(of).map((labels, at) => ({
    agentId: `example-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}-${at + 1}`,
    labels,
    hardware: null,
    facts: {},
  }));

function sampleLabels({ selector, needs }: Group): readonly LabelMap[] {
  const { requirements } = selector;
  let found: readonly LabelMap[] = [{}];
  const positive = requirements.filter(({ _tag }) => _tag === "In" || _tag === "Exists").map(({ key }) => key);
  for (const key of new Set([...Object.keys(needs), ...positive])) {
    const needed = Object.hasOwn(needs, key) ? needs[key] : undefined;
    const named = requirements.flatMap((each) => (each._tag === "In" && each.key === key ? each.values : []));
    const excluded = requirements.flatMap((each) => (each._tag === "NotIn" && each.key === key ? each.values : []));
    const any = ["example", ...excluded.map((_, at) => `example-${at}`)];
    const values = needed !== undefined && needed !== "any" ? needed : named.length > 0 ? named : any;
    const fit = values.filter((value) =>
      matches({ requirements: requirements.filter((each) => each.key === key) }, { [key]: value }),
    );
    // Where the author names no values, one stands for all of them.
    const kept = needed !== undefined && needed !== "any" ? fit : named.length > 0 ? fit : fit.slice(0, 1);
    found = found.flatMap((each) => kept.map((value) => ({ ...each, [key]: value }))).slice(0, SAMPLES);
  }
  return found.filter((labels) => matches(selector, labels));
}
