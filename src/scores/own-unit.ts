import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { match } from "ts-pattern";
import * as z from "zod";
import type { ResourceController, SystemdHost, UnitFile, UnitState } from "../capabilities/systemd-host.ts";
import type { Obstruction, Plan } from "./outcome.ts";
import type { Disturbance, Pause } from "./score.ts";
import { SeenCredential } from "./service-credentials.ts";

/** What SystemdService and SystemdTimer share: a unit whose file is wholly Harmony's, and whether it runs. */

/** A unit as a kind wants it. */
export interface OwnUnit {
  /** Its full name. */
  readonly unit: string;
  readonly text: string;
  /** Whether it is started at boot and now. Otherwise its activity is nobody's business here. */
  readonly runs: boolean;
  /** Milliseconds that it has to be up before it is said to run. */
  readonly steadyMs: number;
  /** The controllers that its limits need. */
  readonly needs: readonly ResourceController[];
}

const facts = {
  unit: z.string(),
  /** Of the unit file; null where there is none. */
  sha256: z.string().nullable(),
  /** Whether an interrupted write left its temporary file; told only where there is no file. */
  leftover: z.boolean(),
  enabled: z.boolean(),
  needsReload: z.boolean(),
  /** Whether it runs by an older text. */
  outdated: z.boolean(),
  /** What is kept for it to be handed; missing where nothing is, nor should be. */
  credentials: z.array(SeenCredential).readonly().exactOptional(),
  lacksControllers: z.array(z.enum(["cpu", "memory", "pids"])).readonly(),
};
export const up = {
  ...facts,
  since: z.string().nullable(),
  mainPid: z.number().nullable(),
  /** By systemd itself. */
  restarts: z.number(),
  /** How often in a row it was restarted because its liveness failed, and why the last time; missing where it was not. */
  revived: z.object({ times: z.int(), why: z.string() }).exactOptional(),
};

export const SeenOwnUnit = z.discriminatedUnion("state", [
  z.object({ ...facts, state: z.literal("absent") }),
  /** A unit of that name is not Harmony's: something stands at the place of its file, or it comes from somewhere else. */
  z.object({
    state: z.literal("foreign"),
    unit: z.string(),
    what: z.string(),
    at: z.string(),
    credentials: facts.credentials,
  }),
  z.object({ ...facts, state: z.literal("stopped"), result: z.string().nullable() }),
  z.object({ ...facts, state: z.literal("failed"), result: z.string().nullable(), restarts: z.number() }),
  /** It ends again and again, and systemd starts it again and again. */
  z.object({ ...facts, state: z.literal("crash-looping"), result: z.string().nullable(), restarts: z.number() }),
  /** On its way, or up for less than it takes to be called running. */
  z.object({ ...up, state: z.literal("starting") }),
  z.object({ ...up, state: z.literal("running") }),
]);
export type SeenOwnUnit = z.infer<typeof SeenOwnUnit>;

const about = { unit: z.string() };
export const OwnUnitStep = z.discriminatedUnion("do", [
  /** `replaces`: the hash of the file that was there, `"unread"` where it was very large, null where none was. */
  z.object({ ...about, do: z.literal("write"), sha256: z.string(), replaces: z.string().nullable() }),
  z.object({ ...about, do: z.literal("reload") }),
  z.object({ ...about, do: z.literal("enable") }),
  z.object({ ...about, do: z.literal("disable") }),
  z.object({ ...about, do: z.literal("start") }),
  z.object({ ...about, do: z.literal("restart") }),
  z.object({ ...about, do: z.literal("stop") }),
  z.object({ ...about, do: z.literal("resetFailed") }),
  z.object({ ...about, do: z.literal("remove") }),
]);
export type OwnUnitStep = z.infer<typeof OwnUnitStep>;

type OwnFile = Exclude<UnitFile, { readonly type: "foreign" }>;
type Reads = Pick<SystemdHost, "units" | "unitFile" | "controllers">;

export const observeOwnUnit = async (wanted: OwnUnit, host: Reads, signal: AbortSignal): Promise<SeenOwnUnit> =>
  (await seeOwnUnit(wanted, host, signal)).seen;

/** With all that the supervisor told. */
export async function seeOwnUnit(
  wanted: OwnUnit,
  host: Reads,
  signal: AbortSignal,
): Promise<{ readonly seen: SeenOwnUnit; readonly state: UnitState }> {
  const file = host.unitFile(wanted.unit, "unit");
  const [state] = await host.units([wanted.unit], signal);
  if (state === undefined) throw new Error(`the supervisor told nothing of ${wanted.unit}`);
  return { seen: seenBy(wanted, file, state, host), state };
}

