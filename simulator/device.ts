import { FakeFileSystem, type FakeEntry, type FakeTreeEntry } from "../src/testing/fake-file-system.ts";
import { FakeSystemdHost } from "../src/testing/fake-systemd-host.ts";
import { Files } from "./disk.ts";
import type { Author } from "./wanted.ts";
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

/** One machine: what stays when the process on it dies. */
export class Device {
  readonly name: string;
  readonly files = new Files();
  readonly fs = new FakeFileSystem();
  readonly systemd = new FakeSystemdHost();
  /** Somebody else's, by path, as it has to stay. */
  readonly foreign = new Map<string, FakeTreeEntry>();
  /** Directories in which somebody else had something at some time: they may have been left to them. */
  readonly used = new Set<string>();
  /** What stands in the way of a Score, until the faults end. */
  readonly obstacles = new Set<string>();
  /** Services whose program crashes. */
  readonly crashing = new Set<string>();
  /** Why the supervisor cannot be had for now; null: it can. */
  noSupervisor: string | null = null;

  constructor(name: string, author: Author, world: World) {
    this.name = name;
    for (const [path, entry] of Object.entries(BYSTANDERS)) this.fs.put(path, entry);
    for (const path of author.directories) if (world.random.chance(0.3)) this.fs.put(path, { type: "directory" });
    for (const [path, entry] of Object.entries(this.fs.tree())) this.foreign.set(path, entry);
    this.systemd.put("ssh.service", { vendor: "installable", enabled: true, active: "active" });
    for (const unit of author.units) {
      if (!world.random.chance(0.1)) continue;
      this.crashing.add(unit);
      this.systemd.put(unit, { crashes: true });
    }
  }

  /** Somebody puts something there that has to stay. */
  keep(path: string, entry: FakeEntry): void {
    this.fs.put(path, entry);
    for (let at = parentOf(path); at !== ""; at = parentOf(at)) this.used.add(at);
    const put = this.fs.tree()[path];
    if (put !== undefined) this.foreign.set(path, put);
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
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

/** Somebody else does something to the device; null where there is nothing to do it to. */
export function tamper(device: Device, author: Author, { random }: World): string | null {
  const { fs, systemd } = device;
  const unit = random.pick(author.units);
  if (unit !== undefined && random.chance(0.4)) return tamperWithUnit(device, unit, random.below(4));
  const path = random.pick(author.paths);
  if (path === undefined) return null;
  const parent = parentOf(path);
  switch (random.below(6)) {
    case 0:
      if (!device.isFile(path)) return null;
      fs.put(path, { type: "file", text: "meddled with" });
      return `writes to ${path}`;
    case 1:
      if (!device.isFile(path)) return null;
      fs.take(path);
      return `removes ${path}`;
    case 2: {
      const entry = fs.tree()[path];
      if (entry?.type !== "file" || !("text" in entry)) return null;
      fs.put(path, { type: "file", text: entry.text, mode: "0600" });
      return `changes the mode of ${path}`;
    }
    case 3:
      // What was the agent's, with all that is in it.
      if (!parent.startsWith("/srv/") || fs.inspect(parent).type !== "directory") return null;
      device.take(parent);
      return `removes ${parent}`;
    case 4:
      if (parent === "/etc" || fs.inspect(parent).type !== "directory") return null;
      device.keep(`${parent}/guest`, { type: "file", text: "theirs" });
      return `puts a guest into ${parent}`;
    default: {
      const { type } = fs.inspect(path, { hashUpTo: 0 });
      if (type === "unreachable" || fs.inspect(parent).type !== "directory") return null;
      device.keep(path, { type: "link", target: "/etc/keep" });
      device.obstacles.add(path);
      return `puts a link at ${path}`;
    }
  }

  function tamperWithUnit({ name }: Device, about: string, how: number): string | null {
    const file = systemd.unitFile(about, "unit");
    if (name === "" || file.type !== "file") return null;
    if (how === 0) systemd.put(about, { active: "inactive" });
    else if (how === 1) systemd.put(about, { enabled: false });
    else if (how === 2) systemd.put(about, { file: "[Unit]\nDescription=meddled with\n[Service]\n" });
    else systemd.put(about, { active: "failed" });
    return `${["stops", "disables", "edits", "kills"][how]} ${about}`;
  }
}
