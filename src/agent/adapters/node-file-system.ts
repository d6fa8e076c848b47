import { closeSync, fstatSync } from "node:fs";
import type { Attributes, FileSystemEntry, FileSystemHost, SharedText } from "../../capabilities/file-system-host.ts";
import { PortError, type PortProblem } from "../../capabilities/port-error.ts";
import { AccountNames, type Wanted } from "./account-names.ts";
import { DirectoryWatch } from "./directory-watch.ts";
import { FileHashes } from "./file-hashes.ts";
import { FileReads } from "./file-reads.ts";
import { asPortError, busy, invalid, obstructedBy, type Doing } from "./file-system-errors.ts";
import * as writes from "./file-writes.ts";
import { ATTEMPTS, RootedDirectories, type Obstacle, type OpenDirectory } from "./rooted-directories.ts";
import { parsePath, type RootedPath } from "./rooted-path.ts";
import { isTemporaryName } from "./temporary-name.ts";

const HASH_UP_TO = 1024 * 1024;
/** The bit of a directory's mode that lets everybody enter it. */
const ENTERED_BY_ALL = 0o001;

/** How many paths are remembered between two looks; more than that are only looked at a little slower. */
const REMEMBER_AT_MOST = 16_384;

/** A path that was looked at before. `file`: a regular file stood there, so that it is opened without a look beforehand. */
interface Remembered extends RootedPath {
  file: boolean;
}

export interface NodeFileSystemOptions {
  /** The directory that all paths are taken within; default `"/"`. It is opened once, and stays the root when it is moved. */
  readonly root?: string | undefined;
  /** Paths that nothing may be changed at or beneath, such as the agent's own ledger. Default: none. */
  readonly reserved?: readonly string[] | undefined;
  /** Told once for each directory that cannot be watched; changes in it are then found by the periodic check alone. */
  readonly onWatchProblem?: ((problem: PortProblem) => void) | undefined;
}

/**
 * The files of this Linux machine, or those below one directory of it. Needs /proc. Owners and groups are those of
 * /etc/passwd and /etc/group inside the root, else of the host; accounts from elsewhere (LDAP) show as numbers.
 *
 * Names of the form `.<name>.harmony-new` are kept for unfinished writes: they can be read, not written.
 * Watches keep the process alive until {@link close}.
 */
export class NodeFileSystem implements FileSystemHost {
  readonly #directories: RootedDirectories;
  readonly #accounts: AccountNames;
  readonly #reads: FileReads;
  readonly #hashes = new FileHashes();
  readonly #watch: DirectoryWatch;
  readonly #remembered = new Map<string, Remembered>();
  readonly #turns = new Map<string, Promise<void>>();
  readonly #reserved: readonly string[];

  constructor(options: NodeFileSystemOptions = {}) {
    this.#reserved = options.reserved ?? [];
    this.#directories = new RootedDirectories(options.root ?? "/");
    this.#accounts = new AccountNames(this.#directories);
    this.#reads = new FileReads(this.#directories, this.#accounts);
    this.#watch = new DirectoryWatch(this.#directories, options.onWatchProblem ?? (() => undefined));
  }

  /** Ends all watches. A write under way still ends; every later call is refused (`Unavailable`). */
  close(): void {
    this.#watch.close();
    this.#directories.close();
  }

