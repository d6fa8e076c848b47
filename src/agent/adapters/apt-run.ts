import fs from "node:fs";
import { type CommandResult, runCommand } from "./command.ts";
import { RUNTIME_DIRECTORY } from "./scratch.ts";

const ENVIRONMENT = { DEBIAN_FRONTEND: "noninteractive", APT_LISTCHANGES_FRONTEND: "none" };
const UNIT = "harmony-packages.service";
const FOLDER = RUNTIME_DIRECTORY;
/** Longer than any change should take; by then it hangs. */
const UNIT_SECONDS = 3600;
const CHANGE_MS = UNIT_SECONDS * 1000;
const LOOK_MS = 60_000;

/** Never asks: a configuration file that was edited is kept. Waits a minute for others who change packages. */
const ANSWERS = [
  ...["Dpkg::Options::=--force-confdef", "Dpkg::Options::=--force-confold", "Dpkg::Use-Pty=0"],
  ...["DPkg::Lock::Timeout=60", "Acquire::Retries=1", "Acquire::http::Timeout=30", "Acquire::https::Timeout=30"],
].flatMap((option) => ["-o", option]);

/**
 * apt believes its stored image of the database where size and second of the last change are the same, and so takes a
 * version for another one that somebody put there in the same second. It is rather made in memory each time.
 */
const FRESH = ["-o", "Dir::Cache::pkgcache="];

/** Runs a program that changes nothing, or little and quickly. */
export const look = (
  argv: readonly [string, ...string[]],
  signal: AbortSignal,
  timeoutMs = LOOK_MS,
): Promise<CommandResult> => runCommand({ argv, signal, timeoutMs, env: ENVIRONMENT });

export const aptGet = (...words: readonly string[]): [string, ...string[]] => [
  "apt-get",
  "-q",
  "-y",
  ...ANSWERS,
  ...FRESH,
  ...words,
];

/**
 * Runs a program that must not be cut short: in a unit of its own, so that it comes to its end even where this agent is
 * killed meanwhile, or its caller gives up. There is one such unit at a time. Without systemd it runs as any program does.
 */
export async function change(argv: readonly [string, ...string[]], signal: AbortSignal): Promise<CommandResult> {
  if (!fs.existsSync("/run/systemd/system")) return look(argv, signal, CHANGE_MS);
  fs.mkdirSync(FOLDER, { recursive: true });
  const [out, err] = [`${FOLDER}/packages.out`, `${FOLDER}/packages.err`];
  // What an earlier run said must not be taken for what this one says, should it never start.
  for (const file of [out, err]) fs.rmSync(file, { force: true });
  const environment = Object.entries({ ...ENVIRONMENT, LC_ALL: "C" }).map(
    ([name, value]) => `--setenv=${name}=${value}`,
  );
  const unit = [
    ...["systemd-run", "--quiet", "--wait", "--collect", `--unit=${UNIT}`, "--description=Harmony changes packages"],
    ...[`--property=StandardOutput=file:${out}`, `--property=StandardError=file:${err}`],
    `--property=RuntimeMaxSec=${UNIT_SECONDS}`,
  ];
  const [program, ...rest] = unit;
  const result = await look([program ?? "systemd-run", ...rest, ...environment, "--", ...argv], signal, CHANGE_MS);
  if (result._tag !== "Ended") return result;
  return { ...result, stdout: said(out), stderr: `${result.stderr}${said(err)}` };
}

/** The end of it, where the reason is. */
function said(file: string): string {
  try {
    return fs.readFileSync(file, "utf8").slice(-100_000);
  } catch {
    return "";
  }
}
