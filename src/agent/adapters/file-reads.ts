import { createHash, hash } from "node:crypto";
import fs from "node:fs";
import type { FileSystemEntry, SharedText } from "../../capabilities/file-system-host.ts";
import type { AccountNames } from "./account-names.ts";
import { errnoOf } from "./file-system-errors.ts";
import type { OpenDirectory, RootedDirectories } from "./rooted-directories.ts";
import { temporaryName } from "./temporary-name.ts";

const { O_DIRECTORY, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants;

/** Neither waits for the writer of a fifo, nor makes a terminal ours, nor follows a link. */
const O_LOOK = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

/** Larger files are read and hashed in pieces of this many bytes. */
const PIECE = 64 * 1024;

/** What another process may do to a name between two looks at it; the caller looks again. */
const CHANGED: ReadonlySet<string | undefined> = new Set(["ENOENT", "ELOOP", "ENOTDIR", "ENXIO", "EINVAL"]);

/** The bit of a file's mode that lets everybody read it. */
const READ_BY_ALL = 0o004;

/** Null for what is no text. */
function textIn(bytes: Uint8Array): string | null {
  if (bytes.includes(0)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

const MODES = new Map<number, string>();

function octal(mode: number): string {
  const bits = mode & 0o7777;
  let text = MODES.get(bits);
  if (text === undefined) MODES.set(bits, (text = bits.toString(8).padStart(4, "0")));
  return text;
}

/** Classifies and reads what stands at a name in an opened directory. Every method gives undefined when it changed meanwhile. */
export class FileReads {
  readonly #directories: RootedDirectories;
  readonly #accounts: AccountNames;
  readonly #piece = Buffer.allocUnsafe(PIECE);

  constructor(directories: RootedDirectories, accounts: AccountNames) {
    this.#directories = directories;
    this.#accounts = accounts;
  }

  /** Looks without opening, since to open a device or a fifo can set it off. For a regular file the answer is just `"file"`. */
  look(parent: OpenDirectory, name: string): FileSystemEntry | "file" | undefined {
    const at = parent.prefix + name;
    const stats = fs.lstatSync(at, { throwIfNoEntry: false });
    if (stats === undefined) {
      const leftover = fs.lstatSync(parent.prefix + temporaryName(name), { throwIfNoEntry: false })?.isFile() === true;
      return { type: "missing", missingParents: [], leftover };
    }
    if (stats.isFile()) return "file";
    if (stats.isDirectory()) return this.#directory(at);
    return stats.isSymbolicLink() ? this.#link(at) : { type: "special" };
  }

  /** Reads and hashes a regular file of at most `hashUpTo` bytes. */
  file(parent: OpenDirectory, name: string, hashUpTo: number): FileSystemEntry | undefined {
    const fd = this.#open(parent.prefix + name, O_LOOK);
    if (fd === undefined) return undefined;
    try {
      return this.#file(fd, hashUpTo, false);
    } finally {
      fs.closeSync(fd);
    }
  }

  /** A regular file, for whoever reads it and closes it. */
  open(parent: OpenDirectory, name: string): number | undefined {
    const fd = this.#open(parent.prefix + name, O_LOOK);
    if (fd === undefined || fs.fstatSync(fd).isFile()) return fd;
    fs.closeSync(fd);
    return undefined;
  }

  /** The text of a regular file that everybody may read. Of another one nothing is read. */
  sharedText(parent: OpenDirectory, name: string, upTo: number): SharedText | undefined {
    const fd = this.#open(parent.prefix + name, O_LOOK);
    if (fd === undefined) return undefined;
    try {
      const stats = fs.fstatSync(fd);
      if (!stats.isFile()) return undefined;
      if ((stats.mode & READ_BY_ALL) === 0) return { type: "withheld", because: "private" };
      // One byte more tells whether there are more, whatever the size was said to be.
      const bytes = Buffer.alloc(upTo + 1);
      let size = 0;
      for (let got = -1; got !== 0 && size < bytes.length; size += got) {
        got = fs.readSync(fd, bytes, size, bytes.length - size, size);
      }
      if (size > upTo) return { type: "withheld", because: "too-large" };
      const text = textIn(bytes.subarray(0, size));
      return text === null ? { type: "withheld", because: "no-text" } : { type: "text", text };
    } finally {
      fs.closeSync(fd);
    }
  }

  #file(fd: number, hashUpTo: number, again: boolean): FileSystemEntry | undefined {
    const stats = fs.fstatSync(fd);
    if (!stats.isFile()) return undefined;
    const { uid, gid } = stats;
    let { size } = stats;
    let sha256: string | null = null;
    if (size <= hashUpTo) {
      const read = this.#read(fd, size, hashUpTo);
      // Somebody is writing to it (or it is a file of /proc, which tells no size): try once more for a quiet moment.
      if (read.size !== size && !again) return this.#file(fd, hashUpTo, true);
      ({ size, sha256 } = read);
    }
    const mode = octal(stats.mode);
    return {
      type: "file",
      owner: this.#accounts.user(uid),
      group: this.#accounts.group(gid),
      uid,
      gid,
      size,
      mode,
      sha256,
    };
  }

  #directory(at: string): FileSystemEntry | undefined {
    const fd = this.#open(at, O_LOOK | O_DIRECTORY);
    if (fd === undefined) return undefined;
    try {
      const { uid, gid, mode } = fs.fstatSync(fd);
      const owner = this.#accounts.user(uid);
      const group = this.#accounts.group(gid);
      return { type: "directory", owner, group, uid, gid, mode: octal(mode), empty: this.#isEmpty(fd) };
    } finally {
      fs.closeSync(fd);
    }
  }

  #isEmpty(fd: number): boolean {
    const listing = fs.opendirSync(this.#directories.through(fd));
    try {
      return listing.readSync() === null;
    } finally {
      listing.closeSync();
    }
  }

  /** The size is that of the bytes that were hashed, which may differ from what the system told before. */
  #read(fd: number, expected: number, atMost: number): { readonly size: number; readonly sha256: string | null } {
    const head = fs.readSync(fd, this.#piece, 0, PIECE, 0);
    if (head === expected && head < PIECE) {
      return { size: head, sha256: hash("sha256", this.#piece.subarray(0, head), "hex") };
    }
    const sum = createHash("sha256");
    let size = 0;
    for (let got = head; got > 0; got = fs.readSync(fd, this.#piece, 0, PIECE, size)) {
      sum.update(this.#piece.subarray(0, got));
      size += got;
      if (size > atMost) return { size: Math.max(size, fs.fstatSync(fd).size), sha256: null };
    }
    return { size, sha256: sum.digest("hex") };
  }

  #open(at: string, flags: number): number | undefined {
    try {
      return fs.openSync(at, flags);
    } catch (error) {
      if (CHANGED.has(errnoOf(error))) return undefined;
      throw error;
    }
  }

  #link(at: string): FileSystemEntry | undefined {
    try {
      return { type: "link", target: fs.readlinkSync(at) };
    } catch (error) {
      if (CHANGED.has(errnoOf(error))) return undefined;
      throw error;
    }
  }
}
