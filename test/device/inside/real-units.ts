import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DbusSystemdHost } from "../../../src/agent/adapters/dbus-systemd-host.ts";
import { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";
import type { FakeUnit, FakeUnitFact } from "../../../src/testing/fake-systemd-host.ts";
import type { Place } from "../../../src/testing/world.ts";
import type { UnitChange, Units } from "../../../src/testing/own-unit-world.ts";

/** Runs on a machine of its own alone: what it does to units and programs is for a machine that is thrown away. */

const ETC = "/etc/systemd/system";
const VENDOR = "/usr/lib/systemd/system";
const PROGRAM = "#!/bin/sh\n[ -e /run/crash ] && exit 1\nexec sleep infinity\n";

export const systemctl = (...words: string[]): string => {
  try {
    return execFileSync("systemctl", words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch (error) {
    return error instanceof Error && "stdout" in error ? String(error.stdout) : "";
  }
};

/** The programs and the user that the worlds' specs name. */
export function install(): void {
  for (const program of ["/usr/bin/web", "/opt/gw", "/usr/local/bin/backup", "/bin/other", "/bin/theirs"]) {
    // A oneshot has to end, or its start never does.
    writeFileSync(program, program.endsWith("backup") ? "#!/bin/sh\n" : PROGRAM);
    chmodSync(program, 0o755);
  }
  mkdirSync("/srv/back up", { recursive: true });
  try {
    execFileSync("useradd", ["--system", "sensor"], { stdio: "ignore" });
  } catch {
    // It is there already.
  }
}

/** What has just been started counts as running so long after it, as the device's specs have it. */
const STEADY_MS = 60;

/** What the timers of their world start. */
const TRIGGERED = ["/run/systemd/system/poller.service", "/run/systemd/system/backup.service"];

const linksOf = (name: string): string[] =>
  readdirSync(ETC)
    .filter((each) => each.endsWith(".wants"))
    .map((each) => `${ETC}/${each}/${name}`)
    .filter((link) => readdirSync(link.slice(0, link.lastIndexOf("/"))).includes(name));

const isLink = (name: string): boolean =>
  readdirSync(ETC, { withFileTypes: true }).some((each) => each.name === name && each.isSymbolicLink());

const isInTheWay = (name: string): boolean =>
  readdirSync(ETC, { withFileTypes: true }).some((each) => each.name === name && !each.isFile());

const leftover = (name: string): string => `${ETC}/.${name}.harmony-new`;

/** Makes a unit so, as an administrator would; what is not said stays. */
export function put(name: string, unit: FakeUnit): void {
  if (unit.obstacle === "directory") {
    rmSync(`${ETC}/${name}`, { force: true });
    mkdirSync(`${ETC}/${name}`, { recursive: true });
  }
  const run = name.endsWith(".timer")
    ? "[Timer]\nOnBootSec=1h\nUnit=poller.service\n"
    : "[Service]\nExecStart=/bin/other\n";
  if (unit.vendor === "installable") {
    writeFileSync(`${VENDOR}/${name}`, `${run}[Install]\nWantedBy=multi-user.target\n`);
  }
  if (unit.vendor === "static") writeFileSync(`${VENDOR}/${name}`, run);
  if (unit.dropIn === null) rmSync(`${ETC}/${name}.d`, { recursive: true, force: true });
  else if (unit.dropIn !== undefined) {
    mkdirSync(`${ETC}/${name}.d`, { recursive: true });
    writeFileSync(`${ETC}/${name}.d/50-harmony.conf`, unit.dropIn);
  }
  // What stands in the way stays, and no file can be where it is; a mask is a link, and is not written through.
  if (!isInTheWay(name) && unit.file !== undefined) {
    rmSync(`${ETC}/${name}`, { force: true });
    if (unit.file !== null) writeFileSync(`${ETC}/${name}`, unit.file);
  }
  if (unit.leftover === true && unit.vendor === undefined && !existsSync(`${VENDOR}/${name}`)) {
    writeFileSync(leftover(name), "half");
  }
  if (unit.masked === false && isLink(name)) systemctl("unmask", name);
  if (unit.masked === true && !isInTheWay(name)) {
    rmSync(`${ETC}/${name}`, { force: true });
    systemctl("mask", name);
  }
  if (unit.enabled === true) systemctl("enable", name);
  if (unit.enabled === false) for (const link of linksOf(name)) rmSync(link);
  if (unit.active === "active") systemctl("start", name);
  if (unit.active === "inactive") systemctl("stop", name);
  if (unit.active === "failed") {
    systemctl("start", name);
    systemctl("kill", "--signal=KILL", name);
  }
}

/** By unit, what systemd says of its activity: one process for all of them. */
function activityOf(names: readonly string[]): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const shown = systemctl("show", ...names, "-p", "ActiveState,SubState").split("\n\n");
  const parsed = shown.map(
    (block) => new Map(block.split("\n").map((line) => [line.split("=")[0] ?? "", line.split("=")[1] ?? ""])),
  );
  return new Map(names.map((name, at) => [name, parsed[at] ?? new Map()]));
}

function factsOf(name: string, activity: ReadonlyMap<string, string> | undefined): Record<string, FakeUnitFact> {
  const facts: Record<string, FakeUnitFact> = {};
  const path = `${ETC}/${name}`;
  const isDirectory =
    existsSync(path) &&
    readdirSync(ETC, { withFileTypes: true }).some((each) => each.name === name && each.isDirectory());
  if (existsSync(`${VENDOR}/${name}`)) {
    facts[`vendor:${name}`] = readFileSync(`${VENDOR}/${name}`, "utf8").includes("[Install]")
      ? "installable"
      : "static";
  }
  if (isDirectory) facts[`obstacle:${name}`] = "directory";
  else if (isLink(name)) facts[`masked:${name}`] = true;
  else if (existsSync(path)) facts[`file:${name}`] = readFileSync(path, "utf8");
  if (existsSync(`${path}.d/50-harmony.conf`)) {
    facts[`drop-in:${name}`] = readFileSync(`${path}.d/50-harmony.conf`, "utf8");
  }
  if (existsSync(leftover(name))) facts[`leftover:${name}`] = true;
  if (linksOf(name).length > 0) facts[`enabled:${name}`] = true;
  const active = activity?.get("ActiveState") ?? "inactive";
  if (active === "failed") facts[`failed:${name}`] = true;
  else if (active !== "inactive") {
    facts[`active:${name}`] = activity?.get("SubState") === "auto-restart" ? "looping" : "active";
  }
  return facts;
}

/** Takes away whatever there is of these units. */
export function clear(names: readonly string[]): void {
  systemctl("stop", ...names);
  for (const name of names) {
    for (const link of linksOf(name)) rmSync(link);
    const places = [`${ETC}/${name}`, `${ETC}/${name}.d`, `${VENDOR}/${name}`];
    for (const path of [...places, leftover(name), `/run/harmony-edge/units/${name}`]) {
      rmSync(path, { recursive: true, force: true });
    }
  }
  systemctl("daemon-reload");
  // One that is not known keeps the others from being forgotten.
  const failed = systemctl("list-units", "--state=failed", "--plain", "--no-legend").split("\n");
  for (const name of names) if (failed.some((line) => line.startsWith(`${name} `))) systemctl("reset-failed", name);
}

/** Units of this machine; `close` takes away all of them. */
export async function openRealUnits(units: Units, others: readonly string[]): Promise<Place<UnitChange, FakeUnitFact>> {
  const files = new NodeFileSystem();
  const host = new DbusSystemdHost({ files });
  const names = [...new Set([...Object.keys(units), ...others, "theirs.service", "new.service"])].toSorted();
  const isTimers = Object.keys(units)
    .concat(others)
    .some((name) => name.endsWith(".timer"));
  for (const service of isTimers ? TRIGGERED : []) writeFileSync(service, "[Service]\nExecStart=/bin/true\n");
  for (const [name, unit] of Object.entries(units)) put(name, { ...unit, active: undefined, enabled: undefined });
  systemctl("daemon-reload");
  for (const [name, { active, enabled }] of Object.entries(units)) put(name, { active, enabled });
  await sleep(STEADY_MS);
  return {
    ports: { SystemdHost: host },
    snapshot() {
      const activity = activityOf(names);
      return Object.fromEntries(names.flatMap((name) => Object.entries(factsOf(name, activity.get(name)))));
    },
    async change({ unit, to }) {
      put(unit, { ...to, active: undefined, enabled: undefined });
      systemctl("daemon-reload");
      put(unit, { active: to.active, enabled: to.enabled });
      await sleep(STEADY_MS);
    },
    close() {
      host.close();
      files.close();
      for (const service of TRIGGERED) rmSync(service, { force: true });
      clear(names);
    },
  };
}
