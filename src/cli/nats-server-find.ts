import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { userInfo } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";

/** A nats-server executable that was run once and is new enough. */
export interface FoundNatsServer {
  readonly path: string;
  /** As the server prints it, without the leading "v": "2.15.1". */
  readonly version: string;
}

/** Why there is none, in sentences that name what was looked at and what to do. */
export interface NatsServerProblem {
  readonly problem: string;
}

/** Debian 12 ships 2.9.10, which has known holes and lacks several keys in one watch. */
export const oldestUsableVersion = "2.10";

/** Debian puts daemons here, and the PATH of an ordinary user leaves both folders out. */
const daemonFolders = ["/usr/sbin", "/usr/local/sbin"];

const versionDeadlineMs = 10_000;

/**
 * Where a server fetched for this user lies; other projects and the system are left alone. One of another suite has a
 * folder of its own: the server names files after its executable.
 */
export function cachedNatsServerPath(env: NodeJS.ProcessEnv = process.env, suite = ""): string {
  const xdg = env["XDG_CACHE_HOME"];
  // The XDG specification says that a relative path is to be ignored.
  const cache = xdg !== undefined && isAbsolute(xdg) ? xdg : join(homeOf(env), ".cache");
  return join(cache, "harmony-edge", suite, "nats-server");
}

/** Absolute even where HOME is empty, as in some containers: what is fetched must not end up in the working directory. */
function homeOf(env: NodeJS.ProcessEnv): string {
  const named = env["HOME"];
  if (named !== undefined && isAbsolute(named)) return named;
  try {
    return userInfo().homedir;
  } catch {
    // A user without an account. Never a folder that others may write to: what lies there is run.
    return "/";
  }
}

/**
 * Looks for a usable nats-server: `$NATS_SERVER`, then PATH with /usr/sbin and /usr/local/sbin, then the
 * private cache. Changes nothing and opens no connection. An explicit `$NATS_SERVER` is the only candidate
 * when it is set: whoever names a server must not silently get another one.
 */
export async function findNatsServer(
  env: NodeJS.ProcessEnv = process.env,
): Promise<FoundNatsServer | NatsServerProblem> {
  const named = env["NATS_SERVER"];
  if (named !== undefined && named !== "") {
    const checked = await checkNatsServer(named);
    return "problem" in checked ? { problem: `NATS_SERVER is set, but ${checked.problem}` } : checked;
  }
  const folders = [...(env["PATH"] ?? "").split(delimiter).filter(isAbsolute), ...daemonFolders];
  const candidates = [...folders.map((folder) => join(folder, "nats-server")), cachedNatsServerPath(env)];
  const refused: string[] = [];
  for (const candidate of new Set(candidates)) {
    if (!(await isExecutable(candidate))) continue;
    const checked = await checkNatsServer(candidate);
    if (!("problem" in checked)) return checked;
    refused.push(checked.problem);
  }
  const tooOld = refused.length === 0 ? "" : ` (${refused.join("; ")})`;
  return { problem: `no nats-server ${oldestUsableVersion} or newer was found${tooOld}` };
}

/** Runs `path -v` and judges the version it prints. */
export async function checkNatsServer(path: string): Promise<FoundNatsServer | NatsServerProblem> {
  const printed = await new Promise<string | NatsServerProblem>((resolve) => {
    execFile(path, ["-v"], { timeout: versionDeadlineMs }, (error, stdout) => {
      resolve(error === null ? stdout : { problem: `${path} -v failed: ${error.message.trim()}` });
    });
  });
  if (typeof printed !== "string") return printed;
  const version = /v(\d+\.\d+\.\d+\S*)/.exec(printed)?.[1];
  if (version === undefined) return { problem: `${path} -v printed no version` };
  return isAtLeast(version, oldestUsableVersion)
    ? { path, version }
    : { problem: `${path} is ${version}, older than ${oldestUsableVersion}` };
}

function isAtLeast(version: string, oldest: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldest.split(".").map(Number);
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
