import { FakeFileSystem, type FakeEntry, type FakeTreeEntry } from "../src/testing/fake-file-system.ts";
import { FakePackageManager } from "../src/testing/fake-package-manager.ts";
import { FakePacketFilter } from "../src/testing/fake-packet-filter.ts";
import { FakeSystemdHost } from "../src/testing/fake-systemd-host.ts";
import type { Policies } from "../src/topology/policies.ts";
import type { Author } from "./author.ts";
import { Files } from "./disk.ts";
import { Restarts } from "./restarts.ts";
import type { World } from "./world.ts";

/** What is there before any agent comes and is nobody's business. */
const BYSTANDERS: Readonly<Record<string, FakeEntry>> = {
  "/etc": { type: "directory" },
  "/srv": { type: "directory" },
  "/var": { type: "directory" },
  "/opt": { type: "directory" },
  "/etc/keep": { type: "file", text: "theirs" },
  "/opt/empty": { type: "directory" },
  "/srv/data/photo": { type: "file", text: "theirs" },
};

/** More than any run writes of texts. */
const VERSIONS = ["0.1", ...Array.from({ length: 300 }, (_, at) => `${at + 1}.0`)];

/** One machine: what stays when the process on it dies. */
export class Device {
  readonly name: string;
  readonly files = new Files();
  readonly fs = new FakeFileSystem();
  readonly systemd = new FakeSystemdHost();
  readonly packages: FakePackageManager;
  readonly filter = new FakePacketFilter({ foreign: { theirs: "drop" } });
  readonly restarts = new Restarts();
  /** Somebody else's, by path, as it has to stay. */
  readonly foreign = new Map<string, FakeTreeEntry>();
  /** Packages that were there before any agent came, and that nobody else took away since. */
  readonly installed = new Set<string>();
  /** With those that were taken away: who looked at one before that and installs it after takes it for what was there. */
  readonly preinstalled: ReadonlySet<string>;
  /** Directories in which somebody else had something at some time: they may have been left to them. */
  readonly used = new Set<string>();
  /** What stands in the way of a Score, until the faults end. */
  readonly obstacles = new Set<string>();
  /** Services whose program crashes. */
  readonly crashing = new Set<string>();
  /** Paths that somebody else writes to as soon as an agent has, as long as there are faults. */
  readonly contested = new Set<string>();
  /** By identity, each content that an agent wrote here. */
  readonly seen = new Map<string, Set<string>>();
  /** By identity, how the manifest that was accepted last of those that wanted it deals with it. */
  readonly governed = new Map<string, Policies>();
  /** Identities that were dropped while their policy was to leave them. */
  readonly left = new Set<string>();
  /** Called when an agent has written to this path. */
  onWrite: (path: string) => void = () => {};
  /** Why the supervisor cannot be had for now; null: it can. */
  noSupervisor: string | null = null;

  constructor(name: string, author: Author, world: World) {
    this.name = name;
    const { random } = world;
    for (const [path, entry] of Object.entries(BYSTANDERS)) this.fs.put(path, entry);
    for (const path of author.directories) if (random.chance(0.3)) this.fs.put(path, { type: "directory" });
    for (const [path, entry] of Object.entries(this.fs.tree())) this.foreign.set(path, entry);
    // What an agent finds there may be taken over, or not, as its Score says.
    for (const path of author.paths) {
      if (path.startsWith("/etc/") && random.chance(0.15)) this.fs.put(path, { type: "file", text: "a stranger's" });
    }
    this.systemd.put("ssh.service", { vendor: "installable", enabled: true, active: "active" });
    for (const unit of author.units) {
      if (!random.chance(0.1)) continue;
      this.crashing.add(unit);
      this.systemd.put(unit, { crashes: true });
    }
    for (const each of author.packages) if (random.chance(0.3)) this.installed.add(each);
    this.preinstalled = new Set(this.installed);
    const there = [...this.installed].map((each) => [each, { status: "installed", version: "0.1" }] as const);
    const sources = author.packages.map((each) => [each, { versions: VERSIONS }] as const);
    this.packages = new FakePackageManager(Object.fromEntries(sources), Object.fromEntries(there));
  }

  /** The parts of the packet filter. */
  get parts(): readonly string[] {
    return Object.keys(this.filter.facts()).flatMap((fact) => (fact.startsWith("part:") ? [fact.slice(5)] : []));
  }

  /** An agent wrote there. */
  wrote(identity: string, text: string | null): void {
    this.restarts.changed(identity);
    if (text !== null) this.seen.set(identity, (this.seen.get(identity) ?? new Set()).add(text));
    if (identity.startsWith("path:")) this.onWrite(identity.slice("path:".length));
  }

  /** Somebody puts something there that has to stay. */
  keep(path: string, entry: FakeEntry): void {
    this.fs.put(path, entry);
    this.#uses(path);
    const put = this.fs.tree()[path];
    if (put !== undefined) this.foreign.set(path, put);
  }

  /** What a Score made stays, and is nobody's any more. */
  leave(identity: string): void {
    this.left.add(identity);
    if (identity.startsWith("path:")) this.#uses(identity.slice("path:".length));
  }

  #uses(path: string): void {
    for (let at = parentOf(path); at !== ""; at = parentOf(at)) this.used.add(at);
  }

  /** Somebody takes it away, with all that is in it. */
  take(path: string): void {
    this.fs.take(path);
    for (const kept of [...this.foreign.keys()]) {
      if (kept !== path && !kept.startsWith(`${path}/`)) continue;
      this.foreign.delete(kept);
      this.obstacles.delete(kept);
    }
  }

  isFile(path: string): boolean {
    return this.fs.inspect(path, { hashUpTo: 0 }).type === "file";
  }

  /** Whether something stands there already of what a Score of this identity would make. */
  exists(identity: string): boolean {
    const at = identity.indexOf(":");
    const name = identity.slice(at + 1);
    switch (identity.slice(0, at)) {
      case "path":
        return this.isFile(name);
      case "unit":
        return this.systemd.unitFile(name, "unit").type === "file";
      case "package":
        return ["installed", "broken"].includes(this.packages.inspect(name).status);
      default:
        return this.parts.includes(name) || (this.parts.length === 0 && this.filter.facts()["frame"] !== undefined);
    }
  }
}

export const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));