  inspect(path: string, options?: { readonly hashUpTo?: number }): FileSystemEntry {
    try {
      const place = this.#remember(path);
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const parent = this.#directories.open(place.parent);
        if (parent._tag !== "Directory") return unreached(parent);
        if (!place.file) {
          const entry = this.#reads.look(parent, place.leaf);
          if (entry === undefined) continue;
          if (entry !== "file") return entry;
        }
        const entry = this.#reads.file(parent, place.leaf, options?.hashUpTo ?? HASH_UP_TO);
        place.file = entry !== undefined;
        if (entry !== undefined) return entry;
      }
      throw busy("Reading", path);
    } catch (error) {
      throw asPortError(error, "Reading", path);
    }
  }

  async examine(
    path: string,
    { hashUpTo, signal }: { readonly hashUpTo: number; readonly signal: AbortSignal },
  ): Promise<FileSystemEntry> {
    const entry = this.inspect(path, { hashUpTo: 0 });
    if (entry.type !== "file" || entry.size > hashUpTo) return entry;
    try {
      const fd = this.#open(path);
      if (fd === undefined) return this.inspect(path, { hashUpTo: 0 });
      try {
        return { ...entry, sha256: await this.#hashes.of(fd, signal) };
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      throw asPortError(error, "Reading", path);
    }
  }

  sharedText(path: string, { upTo }: { readonly upTo: number }): SharedText {
    try {
      const place = parsePath(path);
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const parent = this.#directories.open(place.parent);
        if (parent._tag !== "Directory") return { type: "none" };
        const there = this.#reads.look(parent, place.leaf);
        if (there === undefined) continue;
        if (there !== "file") return { type: "none" };
        // Those that were opened are the ones that are looked at, since nothing is waited for in between.
        if (!this.#isOpenToAll(place.parent)) return { type: "withheld", because: "private" };
        const told = this.#reads.sharedText(parent, place.leaf, upTo);
        if (told !== undefined) return told;
      }
      throw busy("Reading", path);
    } catch (error) {
      throw asPortError(error, "Reading", path);
    }
  }

  /** Whether everybody may enter the directory, and all those above it; but for the root, which is the whole world here. */
  #isOpenToAll(directory: string): boolean {
    const parts = directory.split("/").filter((part) => part !== "");
    const all = parts.map((_, at) => `/${parts.slice(0, at + 1).join("/")}`);
    return all.every((each) => {
      const opened = this.#directories.open(each);
      return opened._tag === "Directory" && (fstatSync(opened.fd).mode & ENTERED_BY_ALL) !== 0;
    });
  }

  #open(path: string): number | undefined {
    const { parent, leaf } = parsePath(path);
    const opened = this.#directories.open(parent);
    return opened._tag === "Directory" ? this.#reads.open(opened, leaf) : undefined;
  }

  watch(path: string, changed: () => void): () => void {
    this.#directories.open("/");
    return this.#watch.watch(parsePath(path).path, changed);
  }

  makeDirectory(path: string, attributes: Attributes): Promise<void> {
    return this.#write("Making the directory", path, attributes, writes.makeDirectory);
  }

  writeFile(path: string, bytes: Uint8Array, attributes: Attributes): Promise<void> {
    return this.#replace(path, bytes, attributes);
  }

  writePieces(path: string, pieces: AsyncIterable<Uint8Array>, attributes: Attributes): Promise<void> {
    return this.#replace(path, pieces, attributes);
  }

  #replace(path: string, bytes: writes.Bytes, attributes: Attributes): Promise<void> {
    return this.#write("Writing the file", path, attributes, (change, wanted) =>
      writes.replaceFile(change, bytes, wanted),
    );
  }

  setAttributes(path: string, attributes: Attributes): Promise<void> {
    return this.#write("Changing the attributes of", path, attributes, (change, wanted) =>
      writes.setAttributes(change, wanted, this.#directories),
    );
  }

  removeFile(path: string): Promise<void> {
    return this.#remove("Removing the file", path, writes.removeFile);
  }

  removeDirectory(path: string): Promise<void> {
    return this.#remove("Removing the directory", path, writes.removeDirectory);
  }

  async #write(
    doing: Doing,
    path: string,
    attributes: Attributes,
    job: (change: writes.Change, wanted: Wanted) => Promise<void>,
  ): Promise<void> {
    const place = parsePath(path);
    if (isTemporaryName(place.leaf)) throw reserved(path);
    const wanted = this.#accounts.wanted(attributes);
    return this.#inTurn(
      doing,
      place,
      (change) => job(change, wanted),
      (missing) => {
        throw noParent(doing, path, missing);
      },
    );
  }

  async #remove(doing: Doing, path: string, job: (change: writes.Change) => Promise<void>): Promise<void> {
    return this.#inTurn(doing, parsePath(path), job, () => undefined);
  }

  /** Changes of one path wait for each other, because they share its temporary file. */
  async #inTurn(
    doing: Doing,
    place: RootedPath,
    job: (change: writes.Change) => Promise<void>,
    withoutParent: (missing: string) => void,
  ): Promise<void> {
    const kept = this.#reserved.find((each) => place.path === each || place.path.startsWith(`${each}/`));
    if (kept !== undefined) {
      throw invalid(
        `${place.path} is the agent's own: it keeps its ledger in ${kept}.`,
        "Give the Score another path.",
      );
    }
    const before = this.#turns.get(place.path) ?? Promise.resolve();
    const done = before.then(() => this.#change(doing, place, job, withoutParent));
    const over = done.catch(() => undefined);
    this.#turns.set(place.path, over);
    try {
      await done;
    } finally {
      if (this.#turns.get(place.path) === over) this.#turns.delete(place.path);
    }
  }

  async #change(
    doing: Doing,
    path: RootedPath,
    job: (change: writes.Change) => Promise<void>,
    withoutParent: (missing: string) => void,
  ): Promise<void> {
    let parent: OpenDirectory | Obstacle | undefined;
    try {
      parent = this.#directories.hold(path.parent);
      if (parent._tag === "Missing") return withoutParent(parent.paths[0]);
      if (parent._tag === "Unreachable") {
        const there = parent.because === "link" ? "a symbolic link" : "something that is no directory";
        throw obstructedBy(doing, path.path, there, parent.at);
      }
      await job({ doing, path, parent });
    } catch (error) {
      throw asPortError(error, doing, path.path);
    } finally {
      if (parent?._tag === "Directory") this.#directories.release(parent);
    }
  }

  #remember(path: string): Remembered {
    const known = this.#remembered.get(path);
    if (known !== undefined) return known;
    const place = { ...parsePath(path), file: false };
    if (this.#remembered.size >= REMEMBER_AT_MOST) this.#remembered.clear();
    this.#remembered.set(path, place);
    return place;
  }
}

function unreached(obstacle: Obstacle): FileSystemEntry {
  return obstacle._tag === "Missing"
    ? { type: "missing", missingParents: obstacle.paths, leftover: false }
    : { type: "unreachable", at: obstacle.at, because: obstacle.because };
}

const noParent = (doing: Doing, path: string, missing: string): PortError =>
  new PortError({
    code: "NotFound",
    blame: "author",
    message: `${doing} ${path} failed: the directory ${missing} is not there.`,
    next: `Ask for the parent directories of ${path} to be made, or make ${missing} first.`,
  });

const reserved = (path: string): PortError =>
  invalid(
    `${path} has a name that is kept for unfinished writes.`,
    'Choose a name that does not end in ".harmony-new".',
  );
