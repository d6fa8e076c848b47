import * as fc from "fast-check";
import { PackageScore } from "../scores/package.ts";
import { type FakePackage, FakePackageManager, type FakeSource } from "./fake-package-manager.ts";
import type { Snapshot, World } from "./world.ts";

type Spec = ConstructorParameters<typeof PackageScore>[0];
export type Packages = Readonly<Record<string, FakePackage>>;
/** A package that somebody puts there or, where it is null, takes away with all of it. */
export interface PackageChangeByOthers {
  readonly name: string;
  readonly to: FakePackage | null;
}

const GREETER = "edge-greeter";
const BEACON = "edge-beacon";
const ESSENTIAL = "dpkg";

const SOURCES: Readonly<Record<string, FakeSource>> = {
  [GREETER]: { versions: ["1.0", "2.0"] },
  [BEACON]: { versions: ["1.0", "2.0"], depends: [GREETER] },
};

/** Each spec with the versions that will do, told by hand. */
const WRITTEN: readonly (readonly [spec: Spec, accepted: readonly string[]])[] = [
  [{ name: GREETER }, ["1.0", "2.0"]],
  [{ name: GREETER, version: "1.0" }, ["1.0"]],
  [{ name: GREETER, version: ">= 1.5, << 3" }, ["2.0"]],
  [{ name: GREETER, version: "1.0", hold: true }, ["1.0"]],
  [{ name: GREETER, hold: false }, ["1.0", "2.0"]],
  [{ name: GREETER, state: "absent" }, []],
  [{ name: BEACON }, ["1.0", "2.0"]],
  [{ name: BEACON, version: "<< 2", hold: true }, ["1.0"]],
  [{ name: ESSENTIAL, state: "absent" }, []],
];

const own = fc.oneof(
  fc.record({
    status: fc.constant("installed" as const),
    version: fc.constantFrom("1.0", "2.0"),
    held: fc.nat(3).map((n) => n === 0),
  }),
  fc.constantFrom<FakePackage>({ status: "configuration", version: "1.0" }, { status: "broken", version: "2.0" }),
);
const AROUND: Packages = { [ESSENTIAL]: { status: "installed", version: "1.22", essential: true } };

/** What can be seen of a package: `installed:`, `configuration:` (also while it is installed) and `held:` with its name. */
export function factsOfPackages(packages: Packages, isNeeded: (name: string) => boolean): Snapshot<string> {
  const facts: Record<string, string> = {};
  for (const [name, { status, version, held }] of Object.entries(packages)) {
    // What came for another's sake is a part of that one.
    if (isNeeded(name)) continue;
    facts[`configuration:${name}`] = "there";
    if (status === "configuration") continue;
    facts[`installed:${name}`] = status === "broken" ? "broken" : version;
    if (held === true) facts[`held:${name}`] = "held";
  }
  return Object.fromEntries(Object.entries(facts).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Specs of a package, and a package database in memory. */
export const packageWorld: World<Spec, Packages, PackageChangeByOthers, string> = {
  kind: PackageScore,
  specs: fc.constantFrom(...WRITTEN.map(([spec]) => spec)),
  devices: ({ name }) =>
    name === ESSENTIAL
      ? fc.constant(AROUND)
      : fc
          .option(own, { nil: null })
          .map((there) =>
            there === null ? AROUND : { ...AROUND, ...(name === BEACON ? DEPENDED : {}), [name]: there },
          ),
  changes: ({ name }) =>
    name === ESSENTIAL
      ? fc.constant({ name: "other", to: { status: "installed", version: "1" } })
      : fc.oneof(
          {
            weight: 4,
            arbitrary: fc.option(own, { nil: null }).map((to) => ({ name, to })),
          },
          fc.constant<PackageChangeByOthers>({ name: "other", to: { status: "installed", version: "1" } }),
        ),
  open(packages) {
    const manager = new FakePackageManager(SOURCES, packages);
    return {
      ports: { PackageManager: manager },
      snapshot: () => factsOfPackages(manager.packages(), (name) => manager.isNeeded(name)),
      change: ({ name, to }) => manager.put(name, to),
    };
  },
  about: ({ name }) => [...namesOf(name), ...(name === BEACON ? namesOf(GREETER) : [])],
  judge(spec, now) {
    const version = now[`installed:${spec.name}`];
    const held = now[`held:${spec.name}`] !== undefined;
    if (spec.state === "absent") {
      if (version === undefined) return "so";
      return spec.name === ESSENTIAL ? "obstructed" : "not-so";
    }
    const isRight = version !== undefined && (acceptedBy(spec) ?? []).includes(version);
    if (!isRight && version !== undefined && version !== "broken" && held && spec.hold === undefined) {
      return "obstructed";
    }
    return isRight && (spec.hold === undefined || spec.hold === held) ? "so" : "not-so";
  },
  left({ name }, now, made) {
    const isThere = now[`installed:${name}`] !== undefined;
    const goes = (what: string): boolean => made.has(`${what}:${name}`);
    const gone: string[] = [];
    if (goes("configuration") && (!isThere || goes("installed"))) gone.push("configuration");
    if (isThere && goes("installed")) gone.push("installed", "held");
    if (isThere && goes("held")) gone.push("held");
    return Object.fromEntries(Object.entries(now).filter(([fact]) => !gone.some((what) => fact === `${what}:${name}`)));
  },
};

/** What a package that was there before needs was there before too, by its own right. */
const DEPENDED: Packages = { [GREETER]: { status: "installed", version: "2.0" } };

const namesOf = (name: string): readonly string[] => [`installed:${name}`, `configuration:${name}`, `held:${name}`];

const acceptedBy = (spec: Spec): readonly string[] | undefined =>
  WRITTEN.find(([each]) => JSON.stringify(each) === JSON.stringify(spec))?.[1];
