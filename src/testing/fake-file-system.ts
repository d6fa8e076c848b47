import { createHash } from "node:crypto";
import type { Attributes, FileSystemEntry, FileSystemHost, SharedText } from "../capabilities/file-system-host.ts";
import { FakeAccounts } from "./fake-accounts.ts";
import { isTemporaryName, parentOf, partsOf, temporaryName } from "./fake-paths.ts";
import { invalid, notFound, obstructed } from "./fake-port-errors.ts";

/** What can be put into a {@link FakeFileSystem} from outside. Left out: mode 0644 or 0755, owner and group root. */
export type FakeEntry =
  | ({ readonly type: "file" } & ({ readonly text: string } | { readonly bytes: Uint8Array }) & Attributes)
  | ({ readonly type: "directory" } & Attributes)
  | { readonly type: "link"; readonly target: string }
  /** A fifo, a socket or a device. */
  | { readonly type: "special" };

interface Owned {
  readonly mode: string;
  readonly owner: string;
  readonly group: string;
}

/** What stands at a path, in full. A file has `text` when its bytes are valid UTF-8, else `bytes`. */
export type FakeTreeEntry =
  | (Owned & { readonly type: "file"; readonly text: string })
  | (Owned & { readonly type: "file"; readonly bytes: Uint8Array })
  | (Owned & { readonly type: "directory" })
  | { readonly type: "link"; readonly target: string }
  | { readonly type: "special" };

export interface FakeFileSystemOptions {
  /** The users that the host knows, with their numbers; default `{ root: 0 }`. */
  readonly users?: Readonly<Record<string, number>> | undefined;
  /** The groups that the host knows, with their numbers; default `{ root: 0 }`. */
  readonly groups?: Readonly<Record<string, number>> | undefined;
  /** The numbers that the agent runs under; default 0 and 0. It may do everything, as root may, whatever they are. */
  readonly agent?: { readonly uid: number; readonly gid: number } | undefined;
}

interface Numbers {
  mode: number;
  uid: number;
  gid: number;
}
type Directory = Numbers & { readonly type: "directory"; readonly entries: Map<string, Node> };
type File = Numbers & { readonly type: "file"; readonly bytes: Uint8Array };
type Node = File | Directory | Extract<FakeEntry, { type: "link" | "special" }>;

type Obstacle = Extract<FileSystemEntry, { type: "missing" | "unreachable" }>;

/** The place of an entry: the directory that holds it, and its name there, empty for the root. */
interface Place {
  readonly parent: Directory;
  readonly name: string;
}

/**
 * A file system in memory that behaves as the real adapter does for an agent that runs as root, with `put` and `take` to
 * tamper with it from outside. Watchers are told in a microtask.
 */
export class FakeFileSystem implements FileSystemHost {
  readonly #users: FakeAccounts;
  readonly #groups: FakeAccounts;
  readonly #agent: { readonly uid: number; readonly gid: number };
  readonly #root: Directory = { type: "directory", mode: 0o755, uid: 0, gid: 0, entries: new Map() };
  readonly #watchers = new Set<{ readonly path: string; readonly changed: () => void }>();
  #writes = 0;

  constructor(options: FakeFileSystemOptions = {}) {
    this.#users = new FakeAccounts("user", options.users ?? { root: 0 });
    this.#groups = new FakeAccounts("group", options.groups ?? { root: 0 });
    this.#agent = options.agent ?? { uid: 0, gid: 0 };
  }

  /** How many calls that can change something were made, successful or not. */
  get writes(): number {
    return this.#writes;
  }

