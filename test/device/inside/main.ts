import type { FakeUnit, FakeUnitFact } from "../../../src/testing/fake-systemd-host.ts";
import type { UnitChange, Units } from "../../../src/testing/own-unit-world.ts";
import { systemdServiceWorldOf } from "../../../src/testing/systemd-service-world.ts";
import { systemdTimerWorld } from "../../../src/testing/systemd-timer-world.ts";
import { systemdUnitWorld } from "../../../src/testing/systemd-unit-world.ts";
import type { World } from "../../../src/testing/world.ts";
import { keep } from "./keep.ts";
import { install, openRealUnits } from "./real-units.ts";

/** Puts one kind, which the first argument names, to its contract on the systemd of this machine. */

type UnitWorld<Spec> = World<Spec, Units, UnitChange, FakeUnitFact>;

/** The units of each world, which are cleared away between two cases. */
const OWN: Readonly<Record<string, readonly string[]>> = {
  SystemdService: ["web.service", "sensor-gateway.service", "backup.service", "asked.service", "told.service"],
  SystemdTimer: ["backup.timer", "poll.timer"],
  SystemdUnit: ["ssh.service", "getty.service", "ghost.service"],
};

/** A program cannot be made to loop, hang, or be up for a moment only, at will; the rest is as in memory. */
const possible = (unit: FakeUnit): FakeUnit => ({
  ...unit,
  hung: false,
  active:
    unit.active === "looping" || unit.active === "starting"
      ? "active"
      : unit.active === "failed"
        ? "inactive"
        : unit.active,
});

/** Whether it stays up is another matter; what it costs to wait for that is time alone. */
const BRIEF = { readyAfterSeconds: 0.05 };

const onRealUnits = <Spec>(world: UnitWorld<Spec>): UnitWorld<Spec> => ({
  ...world,
  devices: (spec) =>
    world
      .devices(spec)
      .map((units) => Object.fromEntries(Object.entries(units).map(([name, unit]) => [name, possible(unit)]))),
  changes: (spec) => world.changes(spec).map(({ unit, to }) => ({ unit, to: possible(to) })),
  open: async (units) => openRealUnits(units, OWN[world.kind.kind] ?? []),
});

const [, , kind = ""] = process.argv;
install();
const worlds: Readonly<Record<string, World>> = {
  SystemdService: onRealUnits(systemdServiceWorldOf(BRIEF)),
  SystemdTimer: onRealUnits(systemdTimerWorld),
  SystemdUnit: onRealUnits(systemdUnitWorld),
};
const world = worlds[kind];
if (world === undefined) throw new Error(`no such kind: ${kind}`);
// Each case is systemd writing, loading and starting units.
await keep(world, { runs: () => 1, faults: 2 });
