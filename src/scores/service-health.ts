import { match } from "ts-pattern";
import * as z from "zod";
import type { Probe, Probed } from "../capabilities/probe.ts";
import type { SystemdHost } from "../capabilities/systemd-host.ts";
import type { Obstruction, Plan } from "./outcome.ts";
import {
  applyOwnUnit,
  type OwnUnit,
  OwnUnitStep,
  planOwnUnit,
  restartOwnUnit,
  retireOwnUnit,
  seeOwnUnit,
  SeenOwnUnit,
  unitDisturbance,
  up,
} from "./own-unit.ts";
import type { Disturbance, Pause } from "./score.ts";
import { RemoveCredential, WriteCredential } from "./service-credentials.ts";

/** A unit that is a service, and how it answers: what SystemdService adds to a unit whose file is wholly Harmony's. */

/** A service as its kind wants it. Null: nobody asks, or systemd itself knows. */
export interface OwnService extends OwnUnit {
  readonly readiness: Probe | null;
  readonly liveness: Probe | null;
}

export const SeenService = z.discriminatedUnion("state", [
  ...SeenOwnUnit.options,
  /** It runs and has not answered well enough to be called Ready yet. */
  z.object({ ...up, state: z.literal("getting-ready"), why: z.string().nullable() }),
  /** It runs, and its readiness does not hold. */
  z.object({ ...up, state: z.literal("unready"), why: z.string().nullable() }),
  /** It runs, and its liveness does not hold. `resting`: it was restarted because of that a moment ago, and waits for the next time. */
  z.object({ ...up, state: z.literal("hung"), why: z.string().nullable(), resting: z.boolean() }),
]);
export type SeenService = z.infer<typeof SeenService>;
type Hung = Extract<SeenService, { state: "hung" }>;
type Unready = Extract<SeenService, { state: "unready" }>;

export const ServiceStep = z.discriminatedUnion("do", [
  ...OwnUnitStep.options,
  /** Its liveness failed. `times`: how often it came to that in a row, with this one. */
  z.object({ unit: z.string(), do: z.literal("restartHung"), because: z.string(), times: z.int() }),
  WriteCredential,
  RemoveCredential,
]);
export type ServiceStep = z.infer<typeof ServiceStep>;

type Reads = Pick<SystemdHost, "units" | "unitFile" | "controllers" | "probe">;

export async function observeService(wanted: OwnService, host: Reads, signal: AbortSignal): Promise<SeenService> {
  const { unit, readiness, liveness } = wanted;
  const { seen, state } = await seeOwnUnit(wanted, host, signal);
  if (seen.state !== "running" || (readiness === null && liveness === null)) return seen;
  const life = { id: `${state.since ?? ""} ${state.restarts}`, ageMs: state.uptimeMs ?? 0 };
  const ask = async (name: string, probe: Probe | null): Promise<Probed | null> =>
    probe === null ? null : host.probe(unit, name, probe, life, signal);
  const [ready, lives] = await Promise.all([ask("readiness", readiness), ask("liveness", liveness)]);
  const revived = lives?.revived ?? null;
  const runs = { ...seen, ...(revived && { revived }) };
  if (lives?.health === "unhealthy") return { ...runs, state: "hung", why: lives.why, resting: lives.restMs > 0 };
  if (ready?.health === "unhealthy") return { ...runs, state: "unready", why: ready.why };
  if (ready?.health === "starting") return { ...runs, state: "getting-ready", why: ready.why };
  // What hung before has to show that it does not any more.
  if (lives?.health === "starting" && revived !== null) return { ...runs, state: "getting-ready", why: lives.why };
  return runs;
}

export function planService(wanted: OwnService, seen: SeenService): Plan<ServiceStep> {
  const plan = planOwnUnit(wanted, asUnit(seen));
  // By a newer text it may answer, so it is tried with that first.
  if (!isSteps(plan) || plan.some(({ do: taken }) => taken === "restart")) return plan;
  if (seen.state === "unready") return isNotReady(seen);
  if (seen.state !== "hung") return plan;
  const times = (seen.revived?.times ?? 0) + 1;
  if (seen.resting) return hangsAgain(seen, times);
  return [...plan, { do: "restartHung", unit: seen.unit, because: becauseOf(seen), times }];
}

/** As the plan, and what it keeps running is started anew: as if it ran by an older text. */
export const restartService = (wanted: OwnService, seen: SeenService): Plan<ServiceStep> =>
  restartOwnUnit(wanted, asUnit(seen));

export const retireService = (wanted: OwnService, seen: SeenService): Plan<ServiceStep> =>
  retireOwnUnit(wanted, asUnit(seen));

export const applyService = async (
  step: Exclude<ServiceStep, { readonly do: "writeCredential" | "removeCredential" }>,
  wanted: OwnService,
  host: SystemdHost,
  signal: AbortSignal,
): Promise<void> =>
  step.do === "restartHung"
    ? host.restart(step.unit, { steadyMs: wanted.steadyMs, revives: true }, signal)
    : applyOwnUnit(step, wanted, host, signal);

/** To restart takes as long as the service does. */
export const servicePauses = (step: ServiceStep, otherwise: (step: { readonly do: string }) => Pause): Pause =>
  step.do === "restartHung" ? "aside" : otherwise(step);

export const serviceDisturbance = (step: ServiceStep): Disturbance | null =>
  step.do === "restartHung" ? { unit: step.unit, does: "restart" } : unitDisturbance(step);

/** However it answers, it is a unit that runs. */
const asUnit = (seen: SeenService): SeenOwnUnit =>
  match(seen)
    .returnType<SeenOwnUnit>()
    .with({ state: "getting-ready" }, { state: "unready" }, { state: "hung" }, (runs) => ({
      ...runs,
      state: "running",
    }))
    .otherwise((unit) => unit);

const isSteps = <Step>(plan: Plan<Step>): plan is readonly Step[] => Array.isArray(plan);

const becauseOf = ({ why }: Hung): string => `its liveness failed: ${why ?? "it does not answer"}`;

const isNotReady = ({ unit, why }: Unready): Obstruction => ({
  obstructed: `${unit} runs and is not ready: ${why ?? "it does not answer"}`,
  blame: "device",
  next: `Read why: journalctl --unit ${unit} --lines 50. It is Ready again as soon as its readiness is answered.`,
  reason: "Unhealthy",
});

const hangsAgain = (seen: Hung, times: number): Obstruction => ({
  obstructed: `${seen.unit} runs and hangs, for the ${ordinal(times)} time in a row; ${becauseOf(seen)}`,
  blame: "device",
  next: `Read why it hangs: journalctl --unit ${seen.unit} --lines 50. It is restarted again after a pause that doubles, up to 5 min.`,
  reason: "Unhealthy",
});

const ordinal = (count: number): string => {
  const ending = { 1: "st", 2: "nd", 3: "rd" }[count % 100 > 10 && count % 100 < 14 ? 0 : count % 10];
  return `${count}${ending ?? "th"}`;
};
