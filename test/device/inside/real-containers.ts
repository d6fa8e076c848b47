import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { DbusSystemdHost } from "../../../src/agent/adapters/dbus-systemd-host.ts";
import { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";
import { PodmanOffering } from "../../../src/agent/adapters/podman-offering.ts";
import { type ContainerSite, GATEWAY_PORT } from "../../../src/testing/container-site.ts";
import type { ContainerChange, ContainerDevice, ContainerFact } from "../../../src/testing/container-world.ts";
import type { FakeContainer } from "../../../src/testing/fake-container-runtime.ts";
import type { FakeImage } from "../../../src/testing/fake-images.ts";
import type { Place } from "../../../src/testing/world.ts";
import { systemctl } from "./real-units.ts";

/** Runs on a machine of its own alone: what it does to containers and images is for a machine that is thrown away. */

const FOLDER = "/etc/containers/systemd";
const REGISTRY = "127.0.0.1:5000";
const MARK = "localhost/harmony-edge/";
const OWN = ["web", "gateway"];
const NAMES = [...OWN, "new", "theirs"];
/** Each container sees this folder. While it holds `crash`, what is started ends at once. */
const SWITCHES = "/run/switches";
const PROGRAM = `[ -e /switches/crash ] && exit 1; trap 'exit 0' TERM; httpd -p ${GATEWAY_PORT}; sleep 1000000 & wait`;
/** An hour, so that what has ended stays so, and is not started again in the middle of a look. */
const RESTART_SECONDS = 3600;
const LOST_MS = 5000;

const podman = (...words: string[]): string =>
  execFileSync("podman", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();

/** What podman says at its socket, of which the next call of a test is answered sooner than by its command. */
const ask = <T>(path: string, shape: z.ZodType<T>): Promise<T | null> =>
  new Promise((resolve, reject) => {
    const options = { socketPath: "/run/podman/podman.sock", path: `/v4.4.0/libpod${path}`, agent: false };
    const request = http.get(options, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve(response.statusCode === 200 ? shape.parse(JSON.parse(text)) : null));
      response.on("error", reject);
    });
    request.on("error", reject);
  });

const Images = z.array(
  z.object({
    Id: z.string(),
    Digest: z.string(),
    RepoTags: z
      .array(z.string())
      .nullish()
      .transform((tags) => tags ?? []),
  }),
);
const Containers = z.array(
  z.object({ Names: z.array(z.string()), Labels: z.record(z.string(), z.string()).nullish() }),
);
const Reached = z.object({
  NetworkSettings: z.object({ Networks: z.record(z.string(), z.object({ IPAddress: z.string() })).nullish() }),
});

