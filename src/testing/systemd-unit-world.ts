import * as fc from "fast-check";
import { SystemdUnitScore } from "../scores/systemd-unit.ts";
import type { FakeUnit, FakeUnitFact } from "./fake-systemd-host.ts";
import { AROUND, namesOf, openUnits, type UnitChange, type Units } from "./own-unit-world.ts";
import type { Snapshot, World } from "./world.ts";

type Spec = ConstructorParameters<typeof SystemdUnitScore>[0];

/** `ssh.service` can be enabled, `getty.service` has no [Install] section, `ghost.service` is not there. */
const INSTALLABLE = "ssh.service";
const STATIC = "getty.service";
const units = fc.constantFrom(INSTALLABLE, INSTALLABLE, INSTALLABLE, STATIC, "ghost.service");

const SETTINGS: Spec["settings"] = {
  Service: { Nice: "5", Environment: ["A=1", "B=%n"] },
  Unit: { Description: "theirs" },
};
const TEXT = "[Service]\nNice=5\nEnvironment=A=1\nEnvironment=B=%n\n\n[Unit]\nDescription=theirs\n";

const specs: fc.Arbitrary<Spec> = fc
  .record(
    {
      unit: units,
      enabled: fc.boolean(),
      active: fc.boolean(),
      masked: fc.boolean(),
      settings: fc.constantFrom(SETTINGS, {}),
    },
    { requiredKeys: ["unit"] },
  )
  // The unit file of what is static cannot hide behind a mask that it is so.
  .map((spec) => (spec.unit === STATIC ? { ...spec, masked: undefined } : spec))
  .filter(({ masked, enabled, active }) => !(masked === true && (enabled === true || active === true)));

const activities = fc.constantFrom("inactive", "active", "failed", "looping");
const dropIns = fc.constantFrom(null, TEXT, "[Unit]\nDescription=other\n");

const theirs = (unit: string): fc.Arbitrary<FakeUnit> =>
  fc.record(
    {
      enabled: unit === STATIC ? fc.constant(false) : fc.boolean(),
      masked: unit === STATIC ? fc.constant(false) : fc.nat(4).map((n) => n === 0),
      active: activities,
      dropIn: dropIns,
      leftover: fc.nat(9).map((n) => n === 0),
    },
    { requiredKeys: [] },
  );

/** Specs of a unit that came with the system, and the supervisor in memory. */
export const systemdUnitWorld: World<Spec, Units, UnitChange, FakeUnitFact> = {
  kind: SystemdUnitScore,
  specs,
  devices: ({ unit }) =>
    unit === "ghost.service"
      ? fc.constant(AROUND)
      : theirs(unit).map((there) => ({
          ...AROUND,
          [unit]: { ...there, vendor: unit === STATIC ? "static" : "installable" },
        })),
  changes: ({ unit }) =>
    unit === "ghost.service"
      ? fc.constant({ unit: "theirs.service", to: { active: "failed" } })
      : fc.oneof(
          { weight: 5, arbitrary: theirs(unit).map((to) => ({ unit, to })) },
          fc.constant<UnitChange>({ unit: "theirs.service", to: { enabled: false } }),
        ),
  open: openUnits,
  about: ({ unit }) => namesOf(unit),
  judge(spec, now) {
    const { unit, enabled, masked } = spec;
    const is = (what: string): boolean => now[`${what}:${unit}`] !== undefined;
    if (!is("vendor")) return "obstructed";
    if (is("masked") && masked !== false && (enabled === true || spec.active === true)) return "obstructed";
    const active = now[`active:${unit}`];
    const wanted = spec.settings === undefined || Object.keys(spec.settings).length === 0 ? undefined : TEXT;
    const settled = now[`drop-in:${unit}`] === wanted && !(wanted === undefined && is("leftover")) && !is("unread");
    if (spec.active === true && active === "looping" && settled) return "obstructed";
    if (enabled === true && now[`vendor:${unit}`] === "static") return "obstructed";
    const wantsActive = spec.active ?? (masked === true ? false : undefined);
    const running = wantsActive === undefined || (wantsActive ? active === "active" : active === undefined);
    return settled &&
      running &&
      // A mask hides whether it is enabled.
      (enabled === undefined || enabled === (is("enabled") && !is("masked"))) &&
      (masked === undefined || masked === is("masked")) &&
      (is("masked") || !String(active).includes("outdated"))
      ? "so"
      : "not-so";
  },
  left({ unit }, now, made) {
    const staysMasked = now[`masked:${unit}`] !== undefined && !made.has(`masked:${unit}`);
    const goes = (what: string): boolean => made.has(`${what}:${unit}`) && !(what === "enabled" && staysMasked);
    const gone = new Set(
      ["drop-in", "leftover", "unread", ...["enabled", "masked", "active"].filter(goes)].map(
        (what) => `${what}:${unit}`,
      ),
    );
    return Object.fromEntries(
      Object.entries(now)
        .filter(([name]) => !gone.has(name))
        .map(restarted(unit, now, staysMasked)),
    );
  },
};

/** What runs on is started again when its settings go, and is up then; but nothing can start what is masked. */
const restarted =
  (unit: string, now: Snapshot<FakeUnitFact>, staysMasked: boolean) =>
  ([name, fact]: [string, FakeUnitFact]): [string, FakeUnitFact] => {
    if (name !== `active:${unit}`) return [name, fact];
    const wasOutdated = String(fact).includes("outdated");
    const had = now[`drop-in:${unit}`] !== undefined;
    if (staysMasked) return [name, had && !wasOutdated ? `${String(fact)}, outdated` : fact];
    return [name, had || wasOutdated || now[`leftover:${unit}`] !== undefined ? "active" : fact];
  };
