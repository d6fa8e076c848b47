// Makes a fresh clone ready to run: the packages of the lockfile, and a nats-server. `npm test` and `npm run
// demo` call it first. Plain JavaScript without packages, because on Node 20 and before `npm ci` there is
// nothing else. It says nothing when there is nothing to do; progress goes to standard error.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { env, execPath, exit, stderr, versions } from "node:process";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const installDeadlineMs = 15 * 60_000;

const [major = 0, minor = 0] = versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) giveUp(`Node 20.19 or newer is needed; this is ${versions.node}`);

if (!installedAsLocked()) {
  say("installing the packages of package-lock.json (npm ci, about 20 s)");
  // The npm that runs this script, which need not be the first of PATH; another package manager cannot do it.
  const running = env["npm_execpath"] ?? "";
  const npm = running.endsWith("npm-cli.js") ? [execPath, running] : ["npm"];
  const [command, ...args] = [...npm, "ci", "--include=dev", "--include=optional", "--loglevel=error"];
  // npm's standard output goes to standard error too: ours belongs to the command that runs next.
  const done = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], timeout: installDeadlineMs });
  if (done.status !== 0) giveUp(`npm ci did not succeed (${done.error?.message ?? `exit ${done.status}`})`);
  if (!installedAsLocked()) giveUp("npm ci succeeded, but node_modules is not what package-lock.json says");
}

const { findNatsServer, fetchNatsServer } = await natsServerModule();
if ("problem" in (await findNatsServer())) {
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort());
  const fetched = await fetchNatsServer(say, interrupted.signal);
  if ("problem" in fetched) giveUp(fetched.problem);
  say(`nats-server ${fetched.version} is in ${fetched.path}`);
}

/**
 * Compares what npm wrote down about node_modules with the lockfile. Contents, not file times: a branch change
 * touches the lockfile without changing it, and `npm ci` would pull node_modules away under whoever uses it.
 */
function installedAsLocked() {
  const installed = packagesOf(join(root, "node_modules", ".package-lock.json"));
  const locked = packagesOf(join(root, "package-lock.json"));
  return Object.entries(locked).every(([path, wanted]) => {
    const found = installed[path];
    // An optional package may be one for another processor.
    if (found === undefined) return path === "" || wanted.optional === true || wanted.devOptional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}

/**
 * @param {string} lockfile
 * @returns {Record<string, { version?: string, integrity?: string, optional?: boolean, devOptional?: boolean }>}
 */
function packagesOf(lockfile) {
  try {
    return JSON.parse(readFileSync(lockfile, "utf8")).packages;
  } catch {
    return {};
  }
}

/** The command line's own module, which is TypeScript: bundled in memory, as this Node may be 20. */
async function natsServerModule() {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ["src/cli/nats-server.ts"],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
  });
  const source = Buffer.from(outputFiles[0]?.contents ?? []).toString("base64");
  /** @type {typeof import("../src/cli/nats-server.ts")} */
  const module = await import(`data:text/javascript;base64,${source}`);
  return module;
}

/** @param {string} sentence */
function say(sentence) {
  stderr.write(`setup: ${sentence}\n`);
}

/**
 * @param {string} sentence
 * @returns {never}
 */
function giveUp(sentence) {
  say(sentence);
  exit(1);
}