function seenBy({ unit, needs, steadyMs }: OwnUnit, file: UnitFile, state: UnitState, host: Reads): SeenOwnUnit {
  if (file.type === "foreign") return { state: "foreign", unit, what: file.what, at: file.at };
  const foreign = foreignAt(unit, file, state);
  if (foreign !== null) return foreign;
  const available = host.controllers();
  return told(
    unit,
    file,
    state,
    needs.filter((need) => !available.includes(need)),
    steadyMs,
  );
}

const PACKAGED = "unit of another package";

function foreignAt(
  unit: string,
  file: OwnFile,
  { fragment, load }: UnitState,
): Extract<SeenOwnUnit, { state: "foreign" }> | null {
  if (load === "masked") return { state: "foreign", unit, what: "mask", at: fragment ?? `/run/systemd/system/${unit}` };
  const elsewhere = file.type === "absent" && fragment !== null && !fragment.startsWith("/etc/systemd/system/");
  return elsewhere ? { state: "foreign", unit, what: PACKAGED, at: fragment } : null;
}

function told(
  unit: string,
  file: OwnFile,
  state: UnitState,
  lacksControllers: readonly ResourceController[],
  steadyMs: number,
): SeenOwnUnit {
  const { active, since, mainPid, restarts, result, needsReload, outdated } = state;
  const seen = {
    unit,
    sha256: file.type === "file" ? (file.sha256 ?? "unread") : null,
    leftover: file.type === "absent" && file.leftover,
    enabled: state.enablement === "enabled",
    needsReload,
    outdated,
    lacksControllers,
  };
  const isUp = active === "active" && (state.uptimeMs ?? 0) >= steadyMs;
  if (isLooping(state, steadyMs)) return { ...seen, state: "crash-looping", result, restarts };
  if (isGoing(active)) return { ...seen, state: isUp ? "running" : "starting", since, mainPid, restarts };
  if (active === "failed") return { ...seen, state: "failed", result, restarts };
  if (file.type === "absent") return { ...seen, state: "absent" };
  return { ...seen, state: "stopped", result };
}

/** What ends sooner than this after its start is said to loop, and not to have died by chance. */
const LOOPING_MS = 10_000;

/** Whether the supervisor starts it again and again: it is between two starts, or has just been started by the supervisor. */
export const isLooping = ({ sub, active, restarts, uptimeMs, lastUpMs }: UnitState, steadyMs: number): boolean => {
  const isBetween = sub.startsWith("auto-restart");
  const isFresh = restarts > 0 && isGoing(active) && !(active === "active" && (uptimeMs ?? 0) >= steadyMs);
  return (isBetween || isFresh) && (lastUpMs ?? 0) < LOOPING_MS;
};

const isGoing = (active: string): boolean => active !== "inactive" && active !== "failed";

export function planOwnUnit({ unit, text, runs }: OwnUnit, seen: SeenOwnUnit): Plan<OwnUnitStep> {
  if (seen.state === "foreign") return foreignStands(seen);
  if (seen.lacksControllers.length > 0) return cannotLimit(unit, seen.lacksControllers);
  const sha256Wanted = hashOf(text);
  const writes = seen.sha256 !== sha256Wanted;
  // By a newer text it may run, so it is tried with that first.
  const isOld = writes || seen.needsReload || seen.outdated;
  if (seen.state === "crash-looping" && runs && !isOld) return crashLoops(seen);
  const steps: OwnUnitStep[] = [];
  if (writes) steps.push({ do: "write", unit, sha256: sha256Wanted, replaces: seen.sha256 });
  if (seen.enabled !== runs) steps.push({ do: runs ? "enable" : "disable", unit });
  // After all that makes what the supervisor has read old, so that once is enough.
  if (steps.length > 0 || seen.needsReload) steps.push({ do: "reload", unit });
  if (runs) steps.push(...jobsFor(unit, seen, isOld));
  return steps;
}

/** What makes it run, by the text that is there now. */
function jobsFor(
  unit: string,
  seen: Exclude<SeenOwnUnit, { state: "foreign" }>,
  isOld: boolean,
): readonly OwnUnitStep[] {
  return (
    match(seen.state)
      .returnType<readonly OwnUnitStep[]>()
      .with("running", () => (isOld ? [{ do: "restart", unit }] : []))
      .with("starting", () => [{ do: isOld ? "restart" : "start", unit }])
      .with("absent", "stopped", () => [{ do: "start", unit }])
      // Else the supervisor refuses to start what it has started too often.
      .with("failed", "crash-looping", () => [
        { do: "resetFailed", unit },
        { do: "restart", unit },
      ])
      .exhaustive()
  );
}

