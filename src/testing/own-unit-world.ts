import * as fc from "fast-check";
import type { AnyScoreClass } from "../scores/score.ts";
import { type FakeUnit, type FakeUnitFact, FakeSystemdHost } from "./fake-systemd-host.ts";
import type { Place, World } from "./world.ts";

/** What the worlds of SystemdService and SystemdTimer share, and a part that SystemdUnit has as well. */

/** Units by name, as a device has them before the Score comes. */
export type Units = Readonly<Record<string, FakeUnit>>;
export interface UnitChange {
  readonly unit: string;
  readonly to: FakeUnit;
}

/** A spec, and the unit that it stands for, written out by hand: the world never calls the kind. */
export interface Written<Spec> {
  readonly spec: Spec;
  readonly unit: string;
  readonly text: string;
  readonly runs: boolean;
  /** What is kept for it to be handed, by file. Default: nothing. */
  readonly credentials?: Readonly<Record<string, string>>;
  /** What comes of one that answers none of its probes: `restart`, where its liveness is asked, or it is only told. */
  readonly hangs?: "restart" | "told";
}

export const openUnits = (units: Units): Place<UnitChange, FakeUnitFact> => {
  const host = new FakeSystemdHost();
  for (const [name, unit] of Object.entries(units)) host.put(name, unit);
  return { ports: { SystemdHost: host }, snapshot: () => host.tree(), change: ({ unit, to }) => host.put(unit, to) };
};

/** What has nothing to do with any Score. */
export const AROUND: Units = {
  "theirs.service": { file: "[Service]\nExecStart=/bin/theirs\n", active: "active", enabled: true },
};

const activities = fc.constantFrom("inactive", "starting", "active", "failed", "looping");

/** The world of a kind whose unit files are wholly its own. */
export function ownUnitWorld<Spec>(
  kind: AnyScoreClass,
  written: readonly [Written<Spec>, ...Written<Spec>[]],
  /** What counts as running: with `starting` also what has been up for a moment only. */
  running: readonly string[] = ["active"],
): World<Spec, Units, UnitChange, FakeUnitFact> {
  const of = (spec: Spec): Written<Spec> => {
    const one = written.find((each) => JSON.stringify(each.spec) === JSON.stringify(spec));
    if (one === undefined) throw new Error("a spec of another world");
    return one;
  };
  const files = ({ text }: Written<Spec>): fc.Arbitrary<FakeUnit> =>
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ file: fc.constant(text), enabled: fc.boolean(), active: activities }) },
      {
        weight: 2,
        arbitrary: fc.record({
          file: fc.constant("[Service]\nExecStart=/bin/other\n"),
          enabled: fc.boolean(),
          active: activities,
        }),
      },
      fc.constantFrom<FakeUnit>(
        { obstacle: "directory" },
        { masked: true },
        { leftover: true },
        { vendor: "installable", active: "active" },
      ),
      fc.constantFrom<FakeUnit>(
        { file: text, enabled: true, active: "active" },
        { file: text, enabled: true, active: "active", hung: true },
      ),
    );
  return {
    kind,
    specs: fc.constantFrom(...written.map(({ spec }) => spec)),
    devices: (spec) =>
      fc
        .option(files(of(spec)), { nil: null })
        .map((there): Units => (there === null ? AROUND : { ...AROUND, [of(spec).unit]: there })),
    changes(spec) {
      const { unit, text } = of(spec);
      const change = (to: fc.Arbitrary<FakeUnit>): fc.Arbitrary<UnitChange> => to.map((each) => ({ unit, to: each }));
      return fc.oneof(
        change(fc.record({ active: activities })),
        change(fc.record({ enabled: fc.boolean() })),
        change(fc.constant<FakeUnit>({ hung: true })),
        change(fc.record({ file: fc.constantFrom(null, text, `${text}# edited\n`) })),
        change(
          fc.constantFrom<FakeUnit>(
            { leftover: true },
            { obstacle: "directory", file: null },
            { masked: true, file: null },
          ),
        ),
        fc.constantFrom<UnitChange>(
          { unit: "theirs.service", to: { active: "failed" } },
          { unit: "new.service", to: { vendor: "static" } },
        ),
      );
    },
    open: openUnits,
    about: (spec) => [...namesOf(of(spec).unit), ...credentialsOf(of(spec))],
    judge(spec, now) {
      const { unit, text, runs, hangs, credentials = {} } = of(spec);
      if (isForeign(now, unit)) return "obstructed";
      const right =
        Object.entries(now).every(
          ([name, fact]) => !isCredential(name, unit) || credentials[name.split("/")[1] ?? ""] === fact,
        ) &&
        credentialsOf(of(spec)).every((name) => name in now) &&
        now[`file:${unit}`] === text &&
        now[`unread:${unit}`] === undefined &&
        (now[`enabled:${unit}`] === true) === runs;
      if (!runs) return right ? "so" : "not-so";
      const old = now[`file:${unit}`] !== text || now[`unread:${unit}`] !== undefined;
      if (now[`active:${unit}`] === "looping" && !old) return "obstructed";
      const isHung = now[`hung:${unit}`] === true && now[`active:${unit}`] === "active" && !old;
      if (isHung && hangs !== undefined) return hangs === "told" ? "obstructed" : "not-so";
      return right && running.includes(String(now[`active:${unit}`])) ? "so" : "not-so";
    },
    left(spec, now) {
      const { unit } = of(spec);
      if (isForeign(now, unit)) return now;
      const own = new Set(namesOf(unit));
      return Object.fromEntries(Object.entries(now).filter(([name]) => !own.has(name) && !isCredential(name, unit)));
    },
  };
}

const isForeign = (now: Readonly<Record<string, FakeUnitFact>>, unit: string): boolean =>
  now[`obstacle:${unit}`] !== undefined ||
  now[`masked:${unit}`] !== undefined ||
  (now[`vendor:${unit}`] !== undefined && now[`file:${unit}`] === undefined);

const credentialsOf = ({ unit, credentials = {} }: Pick<Written<unknown>, "unit" | "credentials">): readonly string[] =>
  Object.keys(credentials).map((file) => `credential:${unit}/${file}`);
const isCredential = (name: string, unit: string): boolean => name.startsWith(`credential:${unit}/`);

/** All that a snapshot can tell of a unit that is not its package's. */
export const namesOf = (unit: string): readonly string[] =>
  ["file", "drop-in", "leftover", "enabled", "masked", "active", "hung", "failed", "unread"].map(
    (what) => `${what}:${unit}`,
  );
