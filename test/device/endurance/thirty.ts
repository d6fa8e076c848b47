import type { Random } from "../../../simulator/random.ts";
import {
  DirectoryScore,
  FileScore,
  FirewallPortsScore,
  manifest,
  PiWithAuditedShellTopology,
  ShellJobScore,
  SystemdServiceScore,
  SystemdTimerScore,
  SystemdUnitScore,
} from "../../../src/index.ts";
import type { Manifest } from "../../../src/topology/manifest.ts";

type Kind = "directory" | "file" | "conf" | "service" | "oneshot" | "asked" | "timer" | "job" | "settings" | "ports";

/** Something that may be among the thirty. */
interface Thing {
  readonly id: string;
  readonly kind: Kind;
}

const named = (kind: Kind, prefix: string, count: number): readonly Thing[] =>
  Array.from({ length: count }, (_, nth) => ({ id: `${prefix}${nth}`, kind }));

/** Always among them: others rest on them. */
const FIXED: readonly Thing[] = [
  ...named("directory", "d", 2),
  ...named("conf", "c", 2),
  ...named("settings", "theirs", 1),
  ...named("job", "j", 2),
  ...named("ports", "p", 1),
  // One at least, since with the last one systemd removes the folder that is watched.
  ...named("timer", "k", 1),
  // What the timers start.
  ...named("asked", "w", 1),
];
/** Of these, as many as make thirty of it. */
const LOOSE: readonly Thing[] = [
  ...named("file", "f", 12),
  ...named("service", "s", 5),
  ...named("oneshot", "o", 4),
  ...named("asked", "v", 2),
  ...named("timer", "t", 3),
];
const COUNT = 30;

/** By id: which variant of it is wanted, a number that nothing else ever had. */
export type Variants = ReadonlyMap<string, number>;

/** Another thirty: some others of the loose ones, and about every third in another variant. */
export function another(before: Variants, generation: number, random: Random): Variants {
  const out = new Set<string>();
  const gone = LOOSE.filter(({ id }) => before.size > 0 && !before.has(id));
  // Two of those that were left out come back for two others.
  const back = gone.toSorted(() => random.next() - 0.5).slice(0, 2);
  for (const { id } of gone) if (!back.some((each) => each.id === id)) out.add(id);
  while (FIXED.length + LOOSE.length - out.size > COUNT) {
    const thing = random.pick(LOOSE);
    if (thing !== undefined && !back.includes(thing)) out.add(thing.id);
  }
  const after = new Map<string, number>();
  for (const { id } of [...FIXED, ...LOOSE]) {
    if (out.has(id)) continue;
    const had = before.get(id);
    after.set(id, had === undefined || random.chance(0.35) ? generation : had);
  }
  return after;
}

const FOLDER = "/srv/endure";
/** Files of two thirds of them are in the directories d0 and d1. */
const folderOf = (id: string): string => {
  const nth = Number(id.slice(1)) % 3;
  return nth === 2 ? FOLDER : `${FOLDER}/d${nth}`;
};
const pathOf = (id: string): string => (id.startsWith("f") ? `${folderOf(id)}/${id}` : `${FOLDER}/${id}`);
const textOf = (id: string, variant: number): string => `${id} ${variant}\n${"x".repeat((variant * 617) % 3000)}\n`;

/** Tells of each start by a line. */
const telling = (id: string, then: string): readonly string[] => [
  "/usr/bin/sh",
  "-c",
  `echo started >>/srv/starts/${id}; ${then}`,
];

/** Where watching tells all that happens to a file; `theirs` is there from the first manifest on. */
export const WATCHED = [
  FOLDER,
  `${FOLDER}/d0`,
  `${FOLDER}/d1`,
  "/srv/jobs",
  "/etc/systemd/system",
  "/etc/systemd/system/multi-user.target.wants",
  "/etc/systemd/system/timers.target.wants",
  "/etc/systemd/system/theirs0.service.d",
];

/** Which unit is somebody else's, and how it is there before. */
export const THEIRS = {
  path: "/usr/lib/systemd/system/theirs0.service",
  text: `[Service]\nExecStart=/usr/bin/sh -c 'echo started >>/srv/starts/theirs0; exec sleep infinity'\n`,
};

export function manifestOf(variants: Variants): Manifest {
  const wanted: Record<string, InstanceType<(typeof KINDS)[number]>> = {};
  const after: Record<string, string[]> = {};
  const restartOn: Record<string, string[]> = {};
  for (const { id, kind } of [...FIXED, ...LOOSE]) {
    const variant = variants.get(id);
    if (variant === undefined) continue;
    wanted[id] = scoreOf(id, kind, variant);
    const folder = kind === "file" ? /\/(d\d)$/.exec(folderOf(id))?.[1] : undefined;
    if (folder !== undefined) after[id] = [folder];
    const conf = confOf(id);
    if (conf !== undefined) [after[id], restartOn[id]] = [[conf], [conf]];
  }
  return manifest(PiWithAuditedShellTopology, wanted, { after, restartOn });
}

/** The configuration on whose change the service is restarted. */
const confOf = (id: string): string | undefined => ({ s0: "c0", s1: "c1", o0: "c1" })[id];