  /**
   * Tampers: puts an entry in the place of whatever stands there, and directories where its ancestors are missing or are
   * none. A directory that is there already keeps what is in it.
   */
  put(path: string, entry: FakeEntry): void {
    const parts = partsOf(path);
    let parent = this.#root;
    for (const [depth, name] of parts.slice(0, -1).entries()) {
      const there = parent.entries.get(name);
      if (there?.type === "directory") parent = there;
      else {
        const made: Directory = { type: "directory", mode: 0o755, uid: 0, gid: 0, entries: new Map() };
        parent.entries.set(name, made);
        this.#touched(`/${parts.slice(0, depth + 1).join("/")}`);
        parent = made;
      }
    }
    const name = parts.at(-1);
    if (name === undefined) throw invalid("The root directory / cannot be put.");
    parent.entries.set(name, this.#nodeOf(entry, parent.entries.get(name)));
    this.#touched(path);
  }

  /** Tampers: takes away what stands at a path, with everything beneath it. */
  take(path: string): void {
    const { parent, name } = this.#reach(path);
    if (parent?.entries.delete(name) === true) this.#touched(path);
  }

  /** All there is, by path, in the order of the paths. The root directory itself is left out. */
  tree(): Record<string, FakeTreeEntry> {
    const found: [string, FakeTreeEntry][] = [];
    const walk = (directory: Directory, prefix: string) => {
      for (const [name, node] of directory.entries) {
        found.push([`${prefix}/${name}`, this.#shown(node)]);
        if (node.type === "directory") walk(node, `${prefix}/${name}`);
      }
    };
    walk(this.#root, "");
    return Object.fromEntries(found.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  inspect(path: string, options?: { readonly hashUpTo?: number }): FileSystemEntry {
    const { parent, name, obstacle } = this.#reach(path);
    if (parent === undefined) return obstacle;
    const node = this.#at({ parent, name });
    if (node === undefined) {
      return {
        type: "missing",
        missingParents: [],
        leftover: parent.entries.get(temporaryName(name))?.type === "file",
      };
    }
    if (node.type === "link" || node.type === "special") return node;
    const attributes = { ...this.#owned(node), uid: node.uid, gid: node.gid };
    if (node.type === "directory") return { type: "directory", ...attributes, empty: node.entries.size === 0 };
    const size = node.bytes.length;
    const sha256 =
      size > (options?.hashUpTo ?? 1024 * 1024) ? null : createHash("sha256").update(node.bytes).digest("hex");
    return { type: "file", ...attributes, size, sha256 };
  }

  async examine(path: string, options: { readonly hashUpTo: number }): Promise<FileSystemEntry> {
    return this.inspect(path, options);
  }

  sharedText(path: string, { upTo }: { readonly upTo: number }): SharedText {
    const node = this.#nodeAt(path);
    if (node?.type !== "file") return { type: "none" };
    const parts = partsOf(path);
    const above = parts.slice(1).map((_, depth) => this.#nodeAt(`/${parts.slice(0, depth + 1).join("/")}`));
    const isEntered = above.every((each) => each?.type === "directory" && (each.mode & 0o001) !== 0);
    if (!isEntered || (node.mode & 0o004) === 0) return { type: "withheld", because: "private" };
    if (node.bytes.length > upTo) return { type: "withheld", because: "too-large" };
    const shown = this.#shown(node);
    return "text" in shown && !shown.text.includes("\0")
      ? { type: "text", text: shown.text }
      : { type: "withheld", because: "no-text" };
  }

  #nodeAt(path: string): Node | undefined {
    const { parent, name } = this.#reach(path);
    return parent === undefined ? undefined : this.#at({ parent, name });
  }

  watch(path: string, changed: () => void): () => void {
    partsOf(path);
    const watcher = { path, changed };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  async makeDirectory(path: string, attributes: Attributes): Promise<void> {
    const { place, wanted } = this.#write(path, attributes);
    const node = this.#at(place);
    if (node?.type === "directory") return;
    if (node !== undefined) throw obstructed(path);
    place.parent.entries.set(place.name, {
      type: "directory",
      ...this.#agent,
      mode: 0o755,
      ...wanted,
      entries: new Map(),
    });
    this.#touched(path);
  }

  async writePieces(path: string, pieces: AsyncIterable<Uint8Array>, attributes: Attributes): Promise<void> {
    // As the real one, which looks at what it is asked for before it begins.
    this.#write(path, attributes);
    this.#writes -= 1;
    return this.writeFile(path, await gathered(pieces), attributes);
  }

  async writeFile(path: string, bytes: Uint8Array, attributes: Attributes): Promise<void> {
    const { place, wanted } = this.#write(path, attributes);
    const old = this.#at(place);
    if (old !== undefined && old.type !== "file") throw obstructed(path);
    const { entries } = place.parent;
    const temporary = temporaryName(place.name);
    if (entries.get(temporary)?.type === "directory") throw obstructed(path);
    entries.delete(temporary);
    const { uid, gid } = old ?? this.#agent;
    entries.set(place.name, { type: "file", uid, gid, mode: 0o644, ...wanted, bytes: Uint8Array.from(bytes) });
    this.#touched(path);
  }

  async setAttributes(path: string, attributes: Attributes): Promise<void> {
    const { place, wanted } = this.#write(path, attributes);
    const node = this.#at(place);
    if (node === undefined) throw notFound(path);
    if (node.type !== "file" && node.type !== "directory") throw obstructed(path);
    Object.assign(node, wanted);
    this.#touched(path);
  }

  async removeFile(path: string): Promise<void> {
    const place = this.#remove(path);
    if (place === undefined) return;
    const { entries } = place.parent;
    const node = this.#at(place);
    if (node !== undefined && node.type !== "file") throw obstructed(path);
    const temporary = temporaryName(place.name);
    if (entries.get(temporary)?.type !== "directory") entries.delete(temporary);
    entries.delete(place.name);
    this.#touched(path);
  }

  async removeDirectory(path: string): Promise<void> {
    const place = this.#remove(path);
    if (place?.name === "") throw invalid("The root directory / cannot be removed.");
    const node = place && this.#at(place);
    if (place === undefined || node === undefined) return;
    if (node.type !== "directory" || node.entries.size > 0) throw obstructed(path);
    place.parent.entries.delete(place.name);
    this.#touched(path);
  }

  /** Where to write, and what the attributes stand for. */
  #write(path: string, attributes: Attributes): { readonly place: Place; readonly wanted: Partial<Numbers> } {
    this.#writes++;
    if (isTemporaryName(partsOf(path).at(-1) ?? "")) {
      throw invalid(`${path} has a name that is kept for unfinished writes.`);
    }
    const wanted = this.#numbers(attributes);
    const { parent, name, obstacle } = this.#reach(path);
    if (parent !== undefined) return { place: { parent, name }, wanted };
    throw obstacle.type === "missing" ? notFound(path) : obstructed(path);
  }

  /** Where to remove something; undefined when nothing can be there, since its parent directory is missing. */
  #remove(path: string): Place | undefined {
    this.#writes++;
    const { parent, name, obstacle } = this.#reach(path);
    if (parent !== undefined) return { parent, name };
    if (obstacle.type === "unreachable") throw obstructed(path);
    return undefined;
  }

  #reach(path: string): (Place & { obstacle?: undefined }) | { parent?: undefined; name: string; obstacle: Obstacle } {
    const parts = partsOf(path);
    const name = parts.pop() ?? "";
    let parent = this.#root;
    for (const [depth, part] of parts.entries()) {
      const node = parent.entries.get(part);
      const upTo = (count: number) => `/${parts.slice(0, count).join("/")}`;
      if (node === undefined) {
        const missingParents = parts.slice(depth).map((_, further) => upTo(depth + further + 1));
        return { name, obstacle: { type: "missing", missingParents, leftover: false } };
      }
      if (node.type !== "directory") {
        const because = node.type === "link" ? "link" : "not-a-directory";
        return { name, obstacle: { type: "unreachable", at: upTo(depth + 1), because } };
      }
      parent = node;
    }
    return { parent, name };
  }

  #at({ parent, name }: Place): Node | undefined {
    return name === "" ? this.#root : parent.entries.get(name);
  }

  #nodeOf(entry: FakeEntry, old: Node | undefined): Node {
    if (entry.type === "link" || entry.type === "special") return entry;
    const numbers = { uid: 0, gid: 0, mode: entry.type === "file" ? 0o644 : 0o755, ...this.#numbers(entry) };
    if (entry.type === "file") {
      const bytes = "text" in entry ? new TextEncoder().encode(entry.text) : entry.bytes.slice();
      return { type: "file", ...numbers, bytes };
    }
    const entries = old?.type === "directory" ? old.entries : new Map<string, Node>();
    return { type: "directory", ...numbers, entries };
  }

  #shown(node: Node): FakeTreeEntry {
    if (node.type === "link" || node.type === "special") return node;
    if (node.type === "directory") return { type: "directory", ...this.#owned(node) };
    try {
      const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(node.bytes);
      return { type: "file", ...this.#owned(node), text };
    } catch {
      return { type: "file", ...this.#owned(node), bytes: node.bytes.slice() };
    }
  }

  #owned({ mode, uid, gid }: Numbers): Owned {
    return {
      mode: mode.toString(8).padStart(4, "0"),
      owner: this.#users.nameOf(uid),
      group: this.#groups.nameOf(gid),
    };
  }

  #numbers({ mode, owner, group }: Attributes): Partial<Numbers> {
    if (mode !== undefined && !/^[0-7]{4}$/.test(mode)) throw invalid(`The mode ${mode} is not four octal digits.`);
    return {
      ...(mode !== undefined && { mode: Number.parseInt(mode, 8) }),
      ...(owner !== undefined && { uid: this.#users.idOf(owner) }),
      ...(group !== undefined && { gid: this.#groups.idOf(group) }),
    };
  }

  #touched(path: string): void {
    for (const watcher of this.#watchers) {
      const { path: at } = watcher;
      const concerned = at === path || at.startsWith(`${path}/`) || at === parentOf(path);
      const leftover = temporaryName(at.slice(at.lastIndexOf("/") + 1));
      if (!concerned && path !== `${at.slice(0, at.lastIndexOf("/"))}/${leftover}`) continue;
      queueMicrotask(() => {
        if (this.#watchers.has(watcher)) watcher.changed();
      });
    }
  }
}

async function gathered(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece.slice());
  return Uint8Array.from(Buffer.concat(all));
}
