import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, utimes } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { debianMirrors } from "../../../src/cli/debian-sources.ts";
import { cachedNatsServerPath } from "../../../src/cli/nats-server-find.ts";
import { installHostPackages } from "./host-packages.ts";
import { type Say, secondsSince } from "./progress.ts";
import { lastLines, run } from "./run.ts";

export interface Image {
  /** Root directory of an installed Debian 13. Read only: every machine of this user stands on it. */
  readonly root: string;
  /** An empty folder on which each machine mounts what is its own. */
  readonly yard: string;
}

const recipe = fileURLToPath(new URL("image", import.meta.url));
const buildScript = fileURLToPath(new URL("build-image.sh", import.meta.url));
const buildDeadlineMs = 15 * 60_000;
const progressEveryMs = 10_000;
/** flock's, where somebody else has the lock. */
const busyCode = 75;

/**
 * The image that this recipe makes, out of the cache; it is built where it is not there, in one to two minutes, from
 * the Debian mirror that the host's own apt configuration names, or HARMONY_DEBIAN_MIRROR.
 *
 * @throws Error with a sentence when it cannot be built, or the signal's reason
 */
export async function findOrBuildImage(say: Say, signal: AbortSignal): Promise<Image> {
  const folder = join(dirname(cachedNatsServerPath(process.env)), "device");
  const name = await recipeHash();
  const image = { root: join(folder, name), yard: join(folder, "yard") };
  await mkdir(image.yard, { recursive: true, mode: 0o700 });
  await installHostPackages(say, signal);
  if (!existsSync(image.root)) await build(folder, name, say, signal);
  // Images that were not used for a month are removed when another one is built.
  await utimes(image.root, new Date(), new Date());
  return image;
}

async function build(folder: string, name: string, say: Say, signal: AbortSignal): Promise<void> {
  const started = performance.now();
  const mirror = await debianMirror();
  const isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL"];
  const work = [...isolated, "sh", buildScript, recipe, folder, name, mirror];
  const locked = async (how: readonly string[]): ReturnType<typeof run> => {
    let latest = "";
    const ticker = setInterval(() => say(`${secondsSince(started)}: ${latest}`), progressEveryMs);
    const onLine = (line: string): void => void (latest = line.replace(/^I: /, ""));
    const lock = ["setpriv", "--pdeathsig", "KILL", "flock", "--no-fork", ...how, join(folder, "lock")];
    // debootstrap lets the packages' scripts see its environment.
    const env = { ...process.env, LC_ALL: "C.UTF-8", DEBIAN_FRONTEND: "noninteractive" };
    return run([...lock, ...work], { signal, timeoutMs: buildDeadlineMs, onLine, env }).finally(() =>
      clearInterval(ticker),
    );
  };
  say("building the image of the test machine, Debian 13; that takes one to two minutes, and once only");
  let ran = await locked(["--nonblock", "--conflict-exit-code", String(busyCode)]);
  if (ran.code === busyCode) {
    say("another run is building it; waiting for that one");
    ran = await locked(["--timeout", String(buildDeadlineMs / 1000)]);
  }
  if (ran.code !== 0) {
    const why = lastLines(`${ran.out}\n${ran.err}`);
    throw new Error(`the image cannot be built from ${mirror} (HARMONY_DEBIAN_MIRROR names another mirror): ${why}`);
  }
  say(`the image is built, in ${secondsSince(started)}`);
}

/** Changes with everything that goes into an image. */
async function recipeHash(): Promise<string> {
  const entries = await readdir(recipe, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hash = createHash("sha256").update(process.arch);
  for (const file of [buildScript, ...files.toSorted()]) {
    hash.update(`\0${relative(recipe, file)}\0`).update(await readFile(file));
  }
  return hash.digest("hex").slice(0, 16);
}

async function debianMirror(): Promise<string> {
  const named = process.env["HARMONY_DEBIAN_MIRROR"] ?? "";
  if (named !== "") return named;
  const lists = (await readdir("/etc/apt/sources.list.d").catch(() => [])).map((name) => `sources.list.d/${name}`);
  const files = await Promise.all(
    ["sources.list", ...lists.toSorted()].map(async (name) => ({
      name,
      text: await readFile(`/etc/apt/${name}`, "utf8").catch(() => ""),
    })),
  );
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  const codename = /^VERSION_CODENAME="?(\w+)/m.exec(release)?.[1] ?? "stable";
  const [mirror] = debianMirrors(files, codename);
  if (mirror === undefined) throw new Error("apt knows no Debian mirror; set HARMONY_DEBIAN_MIRROR to the URI of one");
  return mirror.uri;
}
