import fs from "node:fs";
import type {
  PackageChange,
  PackageManager,
  PackageState,
  VersionCondition,
} from "../../capabilities/package-manager.ts";
import { PortError } from "../../capabilities/port-error.ts";
import { compareVersions, meets } from "../../scores/debian-version.ts";
import { aptProblem } from "./apt-errors.ts";
import { aptGet, change, look } from "./apt-run.ts";
import type { CommandResult } from "./command.ts";
import { DpkgStatus } from "./dpkg-status.ts";
import type { Detection, Offering } from "./offering.ts";

/** Lists that are older are fetched again before something is installed, where they can be. */
const OLD_MS = 24 * 3_600_000;
/** However many Scores ask for it. */
const REFRESH_AT_MOST_EVERY_MS = 5 * 60_000;

/** Packages by Debian's apt and dpkg. States are read from dpkg's files; changes are made one after another by `apt-get`. */
export class AptPackageManager implements PackageManager, Offering<PackageManager> {
  readonly port = this;
  readonly #status = new DpkgStatus();
  #last: Promise<unknown> = Promise.resolve();
  #refreshedAt = Number.NEGATIVE_INFINITY;

  async detect(signal: AbortSignal): Promise<Detection> {
    const [dpkg, apt] = await Promise.all([
      look(["dpkg-query", "--version"], signal),
      look(["apt-get", "--version"], signal),
    ]);
    if (dpkg._tag !== "Ended" || apt._tag !== "Ended") return { _tag: "Absent", reason: "apt-get and dpkg not found" };
    if (process.geteuid?.() !== 0) return { _tag: "Absent", reason: "apt-get and dpkg not permitted" };
    const architecture = await look(["dpkg", "--print-architecture"], signal);
    return {
      _tag: "Found",
      facts: {
        dpkg: /version (\S+?)\.? \(/.exec(dpkg.stdout)?.[1] ?? "unknown",
        apt: /^apt (\S+)/.exec(apt.stdout)?.[1] ?? "unknown",
        architecture: architecture._tag === "Ended" ? architecture.stdout.trim() : "unknown",
        distribution: distribution(),
      },
    };
  }

  inspect(name: string): PackageState {
    try {
      return this.#status.state(name);
    } catch (error) {
      throw new PortError({
        code: "Failed",
        blame: "device",
        message: `Reading the package database /var/lib/dpkg failed: ${error instanceof Error ? error.message : String(error)}.`,
        next: "Look at the device's disk.",
      });
    }
  }

  watch(changed: () => void): () => void {
    return this.#status.watch(changed);
  }

  async install(
    name: string,
    conditions: readonly VersionCondition[],
    { mayRemove }: PackageChange,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#alone(signal, async () => {
      await this.#recover(signal);
      const { status, version: there, held } = this.inspect(name);
      // What was cut short may be as it is wanted by now.
      if (status === "installed" && there !== null && meets(there, conditions)) return;
      const version = await this.#chosen(name, conditions, signal);
      const again = status === "broken" ? ["--reinstall"] : [];
      const words = ["--allow-downgrades", "--allow-change-held-packages", ...again, "install", `${name}=${version}`];
      const doing = `Installing ${name} ${version}`;
      await this.#demandAllowed(doing, words, [name, ...mayRemove], signal);
      const result = await change(aptGet(...words), signal);
      if (!isFine(result)) throw aptProblem(doing, result);
      // apt takes a hold for answered by an installation.
      if (held) await hold(name, true, signal);
    });
  }

  async remove(
    name: string,
    { mayRemove, configuration, needless }: Parameters<PackageManager["remove"]>[1],
    signal: AbortSignal,
  ): Promise<void> {
    return this.#alone(signal, async () => {
      await this.#recover(signal);
      const { status } = this.inspect(name);
      if (status === "absent" || (status === "configuration" && !configuration)) return;
      const doing = `Removing ${name}`;
      const words = ["--allow-change-held-packages", configuration ? "purge" : "remove", name];
      await this.#demandAllowed(doing, words, [name, ...mayRemove], signal);
      const goes = needless && status !== "configuration" ? await this.#neededByItAlone(doing, words, signal) : [];
      const result = await change(aptGet(...words, ...goes), signal);
      if (!isFine(result)) throw aptProblem(doing, result);
    });
  }

  async setHold(name: string, held: boolean, signal: AbortSignal): Promise<void> {
    return this.#alone(signal, () => hold(name, held, signal));
  }

  close(): void {
    this.#status.close();
  }

  /** One change after another; who has given up by then is not waited for. */
  #alone(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(() => (signal.aborted ? undefined : work()));
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Brings to its end what was cut short: nothing can be changed before. */
  async #recover(signal: AbortSignal): Promise<void> {
    if (!this.#status.isUnfinished()) return;
    const result = await change(["dpkg", "--force-confdef", "--force-confold", "--configure", "-a"], signal);
    const problem = isFine(result) ? null : aptProblem("Ending an earlier change of packages", result);
    // A package that cannot be set up is the next step's to mend.
    if (problem !== null && problem.problem.code !== "Failed") throw problem;
  }

  async #chosen(name: string, conditions: readonly VersionCondition[], signal: AbortSignal): Promise<string> {
    if (listsAge() > OLD_MS) await this.#refresh(signal);
    const known = await bestVersion(name, conditions, signal);
    if (known !== null) return known;
    const refreshed = await this.#refresh(signal);
    const found = await bestVersion(name, conditions, signal);
    if (found !== null) return found;
    if (refreshed !== null) throw refreshed;
    const wanted = conditions.map(({ relation, version }) => `${relation} ${version}`).join(", ");
    throw new PortError({
      code: "NotFound",
      blame: "author",
      message: `No source of this device has a package ${name}${wanted === "" ? "" : ` (${wanted})`}.`,
      next: "Correct the name or the version, or add the source that has it.",
    });
  }

  /** Fetches the lists, unless that was done a moment ago. Null: they are as new as can be. */
  async #refresh(signal: AbortSignal): Promise<PortError | null> {
    const now = performance.now();
    if (now - this.#refreshedAt < REFRESH_AT_MOST_EVERY_MS) return null;
    const result = await change(aptGet("-o", "APT::Update::Error-Mode=any", "update"), signal);
    if (!isFine(result)) return aptProblem("Fetching the lists of packages", result);
    this.#refreshedAt = now;
    return null;
  }

  /** Tries it without effect. */
  async #demandAllowed(
    doing: string,
    words: readonly string[],
    may: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const others = (await removals(doing, words, signal)).filter((each) => !may.includes(each));
    if (others.length === 0) return;
    throw new PortError({
      code: "Obstructed",
      blame: "author",
      message: `${doing} would also remove ${others.join(", ")}, so it was not done.`,
      next: 'Name them under "mayRemove" if they may go.',
    });
  }

  /** What nothing needs once this is gone, and something needs now. */
  async #neededByItAlone(doing: string, words: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
    const needless = new Set(await removals(doing, ["autoremove"], signal));
    const direct = new Set(await removals(doing, words, signal));
    const all = await removals(doing, ["--auto-remove", ...words], signal);
    return all.filter((each) => !needless.has(each) && !direct.has(each));
  }
}

