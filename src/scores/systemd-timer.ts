import * as z from "zod";
import { SystemdHost } from "../capabilities/systemd-host.ts";
import {
  applyOwnUnit,
  observeOwnUnit,
  type OwnUnit,
  OwnUnitStep,
  planOwnUnit,
  retireOwnUnit,
  SeenOwnUnit,
  unitDisturbance,
  unitPauses,
} from "./own-unit.ts";
import type { Frozen } from "./spec.ts";
import { Score } from "./score.ts";
import { Line, UnitName, UnitStem } from "./unit-names.ts";
import { plain, unitText } from "./unit-text.ts";

const Seconds = z.number().min(0).max(31_536_000);

const spec = z
  .strictObject({
    /** The unit's name without `.timer`. */
    name: UnitStem,
    /** What people read in a list of timers. Default: the name. */
    description: Line.min(1).optional(),
    /** Calendar times as systemd writes them (`"daily"`, `"Mon *-*-* 03:00"`), in the device's own time zone. Default none. */
    onCalendar: z.array(Line.min(1)).max(32).default([]),
    /** Seconds after the device has booted. Default: not then. */
    onBootSeconds: Seconds.optional(),
    /** Seconds after the timer itself was started. Default: not then. */
    onActiveSeconds: Seconds.optional(),
    /** Seconds after the unit was last started, again and again. Default: not then. */
    everySeconds: Seconds.min(1).optional(),
    /** Whether a calendar time that passed while the device was off is made up for. Default false. */
    persistent: z.boolean().default(false),
    /** Up to so many seconds later, by chance, so that not all devices act at once. Default 0. */
    randomDelaySeconds: Seconds.default(0),
    /** Seconds within which systemd may choose the moment, to wake up less often. Default 60. */
    accuracySeconds: Seconds.default(60),
    /** What it starts. Default: the service of its own name. */
    unit: UnitName.optional(),
  })
  .refine(
    ({ onCalendar, ...at }) =>
      onCalendar.length > 0 ||
      at.onBootSeconds !== undefined ||
      at.onActiveSeconds !== undefined ||
      at.everySeconds !== undefined,
    "a timer needs a moment: onCalendar, onBootSeconds, onActiveSeconds or everySeconds",
  );

/**
 * A timer that starts a unit, enabled and waiting. The unit is often a SystemdService with `run: "when-asked"`.
 *
 * A timer file that somebody else put at its place is replaced; a timer of a package is not touched (`Obstructed`).
 * When it is retired it is stopped, disabled and removed; what it started goes on.
 */
export class SystemdTimerScore extends Score(
  "SystemdTimer",
  { version: 1, requires: [SystemdHost], spec, observed: SeenOwnUnit, step: OwnUnitStep },
  {
    identity: ({ name }) => `unit:${name}.timer`,
    units: ({ name, unit = `${name}.service` }) => [`${name}.timer`, unit],
    reach: ({ name, unit = `${name}.service` }) => [
      { _tag: "unit", unit: `${name}.timer` },
      { _tag: "unit", unit },
    ],
    observe: (wanted, { SystemdHost: host }, { signal }) => observeOwnUnit(unitOf(wanted), host, signal),
    plan: (wanted, seen) => planOwnUnit(unitOf(wanted), seen),
    retire: (wanted, seen) => retireOwnUnit(unitOf(wanted), seen),
    apply: (step, wanted, { SystemdHost: host }, { signal }) => applyOwnUnit(step, unitOf(wanted), host, signal),
    turns: "free",
    pauses: unitPauses,
    disturbs: unitDisturbance,
    watch: ({ name }, { SystemdHost: host }, changed) => host.watch(`${name}.timer`, changed),
  },
) {}

type Spec = Frozen<z.infer<typeof spec>>;

const seconds = (name: string, value: number | undefined): readonly (readonly [string, string])[] =>
  value === undefined ? [] : [[name, `${value}s`]];

const unitOf = (wanted: Spec): OwnUnit => ({
  unit: `${wanted.name}.timer`,
  text: unitText([
    ["Unit", [["Description", plain(wanted.description ?? wanted.name)]]],
    [
      "Timer",
      [
        ...wanted.onCalendar.map((at) => ["OnCalendar", plain(at)] as const),
        ...seconds("OnBootSec", wanted.onBootSeconds),
        ...seconds("OnActiveSec", wanted.onActiveSeconds),
        ...seconds("OnUnitActiveSec", wanted.everySeconds),
        ["Persistent", wanted.persistent ? "yes" : "no"],
        ...seconds("RandomizedDelaySec", wanted.randomDelaySeconds),
        ...seconds("AccuracySec", wanted.accuracySeconds),
        ["Unit", plain(wanted.unit ?? `${wanted.name}.service`)],
      ],
    ],
    ["Install", [["WantedBy", "timers.target"]]],
  ]),
  runs: true,
  steadyMs: 0,
  needs: [],
});
