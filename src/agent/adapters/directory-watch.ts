import fs from "node:fs";
import { PortError, type PortProblem } from "../../capabilities/port-error.ts";
import { asPortError, errnoOf } from "./file-system-errors.ts";
import type { RootedDirectories } from "./rooted-directories.ts";
import { isTemporaryName, temporaryName } from "./temporary-name.ts";

/** A path that is watched, or an ancestor of one. */
interface Watched {
  readonly path: string;
  readonly children: Map<string, Watched>;
  readonly listeners: Set<() => void>;
  watcher: fs.FSWatcher | undefined;
  /** The last attempt to watch it failed, which has been told. */
  failed: boolean;
}

const watched = (path: string): Watched => ({
  path,
  children: new Map(),
  listeners: new Set(),
  watcher: undefined,
  failed: false,
});

/**
 * Watches every directory on the way to the wanted paths, each once: the nearest one for the entry itself, the others
 * because the kernel's watch is on a directory and not on its name, and so goes blind when the directory is replaced.
 * A path that is itself a directory is watched too, for it may become empty.
 */
export class DirectoryWatch {
  readonly #directories: RootedDirectories;
  readonly #tell: (problem: PortProblem) => void;
  readonly #root = watched("/");

  constructor(directories: RootedDirectories, tell: (problem: PortProblem) => void) {
    this.#directories = directories;
    this.#tell = tell;
  }

  /** `path` is a checked path. */
  watch(path: string, changed: () => void): () => void {
    // What the slice holds open may have been replaced already, and would be watched in vain.
    this.#directories.forget();
    const way = [this.#root];
    let node = this.#root;
    for (const name of path === "/" ? [] : path.slice(1).split("/")) {
      if (node.watcher === undefined && !node.failed) this.#arm(node);
      const child = node.children.get(name) ?? watched(`${node === this.#root ? "" : node.path}/${name}`);
      node.children.set(name, child);
      way.push((node = child));
    }
    if (node.watcher === undefined && !node.failed) this.#arm(node);
    const last = node;
    const listener = () => {
      if (last.listeners.has(listener)) changed();
    };
    last.listeners.add(listener);
    return () => {
      // A second call must not prune what has been watched again since.
      if (last.listeners.delete(listener)) prune(way);
    };
  }

  close(): void {
    const close = (node: Watched) => {
      node.listeners.clear();
      disarm(node);
      for (const child of node.children.values()) close(child);
    };
    close(this.#root);
    this.#root.children.clear();
  }

  /** From the outside in: what appears in a directory after it was opened is then told by the directory's own watch. */
  #arm(node: Watched): void {
    const old = node.watcher;
    node.watcher = undefined;
    try {
      const directory = this.#directories.open(node.path);
      if (directory._tag === "Directory") node.watcher = this.#watcher(node, directory.fd);
      node.failed = false;
    } catch (error) {
      this.#failed(node, error);
    }
    old?.close();
  }

  #watcher(node: Watched, fd: number): fs.FSWatcher {
    const watcher = fs.watch(this.#directories.through(fd));
    watcher.on("change", (type, name) => {
      if (node.watcher === watcher) this.#happened(node, type === "rename", name === null ? null : String(name));
    });
    watcher.on("error", (error) => {
      if (node.watcher !== watcher) return;
      disarm(node);
      this.#failed(node, error);
    });
    return watcher;
  }

  #happened(node: Watched, renamed: boolean, name: string | null): void {
    if (name === null) return this.#touched(node, true);
    const child = node.children.get(name);
    if (child !== undefined) this.#touched(child, renamed);
    else if (isTemporaryName(name)) {
      for (const [target, { listeners }] of node.children) if (temporaryName(target) === name) call([...listeners]);
    }
    // An entry that came or went; or the directory itself, which counts as renamed, under no certain name.
    if (renamed) call([...node.listeners]);
  }

  /** The entry may have been replaced, and with it everything beneath. */
  #touched(node: Watched, renamed: boolean): void {
    this.#directories.forget();
    const arm = (beneath: Watched) => {
      if (renamed || beneath.watcher === undefined) this.#arm(beneath);
      for (const child of beneath.children.values()) arm(child);
    };
    arm(node);
    call(listenersIn(node));
  }

  #failed(node: Watched, error: unknown): void {
    const problem = problemOf(error, node.path);
    if (!node.failed) this.#tell(problem);
    node.failed = true;
  }
}

/** Those of the entry itself and of everything beneath. */
const listenersIn = (node: Watched): (() => void)[] => [
  ...node.listeners,
  ...[...node.children.values()].flatMap(listenersIn),
];

function call(listeners: readonly (() => void)[]): void {
  for (const listener of listeners) listener();
}

function disarm(node: Watched): void {
  node.watcher?.close();
  node.watcher = undefined;
}

/** Drops what nobody needs any more, from the path upwards. */
function prune(way: readonly Watched[]): void {
  for (const [depth, node] of [...way.entries()].toReversed()) {
    if (node.children.size > 0 || node.listeners.size > 0) return;
    disarm(node);
    const parent = way[depth - 1];
    if (parent !== undefined) parent.children.delete(node.path.slice(node.path.lastIndexOf("/") + 1));
  }
}

function problemOf(error: unknown, path: string): PortProblem {
  const errno = errnoOf(error);
  if (errno === "ENOSPC" || errno === "EMFILE") {
    return {
      code: "Unavailable",
      blame: "device",
      message: `Watching ${path} failed: the system's limit of inotify watches is used up (${errno}).`,
      next: "Raise fs.inotify.max_user_watches and fs.inotify.max_user_instances; until then the periodic check finds changes later.",
    };
  }
  const known = asPortError(error, "Watching", path);
  if (known instanceof PortError) return known.problem;
  throw known;
}
