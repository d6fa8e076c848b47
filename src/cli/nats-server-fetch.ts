import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { debianMirrors } from "./debian-sources.ts";
import {
  cachedNatsServerPath,
  checkNatsServer,
  oldestUsableVersion,
  type FoundNatsServer,
  type NatsServerProblem,
} from "./nats-server-find.ts";

/** The Debian suite whose nats-server is taken: the newest release, which gets the security fixes. */
const newestSuite = "forky";

const keyrings = ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];

/** For one apt or dpkg command; a package list of 10 MB over a slow line takes a while. */
const commandDeadlineMs = 180_000;

/**
 * Puts a nats-server into the private cache with the machine's own apt, without root and without a change to
 * the system: apt runs on a state folder of its own, and the package is unpacked, not installed. apt checks
 * the archive's signature. First Debian's newest suite is tried, then the suites that the machine itself uses.
 *
 * @param onProgress gets one short sentence before each step that may take over a second
 * @param suite another suite of Debian's, and no other place; its server lies beside the usual one, for tests
 */
export async function fetchNatsServer(
  onProgress: (sentence: string) => void,
  signal: AbortSignal,
  env: NodeJS.ProcessEnv = process.env,
  suite?: string,
): Promise<FoundNatsServer | NatsServerProblem> {
  const target = cachedNatsServerPath(env, suite);
  const failures: string[] = [];
  let folder: string | undefined;
  try {
    await mkdir(dirname(target), { recursive: true });
    // Beside the target, so that the last rename stays on one file system.
    folder = await mkdtemp(join(dirname(target), "fetch-"));
    for (const source of await sources(suite)) {
      signal.throwIfAborted();
      onProgress(`fetching nats-server with apt from ${source.name} (no change to the system)`);
      const unpacked = await download(source, await mkdtemp(join(folder, "apt-")), signal);
      const checked = typeof unpacked === "string" ? await checkNatsServer(unpacked) : unpacked;
      if ("problem" in checked) {
        failures.push(`${source.name}: ${checked.problem.replaceAll(`${folder}/`, "")}`);
        continue;
      }
      await rename(checked.path, target);
      return await checkNatsServer(target);
    }
  } catch (error) {
    signal.throwIfAborted();
    failures.push(error instanceof Error ? error.message : String(error));
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
  return { problem: waysOut(failures, target) };
}

interface Source {
  readonly name: string;
  /** A deb822 stanza that replaces the machine's sources; undefined leaves them as they are. */
  readonly stanza: string | undefined;
}

/** In the order in which they are tried. */
async function sources(suite: string = newestSuite): Promise<Source[]> {
  const own: Source = { name: "this machine's own package sources", stanza: undefined };
  const codename = /^VERSION_CODENAME="?(\w+)/m.exec(await readOr("/etc/os-release", ""))?.[1] ?? "stable";
  const lists = (await readdir("/etc/apt/sources.list.d").catch(() => [])).map((name) => `sources.list.d/${name}`);
  const files = await Promise.all(
    ["sources.list", ...lists.toSorted()].map(async (name) => ({ name, text: await readOr(`/etc/apt/${name}`, "") })),
  );
  const debian = debianMirrors(files, codename).flatMap(({ uri, signedBy }) => {
    // Without Debian's own keyring (on Ubuntu) apt could not check the signature, and must not go without.
    const keyring = keyrings.find((path) => existsSync(path)) ?? signedBy;
    if (keyring === undefined) return [];
    const stanza = `Types: deb\nURIs: ${uri}\nSuites: ${suite}\nComponents: main\nSigned-By: ${keyring}\n`;
    return [{ name: `Debian ${suite}`, stanza }];
  });
  return suite === newestSuite ? [...debian.slice(0, 3), own] : debian.slice(0, 3);
}

/** Gives the path of the unpacked server. */
async function download(source: Source, folder: string, signal: AbortSignal): Promise<string | NatsServerProblem> {
  const at = (name: string): string => join(folder, name);
  for (const name of ["lists/partial", "cache/archives/partial", "state", "sources", "preferences"]) {
    await mkdir(at(name), { recursive: true });
  }
  await writeFile(at("state/status"), "");
  const settings = [
    `Dir::State=${at("state")}`,
    `Dir::State::lists=${at("lists")}`,
    `Dir::State::status=${at("state/status")}`,
    `Dir::Cache=${at("cache")}`,
    // A pin of the machine's owner is about its installed packages, not about this copy.
    `Dir::Etc::preferencesparts=${at("preferences")}`,
    "Acquire::Languages=none",
    // Run by root, apt would drop to a user who may not write into this folder.
    "APT::Sandbox::User=root",
  ];
  if (source.stanza !== undefined) {
    await writeFile(at("sources/debian.sources"), source.stanza);
    settings.push("Dir::Etc::sourcelist=/dev/null", `Dir::Etc::sourceparts=${at("sources")}`);
  }
  const options = settings.flatMap((setting) => ["-o", setting]);
  const steps: readonly (readonly [string, () => Promise<readonly string[]>])[] = [
    ["apt-get", async () => [...options, "-qq", "update"]],
    ["apt-get", async () => [...options, "-qq", "download", "nats-server"]],
    ["dpkg-deb", async () => ["-x", await theDeb(folder), at("unpacked")]],
  ];
  for (const [command, args] of steps) {
    const problem = await run(command, await args(), folder, signal);
    if (problem !== undefined) return problem;
  }
  return at("unpacked/usr/sbin/nats-server");
}

async function theDeb(folder: string): Promise<string> {
  const deb = (await readdir(folder)).find((name) => name.endsWith(".deb"));
  return join(folder, deb ?? "nats-server.deb");
}

async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  signal: AbortSignal,
): Promise<NatsServerProblem | undefined> {
  const problem = await new Promise<NatsServerProblem | undefined>((resolve) => {
    execFile(command, args, { cwd, signal, timeout: commandDeadlineMs }, (error, _stdout, stderr) => {
      if (error === null) resolve(undefined);
      else if (error.killed === true) resolve({ problem: `${command} took over ${commandDeadlineMs / 1000} s` });
      else resolve({ problem: (stderr.trim() || error.message).split("\n").slice(0, 3).join(" ") });
    });
  });
  signal.throwIfAborted();
  return problem;
}

async function readOr(path: string, fallback: string): Promise<string> {
  return readFile(path, "utf8").catch(() => fallback);
}

function waysOut(failures: readonly string[], cache: string): string {
  return [
    `nats-server ${oldestUsableVersion} or newer could not be fetched:`,
    ...failures.map((failure) => `  - ${failure}`),
    "Any one of these helps:",
    "  - set NATS_SERVER to the path of a nats-server executable;",
    "  - install one into a folder of your PATH, /usr/sbin or /usr/local/sbin (apt-get install nats-server, where new enough);",
    `  - copy one to ${cache};`,
    "  - make apt-get work here (network, proxy, Debian package sources) and run the command again.",
  ].join("\n");
}