export function retireOwnUnit({ unit }: OwnUnit, seen: SeenOwnUnit): Plan<OwnUnitStep> {
  // The unit of a package that stood behind the Score's own comes forth again: nothing of the Score's is left.
  if (seen.state === "foreign" && seen.what === PACKAGED) return [];
  if (seen.state === "foreign") return foreignStands(seen);
  const steps: OwnUnitStep[] = [];
  const isThere = seen.sha256 !== null || seen.leftover;
  // What runs without a file was left by an earlier attempt at this: nothing else starts a unit that has none.
  if (seen.state !== "absent" && seen.state !== "stopped" && seen.state !== "failed") steps.push({ do: "stop", unit });
  if (seen.enabled) steps.push({ do: "disable", unit });
  if (isThere) steps.push({ do: "remove", unit });
  if (isThere || seen.enabled || seen.needsReload) steps.push({ do: "reload", unit });
  // A unit that ended badly is kept by the supervisor, without a file, until it is told to forget it.
  if (seen.state !== "absent" && seen.state !== "stopped") steps.push({ do: "resetFailed", unit });
  return steps;
}

export const applyOwnUnit = async (
  step: OwnUnitStep,
  { text, steadyMs }: OwnUnit,
  host: SystemdHost,
  signal: AbortSignal,
): Promise<void> =>
  match(step)
    .with({ do: "write" }, ({ unit }) => host.writeUnitFile(unit, "unit", text, signal))
    .with({ do: "reload" }, ({ unit }) => host.reload(unit, signal))
    .with({ do: "enable" }, ({ unit }) => host.enable(unit, signal))
    .with({ do: "disable" }, ({ unit }) => host.disable(unit, signal))
    .with({ do: "start" }, ({ unit }) => host.start(unit, { steadyMs }, signal))
    .with({ do: "restart" }, ({ unit }) => host.restart(unit, { steadyMs }, signal))
    .with({ do: "stop" }, ({ unit }) => host.stop(unit, signal))
    .with({ do: "resetFailed" }, ({ unit }) => host.resetFailed(unit, signal))
    .with({ do: "remove" }, ({ unit }) => host.removeUnitFile(unit, "unit", signal))
    .exhaustive();

/** As the plan, and what it keeps running is started anew: as if it ran by an older text. */
export const restartOwnUnit = (wanted: OwnUnit, seen: SeenOwnUnit): Plan<OwnUnitStep> =>
  planOwnUnit(wanted, seen.state === "foreign" ? seen : { ...seen, outdated: true });

/** To read all unit files again takes long and serves all units; a job takes as long as the unit does. */
export const unitPauses = ({ do: taken }: { readonly do: string }): Pause =>
  taken === "reload" ? "gather" : taken === "start" || taken === "restart" ? "aside" : null;

/** What a job does to its unit; null of other steps. */
export const unitDisturbance = ({
  do: taken,
  unit,
}: {
  readonly do: string;
  readonly unit: string;
}): Disturbance | null => (taken === "start" || taken === "stop" || taken === "restart" ? { unit, does: taken } : null);

export const hashOf = (text: string): string => bytesToHex(sha256(utf8ToBytes(text)));

const foreignStands = ({ unit, what, at }: Extract<SeenOwnUnit, { state: "foreign" }>): Obstruction => ({
  obstructed: `a ${what} stands at ${at}, where ${unit} should be Harmony's own`,
  blame: "device",
  next: `Give the Score another name, or move ${at} away; a unit that came with a package is the business of a SystemdUnit Score.`,
});

const cannotLimit = (unit: string, lacks: readonly ResourceController[]): Obstruction => ({
  obstructed: `${unit} has limits that the kernel of this device cannot keep: it has no cgroup controller for ${lacks.join(", ")}`,
  blame: "device",
  next: lacks.includes("memory")
    ? 'Add "cgroup_enable=memory" to the kernel command line (/boot/firmware/cmdline.txt on a Raspberry Pi) and reboot, or take the limit out.'
    : "Turn the controller on in the kernel's configuration, or take the limit out.",
});

const crashLoops = ({ unit, restarts, result }: Extract<SeenOwnUnit, { state: "crash-looping" }>): Obstruction => ({
  obstructed: `${unit} ends soon after each start (${result ?? "unknown result"}); systemd has started it again ${restarts} times`,
  blame: "author",
  next: `Read why it ends: journalctl --unit ${unit} --lines 50. A change of the Score, or "systemctl restart ${unit}", starts it anew.`,
});
