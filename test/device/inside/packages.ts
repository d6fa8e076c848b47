import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { AptPackageManager } from "../../../src/agent/adapters/apt-package-manager.ts";
import type { FakePackage } from "../../../src/testing/fake-package-manager.ts";
import {
  factsOfPackages,
  type PackageChangeByOthers,
  type Packages,
  packageWorld,
} from "../../../src/testing/package-world.ts";
import type { Place } from "../../../src/testing/world.ts";
import { keep, often } from "./keep.ts";

/** Runs on a machine of its own alone: what it does to packages is for a machine that is thrown away. */

const OWN = ["edge-beacon", "edge-greeter", "other"];

const run = (program: string, ...words: string[]): string =>
  execFileSync(program, words, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
  });

/** A package that no source has. */
function build(name: string): void {
  mkdirSync(`/tmp/${name}/DEBIAN`, { recursive: true });
  writeFileSync(
    `/tmp/${name}/DEBIAN/control`,
    `Package: ${name}\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: Nothing\n`,
  );
  run("dpkg-deb", "-b", `/tmp/${name}`, `/opt/repo/${name}_1_all.deb`);
}

function put(name: string, to: FakePackage | null): void {
  // What the world puts around is on the machine already.
  if (!OWN.includes(name)) return;
  run("dpkg", "--purge", "--force-all", name);
  if (to === null) return;
  const deb = `/opt/repo/${name}_${to.version}_all.deb`;
  run("dpkg", "--force-all", to.status === "broken" ? "--unpack" : "--install", deb);
  run("apt-mark", "manual", name);
  if (to.held === true) run("apt-mark", "hold", name);
  if (to.status === "configuration") run("dpkg", "--remove", "--force-all", name);
}

function packages(): Packages {
  const found: Record<string, FakePackage> = {};
  const format = "${Package} ${db:Status-Want} ${db:Status-Status} ${Version}\n";
  for (const line of run("dpkg-query", "-W", "-f", format).split("\n")) {
    const [name = "", want, status, version = ""] = line.split(" ");
    if (![...OWN, "dpkg"].includes(name) || status === "not-installed") continue;
    found[name] = {
      status: status === "installed" ? "installed" : status === "config-files" ? "configuration" : "broken",
      version,
      ...(want === "hold" ? { held: true } : {}),
    };
  }
  return found;
}

/** Whether it came for another's sake that is there. */
const isNeeded = (name: string): boolean =>
  name === "edge-greeter" &&
  packages()["edge-beacon"]?.status !== undefined &&
  run("apt-mark", "showauto").split("\n").includes(name);

function open(there: Packages): Place<PackageChangeByOthers, string> {
  for (const name of OWN) put(name, null);
  for (const [name, to] of Object.entries(there)) put(name, to);
  const manager = new AptPackageManager();
  return {
    ports: { PackageManager: manager },
    snapshot: () => factsOfPackages(packages(), isNeeded),
    change: ({ name, to }) => put(name, to),
    close() {
      manager.close();
      for (const name of OWN) put(name, null);
    },
  };
}

/** Nothing of edge-beacon is in /etc, so that nothing is left of it when it is removed. */
const possible = (name: string, to: FakePackage | null): FakePackage | null =>
  name === "edge-beacon" && to?.status === "configuration" ? null : to;

build("other");
const world: typeof packageWorld = {
  ...packageWorld,
  devices: (spec) =>
    packageWorld.devices(spec).map((there) =>
      Object.fromEntries(
        Object.entries(there).flatMap(([name, to]) => {
          const real = possible(name, to);
          return real === null ? [] : [[name, real]];
        }),
      ),
    ),
  changes: (spec) => packageWorld.changes(spec).map(({ name, to }) => ({ name, to: possible(name, to) })),
  open,
};
const [, , runs = "1"] = process.argv;
await keep(world, { runs: often(Number(runs)), faults: 2 });