async function hold(name: string, held: boolean, signal: AbortSignal): Promise<void> {
  const result = await change(["apt-mark", held ? "hold" : "unhold", name], signal);
  if (!isFine(result)) throw aptProblem(`${held ? "Holding" : "Releasing"} ${name}`, result);
}

const isFine = (result: CommandResult): boolean => result._tag === "Ended" && result.code === 0;

/** What a change would remove. */
async function removals(doing: string, words: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  const result = await look(aptGet("--simulate", ...words), signal);
  if (result._tag !== "Ended" || result.code !== 0) throw aptProblem(doing, result);
  return [...result.stdout.matchAll(/^(?:Remv|Purg) ([^\s:]+)/gm)].flatMap(([, name]) => name ?? []);
}

/** Of the versions that the sources have and that will do, the one that the host prefers, else the newest; null: none. */
async function bestVersion(
  name: string,
  conditions: readonly VersionCondition[],
  signal: AbortSignal,
): Promise<string | null> {
  const result = await look(["apt-cache", "policy", name], signal);
  if (result._tag !== "Ended" || result.code !== 0) throw aptProblem(`Looking for ${name}`, result);
  return preferred(result.stdout, conditions);
}

/** Reads what `apt-cache policy` prints. A version that no source has any more, but the database alone, is left out. */
export function preferred(policy: string, conditions: readonly VersionCondition[]): string | null {
  const candidate = /^ {2}Candidate: (\S+)$/m.exec(policy)?.[1];
  const versions = [...policy.matchAll(/^ (?:\*\*\*| {3}) (\S+) -?\d+\n((?: {8}.*\n?)*)/gm)]
    .filter(([, , sources = ""]) =>
      sources.split("\n").some((line) => line !== "" && !line.endsWith("/var/lib/dpkg/status")),
    )
    .flatMap(([, version]) => version ?? [])
    .filter((version) => meets(version, conditions));
  if (candidate !== undefined && versions.includes(candidate)) return candidate;
  return versions.toSorted(compareVersions).at(-1) ?? null;
}

/** Milliseconds since the lists were fetched last. */
function listsAge(): number {
  const stat = fs.statSync("/var/lib/apt/lists/partial", { throwIfNoEntry: false });
  return stat === undefined ? Number.POSITIVE_INFINITY : Date.now() - stat.mtimeMs;
}

function distribution(): string {
  try {
    const text = fs.readFileSync("/etc/os-release", "utf8");
    const field = (name: string): string => new RegExp(`^${name}="?([^"\n]*)`, "m").exec(text)?.[1] ?? "";
    return `${field("ID")} ${field("VERSION_ID")}`.trim() || "unknown";
  } catch {
    return "unknown";
  }
}
