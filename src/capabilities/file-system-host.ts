import { capability } from "./capability.ts";

/** Who owns an entry: the names as the host knows them (the number in decimal where it knows none), and the numbers. */
export interface Ownership {
  readonly owner: string;
  readonly group: string;
  readonly uid: number;
  readonly gid: number;
}

/** What stands at a path. Symbolic links are never followed, neither at the path nor on the way to it. */
export type FileSystemEntry =
  | {
      readonly type: "missing";
      /** The ancestors that are missing too, outermost first; empty when the parent directory is there. */
      readonly missingParents: readonly string[];
      /**
       * True when an interrupted `writeFile` left its temporary file `.<name>.harmony-new` behind; the next `writeFile` or
       * `removeFile` clears it.
       */
      readonly leftover: boolean;
    }
  | (Ownership & {
      readonly type: "file";
      /** Bytes. */
      readonly size: number;
      /** Permission bits as four octal digits, `"0644"`. */
      readonly mode: string;
      /** Lower-case hexadecimal; null when the file is larger than the `hashUpTo` that was asked for. */
      readonly sha256: string | null;
    })
  | (Ownership & { readonly type: "directory"; readonly mode: string; readonly empty: boolean })
  | { readonly type: "link"; readonly target: string }
  /** A fifo, a socket or a device. */
  | { readonly type: "special" }
  /** An ancestor is not a directory: a link or a file stands at `at`. */
  | { readonly type: "unreachable"; readonly at: string; readonly because: "link" | "not-a-directory" };

/** The text of a file that everybody on the host may read, or why it is not told. */
export type SharedText =
  | { readonly type: "text"; readonly text: string }
  /** No regular file stands there. */
  | { readonly type: "none" }
  /**
   * `private`: not everybody on the host may read the file, or enter one of the directories on the way. `too-large`: it has more
   * bytes than were asked for. `no-text`: it is no UTF-8, or holds a NUL.
   */
  | { readonly type: "withheld"; readonly because: "private" | "too-large" | "no-text" };

/** The permissions and owner that a new or changed entry shall have; what is left out is left as it is. */
export interface Attributes {
  /** Four octal digits. */
  readonly mode?: string | undefined;
  /** A name or a decimal number. A name that the host does not know is refused (`Invalid`). */
  readonly owner?: string | undefined;
  readonly group?: string | undefined;
}

/**
 * A place that has files. All paths are absolute and normalised (no `.`, `..`, empty part, NUL or trailing slash) and
 * are taken within the adapter's root; no call can reach anything outside it, by any path or link.
 *
 * Reads are synchronous because that is two to seven times faster on Node, and cheap enough (some microseconds) for a
 * pass that yields every few milliseconds. Writes may wait for the disk and are asynchronous.
 *
 * Every call throws (or rejects with) {@link PortError} alone.
 */
export interface FileSystemHost {
  /** Looks at a path. A regular file of at most `hashUpTo` bytes (default 1 MiB) is read whole and hashed. */
  inspect(path: string, options?: { readonly hashUpTo?: number }): FileSystemEntry;
  /**
   * As {@link inspect}, for a file of any size: it is read a slice at a time, and others go on in between. One that has the
   * inode, size and times that it had when it was hashed last is not read again, for a day at the most.
   */
  examine(path: string, options: { readonly hashUpTo: number; readonly signal: AbortSignal }): Promise<FileSystemEntry>;
  /**
   * The whole text of a regular file of at most `upTo` bytes that everybody on the host may read: whoever runs a program here
   * could see it as well. Nothing of any other file is read. Asked for a plan alone.
   */
  sharedText(path: string, options: { readonly upTo: number }): SharedText;
  /** Tells when the entry at `path` may have changed. Never misses on purpose, may tell too often; returns the way to stop. */
  watch(path: string, changed: () => void): () => void;
  /**
   * Makes one directory, durably. Its parent must exist (`NotFound`). Mode defaults to `"0755"`, owner and group to the
   * agent's own. Succeeds when a directory is there already, whose attributes it leaves alone.
   */
  makeDirectory(path: string, attributes: Attributes): Promise<void>;
  /**
   * Puts a regular file at `path` with exactly these bytes, atomically and durably (temporary file, fsync, rename, fsync
   * of the directory). Replaces a regular file; refuses (`Obstructed`) anything else that stands there.
   * Mode defaults to `"0644"`; owner and group default to those of the file it replaces, else to the agent's own.
   */
  writeFile(path: string, bytes: Uint8Array, attributes: Attributes): Promise<void>;
  /**
   * As {@link writeFile}, of any size: the pieces are never held together. Where they end with an error, nothing has happened,
   * and this rejects with that error.
   */
  writePieces(path: string, pieces: AsyncIterable<Uint8Array>, attributes: Attributes): Promise<void>;
  /**
   * Sets permissions and owner of the regular file or directory at `path`; refuses anything else, and a file that has
   * other names (hard links), which the change would reach too (`Obstructed`).
   */
  setAttributes(path: string, attributes: Attributes): Promise<void>;
  /** Removes the regular file at `path` and what an interrupted write left beside it. Succeeds when there is none; refuses anything else (`Obstructed`). */
  removeFile(path: string): Promise<void>;
  /** Removes the directory at `path`. Succeeds when there is none; refuses (`Obstructed`) what is not an empty directory. */
  removeDirectory(path: string): Promise<void>;
}

export const FileSystemHost = capability<FileSystemHost>()("FileSystemHost", {
  reads: ["inspect", "examine", "sharedText", "watch"],
});
