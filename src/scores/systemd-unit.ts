import { match } from "ts-pattern";
import * as z from "zod";
import { SystemdHost } from "../capabilities/systemd-host.ts";
import type { Obstruction, Plan } from "./outcome.ts";
import { hashOf, isLooping, unitDisturbance, unitPauses } from "./own-unit.ts";
import { Score } from "./score.ts";
import type { Frozen } from "./spec.ts";
import { Line, UnitName } from "./unit-names.ts";
import { unitText } from "./unit-text.ts";

/** A line is joined with the next one by a backslash at its end. */
const Value = Line.refine((value) => !value.endsWith("\\"), "a value does not end with a backslash");
const Word = z.string().regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, "a section or a directive is a word, such as Service");

const spec = z
  .strictObject({
    /** The full name of a unit that the system or a package brought, such as `"ssh.service"`. */
    unit: UnitName,
    /** Whether it is started at boot. Default: as it is. */
    enabled: z.boolean().optional(),
    /** Whether it runs now. Default: as it is. */
    active: z.boolean().optional(),
    /** Whether nothing at all can start it. Default: as it is. */
    masked: z.boolean().optional(),
    /**
     * Settings that are added to its own, by section and directive, as systemd's manual writes them (`%` and `$` have
     * their meaning there); a list stands for a directive that is given several times. An active unit is restarted when
     * they change. Default: none, and what a Score of this kind set before is taken away.
     */
    settings: z.record(Word, z.record(Word, z.union([Value, z.array(Value).max(64)]))).default({}),
  })
  .refine(
    ({ masked, enabled, active }) => !(masked === true && (enabled === true || active === true)),
    "what is masked can be neither enabled nor active",
  );

const seenState = {
  unit: z.string(),
  active: z.string(),
  sub: z.string(),
  enablement: z.string(),
  result: z.string().nullable(),
  restarts: z.number(),
  since: z.string().nullable(),
  /** Of the drop-in 50-harmony.conf; null where there is none. */
  settingsSha256: z.string().nullable(),
  leftover: z.boolean(),
  needsReload: z.boolean(),
  outdated: z.boolean(),
};

const observed = z.discriminatedUnion("state", [
  z.object({ state: z.literal("absent"), ...seenState }),
  z.object({ state: z.literal("foreign"), unit: z.string(), what: z.string(), at: z.string() }),
  z.object({ state: z.literal("crash-looping"), ...seenState }),
  z.object({ state: z.literal("masked"), ...seenState }),
  z.object({ state: z.literal("present"), ...seenState }),
]);
type Seen = z.infer<typeof observed>;
type SeenUnit = Exclude<Seen, { state: "foreign" }>;

const about = { unit: z.string() };
const step = z.discriminatedUnion("do", [
  z.object({ ...about, do: z.literal("unmask") }),
  z.object({ ...about, do: z.literal("writeSettings"), sha256: z.string(), replaces: z.string().nullable() }),
  z.object({ ...about, do: z.literal("removeSettings") }),
  z.object({ ...about, do: z.literal("reload") }),
  z.object({ ...about, do: z.literal("enable") }),
  z.object({ ...about, do: z.literal("disable") }),
  z.object({ ...about, do: z.literal("resetFailed") }),
  z.object({ ...about, do: z.literal("start") }),
  z.object({ ...about, do: z.literal("restart") }),
  z.object({ ...about, do: z.literal("stop") }),
  z.object({ ...about, do: z.literal("mask") }),
]);
type Step = z.infer<typeof step>;

type Spec = Frozen<z.infer<typeof spec>>;

/** How long what is started has to stay up. */
const STEADY_MS = 1000;

/**
 * A unit that the system or a package brought: whether it is enabled, active and masked, and settings of its own in a
 * drop-in (`NAME.d/50-harmony.conf`). What the spec leaves out is left as it is.
 *
 * When it is retired the settings go, and so does what it enabled, started or masked; what it disabled, stopped or
 * unmasked stays so, since nothing of that is there to be removed.
 */
