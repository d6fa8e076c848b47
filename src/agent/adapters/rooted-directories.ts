import fs from "node:fs";
import { PortError } from "../../capabilities/port-error.ts";
import { asPortError, busy, errnoOf } from "./file-system-errors.ts";

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = fs.constants;

/** Linux: a descriptor that only stands for the place. It needs no right to read, and opening it does nothing to a device. */
export const O_PATH = 0o10000000;

/** How often a look at something that another process keeps changing is begun anew. */
export const ATTEMPTS = 8;

/** How many descriptors one slice may hold open. */
const OPEN_AT_MOST = 64;

/** A directory that is held open. `prefix + name` reaches into it, wherever it has been moved to. */
export interface OpenDirectory {
  readonly _tag: "Directory";
  readonly fd: number;
  readonly prefix: string;
}

/** Why a directory could not be entered. */
export type Obstacle =
  /** The missing directories, outermost first. */
  | { readonly _tag: "Missing"; readonly paths: readonly [string, ...string[]] }
  | { readonly _tag: "Unreachable"; readonly at: string; readonly because: "link" | "not-a-directory" };

/**
 * Opens directories below a root that is itself opened once, part by part and without following links. Node has no
 * openat(2), so each part is opened through the kernel's own name for its parent's descriptor, `/proc/<pid>/fd/<n>/`.
 *
 * What {@link open} opens stays open until the event loop gets its turn (the microtasks that follow at once included),
 * so that a pass over many files of one directory enters it once. Within that slice a directory that was opened stays
 * the one that is looked at, even when it is replaced meanwhile.
 */
export class RootedDirectories {
  readonly #descriptors: string;
  readonly #opened = new Map<string, OpenDirectory>();
  #root: OpenDirectory | undefined;
  #slice = 0;
  #inSlice = false;

  constructor(root: string) {
    try {
      // Naming the process saves the lookup of "self" in every call; it is another number when /proc shows other ids.
      const self = fs.readlinkSync("/proc/self") === String(process.pid) ? process.pid : "self";
      this.#descriptors = `/proc/${self}/fd/`;
    } catch (error) {
      throw asPortError(error, "Reading", "/proc/self");
    }
    try {
      this.#root = this.#directory(fs.openSync(root, O_PATH | O_DIRECTORY));
    } catch (error) {
      throw asPortError(error, "Entering the directory", root);
    }
  }

  /** The number of the present slice, which begins with the first question in it. */
  get slice(): number {
    if (!this.#inSlice) {
      this.#inSlice = true;
      process.nextTick(() => {
        this.#inSlice = false;
        this.#slice++;
        this.forget();
      });
    }
    return this.#slice;
  }

  /** Enters a directory, named by a checked path. The descriptor is lent for the present slice; do not keep it over an await. */
  open(path: string): OpenDirectory | Obstacle {
    const opened = this.#opened.get(path);
    if (opened !== undefined) return opened;
    if (this.#root === undefined) throw closed();
    // The question alone begins the slice, at whose end the descriptors are closed.
    void this.slice;
    return path === "/" ? this.#root : this.#enter(path);
  }

  /** As {@link open}, but readable, anew, and the caller's own until {@link release}. */
  hold(path: string): OpenDirectory | Obstacle {
    this.forget();
    const lent = this.open(path);
    if (lent._tag !== "Directory") return lent;
    try {
      return this.#directory(fs.openSync(this.through(lent.fd), O_RDONLY | O_DIRECTORY));
    } catch (error) {
      throw asPortError(error, "Entering the directory", path);
    }
  }

  /** Closes what {@link hold} gave. */
  release(held: OpenDirectory): void {
    fs.closeSync(held.fd);
  }

  /** A path that leads to exactly what the descriptor stands for. */
  through(fd: number): string {
    return `${this.#descriptors}${fd}`;
  }

  /** Closes what the slice has opened, so that the next question looks anew. */
  forget(): void {
    for (const { fd } of this.#opened.values()) fs.closeSync(fd);
    this.#opened.clear();
  }

  close(): void {
    this.forget();
    if (this.#root !== undefined) fs.closeSync(this.#root.fd);
    this.#root = undefined;
  }

  #enter(path: string): OpenDirectory | Obstacle {
    const cut = path.lastIndexOf("/");
    const parent = this.open(cut === 0 ? "/" : path.slice(0, cut));
    if (parent._tag === "Missing") return { _tag: "Missing", paths: [...parent.paths, path] };
    if (parent._tag === "Unreachable") return parent;
    const at = parent.prefix + path.slice(cut + 1);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        const entered = this.#directory(fs.openSync(at, O_PATH | O_DIRECTORY | O_NOFOLLOW));
        if (this.#opened.size >= OPEN_AT_MOST) this.forget();
        this.#opened.set(path, entered);
        return entered;
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === "ENOENT") return { _tag: "Missing", paths: [path] };
        if (errno !== "ENOTDIR" && errno !== "ELOOP") throw asPortError(error, "Entering the directory", path);
      }
      const there = fs.lstatSync(at, { throwIfNoEntry: false });
      if (there?.isDirectory() === false) {
        return { _tag: "Unreachable", at: path, because: there.isSymbolicLink() ? "link" : "not-a-directory" };
      }
    }
    throw busy("Entering the directory", path);
  }

  #directory(fd: number): OpenDirectory {
    return { _tag: "Directory", fd, prefix: `${this.through(fd)}/` };
  }
}

const closed = (): PortError =>
  new PortError({
    code: "Unavailable",
    blame: "platform",
    message: "The file system adapter was used after it was closed.",
    next: "Report this as a fault of the agent.",
  });