const KINDS = [
  DirectoryScore,
  FileScore,
  FirewallPortsScore,
  ShellJobScore,
  SystemdServiceScore,
  SystemdTimerScore,
  SystemdUnitScore,
] as const;

function scoreOf(id: string, kind: Kind, variant: number): InstanceType<(typeof KINDS)[number]> {
  switch (kind) {
    case "directory":
      return new DirectoryScore({ path: `${FOLDER}/${id}`, mode: modeOf(variant), parents: true });
    case "file":
    case "conf":
      return new FileScore({ path: pathOf(id), content: textOf(id, variant), parents: true });
    case "service":
      return new SystemdServiceScore({
        name: id,
        description: `variant ${variant}`,
        exec: [...telling(id, "exec sleep infinity")],
        readyAfterSeconds: 0.2,
      });
    case "oneshot":
      return new SystemdServiceScore({
        name: id,
        description: `variant ${variant}`,
        type: "oneshot",
        exec: [...telling(id, "sleep 0.1")],
        readyAfterSeconds: 0,
      });
    case "asked":
      return new SystemdServiceScore({
        name: id,
        description: `variant ${variant}`,
        run: "when-asked",
        exec: [...telling(id, ":")],
      });
    case "timer":
      return new SystemdTimerScore({ name: id, onActiveSeconds: 1_000_000 + variant, unit: "w0.service" });
    case "job":
      return new ShellJobScore({
        name: id,
        check: { script: `test "$(cat /srv/jobs/${id} 2>&1)" = ${variant}` },
        // Its one effect is a rename.
        run: {
          script: `echo begun >>/srv/starts/${id}; echo ${variant} >/srv/${id}.new; sleep 0.1; mv /srv/${id}.new /srv/jobs/${id}`,
        },
        runAs: "root",
        approver: "Ada",
        expires: new Date("2099-01-01T00:00:00.000Z"),
      });
    case "settings":
      return new SystemdUnitScore({
        unit: `${id}.service`,
        active: true,
        settings: { Unit: { Description: `variant ${variant}` } },
      });
    case "ports":
      return new FirewallPortsScore({ name: id, ports: [{ port: 1024 + variant }] });
  }
}

const modeOf = (variant: number): string => (variant % 2 === 0 ? "0755" : "0750");

/**
 * What has to happen when one thirty follows another, each of it exactly once:
 *
 * - `PATH`: a name in a watched folder comes to mean another file or none, or its mode changes
 * - `start ID`: a program is started, by its own word; a timer, by systemd's
 * - `filter`: a transaction of the packet filter
 */
export function effectsOf(before: Variants, after: Variants): ReadonlyMap<string, number> {
  const effects = new Map<string, number>();
  const once = (effect: string): void => void effects.set(effect, 1);
  for (const { id, kind } of [...FIXED, ...LOOSE]) {
    const [had, has] = [before.get(id), after.get(id)];
    if (had === has) continue;
    const isNew = had === undefined;
    const isGone = has === undefined;
    switch (kind) {
      case "directory":
        if (isNew || isGone || modeOf(had) !== modeOf(has)) once(`${FOLDER}/${id}`);
        break;
      case "file":
      case "conf":
        once(pathOf(id));
        break;
      case "job":
        once(`/srv/jobs/${id}`);
        break;
      case "ports":
        once("filter");
        break;
      case "settings":
        once(`/etc/systemd/system/${id}.service.d/50-harmony.conf`);
        once(`start ${id}`);
        break;
      case "service":
      case "oneshot":
      case "asked":
      case "timer": {
        const unit = `${id}.${kind === "timer" ? "timer" : "service"}`;
        const target = kind === "timer" ? "timers" : "multi-user";
        once(`/etc/systemd/system/${unit}`);
        if (kind !== "asked" && isNew !== isGone) once(`/etc/systemd/system/${target}.target.wants/${unit}`);
        if (kind !== "asked" && !isGone) once(`start ${id}`);
      }
    }
  }
  for (const { id } of LOOSE) {
    const conf = confOf(id);
    if (conf === undefined || !before.has(id) || !after.has(id)) continue;
    if (before.get(conf) !== after.get(conf)) once(`start ${id}`);
  }
  return effects;
}

/** How the files are to be read, by path, once it has converged. */
export function filesOf(variants: Variants): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const { id, kind } of [...FIXED, ...LOOSE]) {
    const variant = variants.get(id);
    if (variant === undefined) continue;
    if (kind === "file" || kind === "conf") files.set(pathOf(id), textOf(id, variant));
    if (kind === "job") files.set(`/srv/jobs/${id}`, `${variant}\n`);
  }
  return files;
}

/** Which units have to be active; all others of the pool are not. */
export const activeOf = (variants: Variants): readonly string[] =>
  [...FIXED, ...LOOSE].flatMap(({ id, kind }) => {
    if (!variants.has(id)) return [];
    if (kind === "service" || kind === "oneshot" || kind === "settings") return [`${id}.service`];
    return kind === "timer" ? [`${id}.timer`] : [];
  });

/** All units that there may be. */
export const UNITS: readonly string[] = [...FIXED, ...LOOSE].flatMap(({ id, kind }) => {
  if (kind === "service" || kind === "oneshot" || kind === "settings") return [`${id}.service`];
  return kind === "timer" ? [`${id}.timer`] : [];
});