/** The registry, the images and the secret that the world's specs name, and the container of somebody else. */
export async function install(): Promise<ContainerSite> {
  mkdirSync(SWITCHES, { recursive: true });
  writeFileSync(
    "/etc/containers/containers.conf.d/60-switches.conf",
    `[containers]\nvolumes = ["${SWITCHES}:/switches:ro"]\n`,
  );
  systemctl("start", "docker-registry.service", "podman.socket");
  await until(() =>
    fetch(`http://${REGISTRY}/v2/`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  const entrypoint = `ENTRYPOINT ${JSON.stringify(["/bin/sh", "-c", PROGRAM])}`;
  const [first, second, theirs] = ["app:1", "app:2", "theirs:1"].map((image) => {
    const changes = ["--change", `ENV IMAGE=${image}`, "--change", entrypoint];
    podman("import", "--quiet", ...changes, "/opt/busybox.tar", `${REGISTRY}/${image}`);
    podman("push", "--quiet", "--digestfile", "/run/digest", `${REGISTRY}/${image}`);
    return readFileSync("/run/digest", "utf8").trim();
  });
  if (first === undefined || second === undefined || theirs === undefined) throw new Error("an image has no digest");
  podman("rmi", "--all", "--force");
  writeFileSync("/run/token", "hush");
  podman("secret", "create", "token", "/run/token");
  podman("pull", "--quiet", `${REGISTRY}/theirs@${theirs}`);
  return {
    repository: `${REGISTRY}/app`,
    digests: [first, second, theirs],
    theirs: `${REGISTRY}/theirs`,
    // Its digest is told by podman alone: test/device/containers.test.ts.
    archive: null,
    limits: false,
    restartSeconds: RESTART_SECONDS,
    readyAfterSeconds: 0,
  };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + LOST_MS;
  while (!(await holds())) {
    if (performance.now() > endsAt) throw new Error(`it did not come about: ${String(holds)}`);
    await sleep(20);
  }
}

/** The generator writes some arguments in another order each time. */
const wordsOf = (text: string | undefined): string | undefined => text?.split(/\s+/).toSorted().join(" ");

const fileOf = (name: string): string => `${FOLDER}/${name}.container`;
const leftoverOf = (name: string): string => `${FOLDER}/.${name}.container.harmony-new`;
const foreignService = (name: string): string => `/etc/systemd/system/${name}.service`;
const hasFile = (name: string): boolean => lstatSync(fileOf(name), { throwIfNoEntry: false })?.isFile() === true;
const isObstacle = (name: string): boolean =>
  lstatSync(fileOf(name), { throwIfNoEntry: false })?.isDirectory() === true;

interface Activity {
  readonly active: string;
  readonly sub: string;
}

function activities(names: readonly string[]): ReadonlyMap<string, Activity> {
  const services = names.map((name) => `${name}.service`);
  const shown = systemctl("show", ...services, "-p", "ActiveState,SubState").split("\n\n");
  const word = (block: string, key: string): string => new RegExp(`^${key}=(.*)$`, "m").exec(block)?.[1] ?? "";
  return new Map(
    names.map((name, at) => [
      name,
      { active: word(shown[at] ?? "", "ActiveState"), sub: word(shown[at] ?? "", "SubState") },
    ]),
  );
}
const activityOf = (name: string): Activity => activities([name]).get(name) ?? { active: "inactive", sub: "dead" };

const isSettled = ({ active, sub }: Activity): boolean =>
  sub === "auto-restart" || !["activating", "deactivating"].includes(active);

const isOf = (name: string, names: readonly string[]): boolean =>
  names.includes(name) || names.includes(`systemd-${name}`);

/** A service is told active for a moment after its container was taken away with its image. */
async function areSettled(): Promise<boolean> {
  const containers = await ask("/containers/json?all=true", Containers);
  return [...activities(OWN)].every(
    ([name, activity]) =>
      isSettled(activity) &&
      (activity.active !== "active" || containers?.some(({ Names }) => isOf(name, Names)) === true),
  );
}

async function answers(name: string): Promise<boolean> {
  const seen = await ask(`/containers/${name}/json`, Reached);
  const [address] = Object.values(seen?.NetworkSettings.Networks ?? {}).map(({ IPAddress }) => IPAddress);
  if (address === undefined || address === "") return false;
  return new Promise((resolve) => {
    const socket = net.connect({ host: address, port: GATEWAY_PORT });
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** The services that the generator would make of the files as they are now, by name. */
function generated(): ReadonlyMap<string, string> {
  const env = { ...process.env, QUADLET_UNIT_DIRS: FOLDER };
  const told = execFileSync("/usr/libexec/podman/quadlet", ["-dryrun", "-no-kmsg-log"], {
    encoding: "utf8",
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const blocks = told.split(/^---(.+)\.service---$/m).slice(1);
  return new Map(blocks.flatMap((name, at) => (at % 2 === 0 ? [[name, (blocks[at + 1] ?? "").trim()]] : [])));
}
/** What systemd has read. */
function loaded(name: string): string | undefined {
  const path = `/run/systemd/generator/${name}.service`;
  return existsSync(path)
    ? readFileSync(path, "utf8")
        .replace(/^(#.*\n)+/, "")
        .trim()
    : undefined;
}

async function snapshot(): Promise<Record<string, ContainerFact>> {
  const [images, containers] = await Promise.all([
    ask("/images/json", Images),
    ask("/containers/json?all=true", Containers),
  ]);
  const facts: Record<string, ContainerFact> = {};
  for (const { Digest, RepoTags } of images ?? []) {
    const isMark = (name: string): boolean => name.startsWith(MARK);
    facts[`image:${Digest}`] = RepoTags.filter((name) => !isMark(name))
      .toSorted()
      .join(" ");
    for (const mark of RepoTags.filter(isMark)) facts[`kept:${Digest}:${mark.slice(mark.lastIndexOf(":") + 1)}`] = true;
  }
  const wouldBe = generated();
  const states = activities(NAMES);
  for (const name of NAMES) {
    const { active, sub } = states.get(name) ?? { active: "inactive", sub: "dead" };
    const here = containers?.find(({ Names }) => isOf(name, Names));
    const label = here?.Labels?.["io.harmony-edge.spec"];
    if (hasFile(name)) facts[`file:${name}`] = readFileSync(fileOf(name), "utf8");
    if (isObstacle(name)) facts[`obstacle:${name}`] = "directory";
    if (existsSync(leftoverOf(name))) facts[`leftover:${name}`] = true;
    if (existsSync(foreignService(name))) facts[`theirs:${name}`] = "service";
    else if (name !== "theirs" && here?.Names.includes(name) === true && label === undefined) {
      facts[`theirs:${name}`] = "container";
    }
    if (active === "failed") facts[`failed:${name}`] = true;
    else if (sub === "auto-restart") facts[`active:${name}`] = "looping";
    else if (active !== "inactive") {
      const isWell = name !== "gateway" || (await answers(name));
      facts[`active:${name}`] = isWell ? "active" : "unhealthy";
    }
    // Between two starts there is no container: the next one is by what systemd has read.
    const next = sub === "auto-restart" ? /^Label=io\.harmony-edge\.spec=(.*)$/m.exec(loaded(name) ?? "")?.[1] : null;
    if (here !== undefined) facts[`runs:${name}`] = label ?? "";
    else if (next !== null) facts[`runs:${name}`] = next ?? "";
    if (wordsOf(wouldBe.get(name)) !== wordsOf(loaded(name))) facts[`unread:${name}`] = true;
  }
  return Object.fromEntries(Object.entries(facts).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Changes what there is of it on the disk; what is not said stays. */
function write(name: string, { file, obstacle, leftover, theirs }: FakeContainer): void {
  if (file !== undefined && !isObstacle(name)) {
    rmSync(fileOf(name), { force: true });
    if (file !== null) writeFileSync(fileOf(name), file);
  }
  if (obstacle === "directory") mkdirSync(fileOf(name), { recursive: true });
  if (leftover === true) writeFileSync(leftoverOf(name), "half");
  if (theirs === "service") {
    writeFileSync(foreignService(name), "[Service]\nExecStart=/bin/sleep infinity\n");
    systemctl("daemon-reload");
  }
}

/** Makes it run or not, as an administrator, a fault of the program or of the machine would. */
async function act(name: string, active: FakeContainer["active"]): Promise<void> {
  const service = `${name}.service`;
  if (active === undefined) return;
  if (active === "inactive") return void systemctl("stop", service);
  if (active === "looping") {
    writeFileSync(`${SWITCHES}/crash`, "");
    systemctl("restart", "--no-block", service);
    await until(() => {
      const { active: is, sub } = activityOf(name);
      return sub === "auto-restart" || is === "failed" || is === "inactive";
    });
    return rmSync(`${SWITCHES}/crash`);
  }
  const once = `/run/systemd/system/${service}.d`;
  if (active === "failed") {
    mkdirSync(once, { recursive: true });
    writeFileSync(`${once}/once.conf`, "[Service]\nRestart=no\n");
    systemctl("daemon-reload");
  }
  systemctl("reset-failed", service);
  systemctl(activityOf(name).sub === "auto-restart" ? "restart" : "start", service);
  const isUp = activityOf(name).active === "active";
  if (isUp && name === "gateway") await until(() => answers(name));
  if (active === "failed") {
    if (isUp) systemctl("kill", "--signal=KILL", service);
    await until(() => activityOf(name).active !== "active" && activityOf(name).active !== "deactivating");
    rmSync(once, { recursive: true });
    systemctl("daemon-reload");
  }
  if (active === "unhealthy" && isUp && name === "gateway") {
    podman("exec", name, "killall", "httpd");
    // For what was told last is believed for the interval of the probe.
    await sleep(1100);
  }
}

function putImage(repository: string, digest: string, { names, keptFor = [] }: FakeImage): void {
  const full = `${repository}@${digest}`;
  podman("pull", "--quiet", full);
  const marks = keptFor.map((container) => `${MARK}${digest.slice("sha256:".length)}:${container}`);
  const more = [...names.filter((name) => name !== full), ...marks];
  if (more.length > 0) podman("tag", full, ...more);
}

async function takeImage(digest: string): Promise<void> {
  const image = (await ask("/images/json", Images))?.find((each) => each.Digest === digest);
  if (image !== undefined) podman("rmi", "--force", image.Id);
}

/** All but what is somebody else's. */
async function clear({ digests: [first, second] }: ContainerSite): Promise<void> {
  const services = [...OWN, "new"].map((name) => `${name}.service`);
  systemctl("stop", ...services);
  for (const name of [...OWN, "new"]) {
    for (const path of [fileOf(name), leftoverOf(name), foreignService(name)]) {
      rmSync(path, { recursive: true, force: true });
    }
  }
  const all = await ask("/containers/json?all=true", Containers);
  const left = (all ?? []).flatMap(({ Names }) => Names).filter((name) => name !== "theirs");
  if (left.length > 0) podman("rm", "--force", "--time", "0", ...left);
  await takeImage(first);
  await takeImage(second);
  podman("volume", "rm", "--force", "data");
  systemctl("daemon-reload");
  for (const service of services) systemctl("reset-failed", service);
}

/** Containers of this machine; `close` takes away all of them but somebody else's. */
export async function openRealContainers(
  site: ContainerSite,
  { images, containers }: ContainerDevice,
): Promise<Place<ContainerChange, ContainerFact>> {
  const files = new NodeFileSystem();
  const supervisor = new DbusSystemdHost({ files });
  const offering = new PodmanOffering({ files, supervisor });
  const [, , theirs] = site.digests;
  for (const [digest, image] of Object.entries(images)) {
    if (digest !== theirs) putImage(site.repository, digest, image);
  }
  for (const [name, container] of Object.entries(containers)) write(name, container);
  systemctl("daemon-reload");
  for (const [name, container] of Object.entries(containers)) await stand(name, container, site);
  return {
    ports: { ContainerRuntime: offering.port },
    snapshot,
    async change(change) {
      if ("container" in change) {
        write(change.container, change.to);
        await stand(change.container, change.to, site);
      } else if (change.to === null) await takeImage(change.image);
      // A mark of Harmony's at an image is Harmony's alone to make.
      else putImage(site.repository, change.image, { ...change.to, keptFor: [] });
      await until(areSettled);
    },
    async close() {
      offering.close();
      supervisor.close();
      files.close();
      await clear(site);
    },
  };
}

async function stand(name: string, { active, theirs }: FakeContainer, site: ContainerSite): Promise<void> {
  await act(name, active);
  if (theirs === "container") {
    podman("run", "--replace", "--detach", "--quiet", "--name", name, `${site.theirs}@${site.digests[2]}`);
  }
}