export class SystemdUnitScore extends Score(
  "SystemdUnit",
  { version: 1, requires: [SystemdHost], spec, observed, step },
  {
    deadlineMs: 120_000,
    identity: ({ unit }) => `unit:${unit}`,
    units: ({ unit }) => [unit],
    // A setting can be another program.
    reach: ({ unit, settings }) => [
      { _tag: "unit", unit },
      ...(Object.keys(settings).length > 0 ? [{ _tag: "program" as const, what: "what its settings say", unit }] : []),
    ],

    async observe({ unit }, { SystemdHost: host }, { signal }) {
      const file = host.unitFile(unit, "drop-in");
      const [state] = await host.units([unit], signal);
      if (state === undefined) throw new Error(`the supervisor told nothing of ${unit}`);
      if (file.type === "foreign") return { state: "foreign", unit, what: file.what, at: file.at };
      const { active, sub, enablement, result, restarts, since, needsReload, outdated } = state;
      const loops = isLooping(state, STEADY_MS);
      return {
        state: isMasked(enablement)
          ? "masked"
          : state.load === "not-found"
            ? "absent"
            : loops
              ? "crash-looping"
              : "present",
        unit,
        active,
        sub,
        enablement,
        result,
        restarts,
        since,
        settingsSha256: file.type === "file" ? (file.sha256 ?? "unread") : null,
        leftover: file.type === "absent" && file.leftover,
        needsReload,
        outdated,
      };
    },

    plan: planUnit,
    // As if it ran by older settings.
    restart: (wanted, seen) => planUnit(wanted, seen.state === "foreign" ? seen : { ...seen, outdated: true }),
    run: (_, seen) =>
      seen.state === "foreign" || !isRunning(seen.active) || seen.active === "deactivating"
        ? null
        : `${seen.active === "activating" ? "activating" : "up"} ${seen.since}`,
    turns: "free",
    pauses: unitPauses,
    disturbs: unitDisturbance,

    retire({ unit }, seen, claims) {
      if (seen.state === "foreign") return foreignStands(seen);
      const steps: Step[] = [];
      const has = seen.settingsSha256 !== null || seen.leftover;
      const unmasks = seen.state === "masked" && claims.has(`masked:${unit}`);
      const stops = isRunning(seen.active) && claims.has(`active:${unit}`);
      if (has) steps.push({ do: "removeSettings", unit });
      if (unmasks) steps.push({ do: "unmask", unit });
      if (seen.enablement === "enabled" && claims.has(`enabled:${unit}`)) steps.push({ do: "disable", unit });
      if (steps.length > 0 || seen.needsReload) steps.push({ do: "reload", unit });
      if (stops) steps.push({ do: "stop", unit });
      else if (isRunning(seen.active) && (has || seen.outdated) && (seen.state !== "masked" || unmasks)) {
        steps.push({ do: "restart", unit });
      }
      return steps;
    },

    claims: (taken) =>
      match(taken)
        .returnType<readonly string[]>()
        .with({ do: "enable" }, ({ unit }) => [`enabled:${unit}`])
        .with({ do: "start" }, ({ unit }) => [`active:${unit}`])
        .with({ do: "mask" }, ({ unit }) => [`masked:${unit}`])
        .otherwise(() => []),

    apply: (taken, { unit, settings }, { SystemdHost: host }, { signal }) =>
      match(taken)
        .with({ do: "unmask" }, () => host.unmask(unit, signal))
        .with({ do: "writeSettings" }, () => host.writeUnitFile(unit, "drop-in", textOf(settings), signal))
        .with({ do: "removeSettings" }, () => host.removeUnitFile(unit, "drop-in", signal))
        .with({ do: "reload" }, () => host.reload(unit, signal))
        .with({ do: "enable" }, () => host.enable(unit, signal))
        .with({ do: "disable" }, () => host.disable(unit, signal))
        .with({ do: "resetFailed" }, () => host.resetFailed(unit, signal))
        .with({ do: "start" }, () => host.start(unit, { steadyMs: STEADY_MS }, signal))
        .with({ do: "restart" }, () => host.restart(unit, { steadyMs: STEADY_MS }, signal))
        .with({ do: "stop" }, () => host.stop(unit, signal))
        .with({ do: "mask" }, () => host.mask(unit, signal))
        .exhaustive(),

    watch: ({ unit }, { SystemdHost: host }, changed) => host.watch(unit, changed),
  },
) {}

