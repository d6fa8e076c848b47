import type { ReadPortOf } from "../capabilities/capability.ts";
import { SystemdHost } from "../capabilities/systemd-host.ts";
import { attenuate, type PortTable } from "../scores/attenuate.ts";
import type { Clock, Log } from "../scores/context.ts";
import { Deadline } from "../scores/deadline.ts";
import type { Disturbance } from "../scores/score.ts";
import type { Downtime } from "../wire/status.ts";

/** For the supervisor to answer. A plan does without it rather than wait for longer. */
const ASKED_FOR_MS = 5_000;
const SUPERVISED = [SystemdHost] as const;

interface Around {
  readonly ports: PortTable;
  readonly clock: Clock;
  readonly log: Log;
  readonly stop: AbortSignal;
}

/** What the supervisor of this device measured the last time of the units that a plan disturbs, by what they are disturbed by. */
export async function downtimes(
  disturbed: ReadonlyMap<string, readonly Disturbance[]>,
  around: Around,
): Promise<ReadonlyMap<string, readonly Downtime[]>> {
  const units = [...new Set([...disturbed.values()].flat().map(({ unit }) => unit))];
  if (units.length === 0) return new Map();
  const known = await look(units, around);
  return new Map(
    [...disturbed].map(([id, each]) => [
      id,
      each.flatMap(({ unit, does }): Downtime[] => {
        const seen = known?.get(unit);
        if (seen === undefined) return [{ unit, does, took: null }];
        // What is not there yet is not down.
        return seen.isThere ? [{ unit, does: does === "restart" && !seen.isUp ? "start" : does, took: seen.took }] : [];
      }),
    ]),
  );
}

type Supervisor = Pick<ReadPortOf<typeof SystemdHost>, "units" | "lastTimes">;

/** With the methods alone that change nothing; null where this device has none. */
function supervisorOf(ports: PortTable): Supervisor | null {
  const port = SystemdHost.name in ports ? attenuate(SUPERVISED, ports).reads[SystemdHost.name] : undefined;
  return port !== undefined && supervises(port) ? port : null;
}

const supervises = (port: object): port is Supervisor => "units" in port && "lastTimes" in port;

interface Known {
  readonly isThere: boolean;
  readonly isUp: boolean;
  readonly took: Downtime["took"];
}

/** Null where there is no supervisor, or it does not answer: that is no reason to have no plan. */
async function look(units: readonly string[], around: Around): Promise<ReadonlyMap<string, Known> | null> {
  const host = supervisorOf(around.ports);
  if (host === null) return null;
  const deadline = new Deadline(around.clock, around.log, around.stop, ASKED_FOR_MS);
  const { signal } = deadline;
  try {
    const [states, times] = await deadline.within(async () =>
      Promise.all([host.units(units, signal), host.lastTimes(units, signal)]),
    );
    return new Map(
      units.flatMap((unit, at) => {
        const [state, took] = [states[at], times[at]];
        if (state === undefined || took === undefined) return [];
        const isUp = state.active !== "inactive" && state.active !== "failed";
        return [[unit, { isThere: isUp || state.load !== "not-found", isUp, took: { ...took } }] as const];
      }),
    );
  } catch (error) {
    around.log("how long units were down the last time cannot be told", { error: String(error) });
    return null;
  } finally {
    deadline.end();
  }
}