function planUnit(wanted: Spec, seen: Seen): Plan<Step> {
  const { unit, masked } = wanted;
  if (seen.state === "foreign") return foreignStands(seen);
  if (seen.state === "absent") return notThere(unit);
  if (seen.state === "masked" && masked !== false && (wanted.enabled === true || wanted.active === true)) {
    return isMaskedAlready(unit);
  }
  const text = textOf(wanted.settings);
  const steps: Step[] = seen.state === "masked" && masked === false ? [{ do: "unmask", unit }] : [];
  const settings = settingsSteps(unit, text, seen);
  const isUnread = settings.length > 0 || seen.needsReload;
  // With newer settings it may run, so it is tried with these first.
  if (seen.state === "crash-looping" && wanted.active === true && !isUnread && !seen.outdated) {
    return crashLoops(seen);
  }
  steps.push(...settings);
  if (wanted.enabled === true && FIXED.has(seen.enablement)) return cannotEnable(unit, seen.enablement);
  if (wanted.enabled === true && seen.enablement !== "enabled") steps.push({ do: "enable", unit });
  // What the mask hides is not known yet.
  if (wanted.enabled === false && (seen.enablement === "enabled" || steps[0]?.do === "unmask")) {
    steps.push({ do: "disable", unit });
  }
  const canStart = seen.state !== "masked" || masked === false;
  const jobs = jobsFor(unit, masked === true ? false : wanted.active, seen, canStart && (isUnread || seen.outdated));
  // How it is stopped is not known any more once it is masked.
  if (masked === true) steps.push(...jobs);
  if (masked === true && seen.state !== "masked") steps.push({ do: "mask", unit });
  // After all that makes what the supervisor has read old, so that once is enough.
  if (seen.needsReload || steps.some(({ do: taken }) => taken !== "stop")) steps.push({ do: "reload", unit });
  if (masked !== true) steps.push(...jobs);
  return steps;
}

/** States of a unit file that has nothing to enable, or is made by a program. */
const FIXED: ReadonlySet<string> = new Set(["static", "generated", "transient", "alias"]);
const isMasked = (enablement: string): boolean => enablement === "masked" || enablement === "masked-runtime";
const isRunning = (active: string): boolean => active !== "inactive" && active !== "failed";

type Settings = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

const textOf = (settings: Settings): string =>
  unitText(
    Object.entries(settings).map(([section, directives]) => [
      section,
      Object.entries(directives).flatMap(([name, value]) => [value].flat().map((each) => [name, each] as const)),
    ]),
  );

function settingsSteps(unit: string, text: string, { settingsSha256: there, leftover }: SeenUnit): readonly Step[] {
  if (text === "") return there === null && !leftover ? [] : [{ do: "removeSettings", unit }];
  const sha256 = hashOf(text);
  return there === sha256 ? [] : [{ do: "writeSettings", unit, sha256, replaces: there }];
}

function jobsFor(unit: string, active: boolean | undefined, seen: SeenUnit, isOld: boolean): readonly Step[] {
  const runs = isRunning(seen.active);
  if (active === false) return runs ? [{ do: "stop", unit }] : [];
  if (seen.active === "failed" && active === true) {
    return [
      { do: "resetFailed", unit },
      { do: "start", unit },
    ];
  }
  if (runs) return isOld ? [{ do: "restart", unit }] : [];
  return active === true ? [{ do: "start", unit }] : [];
}

const foreignStands = ({ unit, what, at }: Extract<Seen, { state: "foreign" }>): Obstruction => ({
  obstructed: `a ${what} stands at ${at}, on the way to the settings of ${unit}`,
  blame: "device",
  next: `Look at what it is for, and move ${at} away.`,
});
const notThere = (unit: string): Obstruction => ({
  obstructed: `there is no unit ${unit} on this device`,
  blame: "author",
  next: 'Install the package that brings it, and name that Score under "after"; or correct the name.',
});
const isMaskedAlready = (unit: string): Obstruction => ({
  obstructed: `${unit} is masked: nothing can start or enable it`,
  blame: "device",
  next: 'Find out why it was masked; "masked: false" in the Score takes the mask away.',
});
const cannotEnable = (unit: string, enablement: string): Obstruction => ({
  obstructed: `${unit} cannot be enabled: its unit file is "${enablement}" and has no [Install] section of its own`,
  blame: "author",
  next: 'Take "enabled" out; other units start it when they need it.',
});
const crashLoops = ({ unit, restarts, result }: SeenUnit): Obstruction => ({
  obstructed: `${unit} ends soon after each start (${result ?? "unknown result"}); systemd has started it again ${restarts} times`,
  blame: "device",
  next: `Read why it ends: journalctl --unit ${unit} --lines 50.`,
});
