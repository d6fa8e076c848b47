import fs from "node:fs";
import { chmod, chown, lstat, mkdir, open, rmdir, unlink } from "node:fs/promises";
import { promisify } from "node:util";
import { PortError } from "../../capabilities/port-error.ts";
import type { Wanted } from "./account-names.ts";
import { busy, errnoOf, invalid, obstructedBy, type Doing } from "./file-system-errors.ts";
import { O_PATH, type OpenDirectory, type RootedDirectories } from "./rooted-directories.ts";
import type { RootedPath } from "./rooted-path.ts";
import { temporaryName } from "./temporary-name.ts";

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = fs.constants;

const sync = promisify(fs.fsync);

/** The sync of each directory that is to come, and the one that is under way. */
const coming = new Map<string, Promise<void>>();
const underWay = new Map<string, Promise<void>>();

/**
 * Syncs a directory, once for all who ask before it begins: of many files that are written side by side in one directory,
 * each would else have the disk write the same block.
 */
function syncDirectory({ fd }: Pick<OpenDirectory, "fd">): Promise<void> {
  const { dev, ino } = fs.fstatSync(fd);
  const key = `${dev}:${ino}`;
  const shared = coming.get(key);
  if (shared !== undefined) return shared;
  // The descriptor stays open until then: who opened it waits for this.
  const own = (underWay.get(key) ?? Promise.resolve())
    .catch(() => {})
    .then(async () => {
      coming.delete(key);
      const begun = sync(fd);
      underWay.set(key, begun);
      await begun.finally(() => void (underWay.get(key) === begun && underWay.delete(key)));
    });
  coming.set(key, own);
  return own;
}

/** The agent's own user and group, as every new entry gets them. */
const own = () => ({ uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 });

/** One change to come: what is done to which path, and the parent directory of it, held open. */
export interface Change {
  readonly doing: Doing;
  readonly path: RootedPath;
  readonly parent: OpenDirectory;
}

/** All at once, or piece by piece. */
export type Bytes = Uint8Array | AsyncIterable<Uint8Array>;

/** Up to so many bytes are handed to the kernel at once; of more, so many at a time, and others go on in between. */
const AT_ONCE_BYTES = 256 * 1024;
/** Where more waits to be written, the kernel makes whoever writes wait for it, and with it all that the agent does. */
const SYNC_EACH_BYTES = 8 * 1024 * 1024;

/**
 * Puts a new file in the place of what is there, so that a reader sees the old bytes or the new ones. Only what waits for
 * the disk is waited for: the other calls take microseconds each, and many times that on their way through the thread pool.
 */
export async function replaceFile(change: Change, bytes: Bytes, wanted: Wanted): Promise<void> {
  const { path, parent } = change;
  const target = parent.prefix + path.leaf;
  const temporary = parent.prefix + temporaryName(path.leaf);
  const old = regularFileNow(change) ?? own();
  const fd = create(change, temporary);
  try {
    await fill(fd, bytes, { mode: wanted.mode ?? 0o644, uid: wanted.uid ?? old.uid, gid: wanted.gid ?? old.gid });
    regularFileNow(change);
    if (fs.lstatSync(temporary).ino !== fs.fstatSync(fd).ino) throw busy(change.doing, path.path);
    fs.renameSync(temporary, target);
  } catch (error) {
    // The first error is the one to tell; what stays behind is reported as a leftover and cleared by the next write.
    await unlink(temporary).catch(() => undefined);
    throw error;
  } finally {
    fs.closeSync(fd);
  }
  await syncDirectory(parent);
}

/** Makes the temporary file, in the place of one that an interrupted write left behind. */
function create({ doing, path }: Change, temporary: string): number {
  try {
    unlinkNow(temporary);
    return fs.openSync(temporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EEXIST") throw busy(doing, path.path);
    if (errno !== "EISDIR") throw error;
    const at = `${path.parent === "/" ? "" : path.parent}/${temporaryName(path.leaf)}`;
    throw obstructedBy(doing, path.path, "a directory", at);
  }
}

async function fill(fd: number, bytes: Bytes, wanted: { mode: number; uid: number; gid: number }) {
  if (bytes instanceof Uint8Array) await write(fd, bytes);
  else {
    let unsynced = 0;
    for await (const piece of bytes) {
      await write(fd, piece);
      unsynced += piece.length;
      if (unsynced < SYNC_EACH_BYTES) continue;
      await sync(fd);
      unsynced = 0;
    }
  }
  const { uid, gid } = fs.fstatSync(fd);
  if (uid !== wanted.uid || gid !== wanted.gid) fs.fchownSync(fd, wanted.uid, wanted.gid);
  // After the owner, because a change of owner clears the set-user-id bit.
  fs.fchmodSync(fd, wanted.mode);
  await sync(fd);
}

async function write(fd: number, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += fs.writeSync(fd, bytes, written, Math.min(AT_ONCE_BYTES, bytes.length - written));
    if (written < bytes.length) await new Promise((resume) => setImmediate(resume));
  }
}

export async function makeDirectory(change: Change, wanted: Wanted): Promise<void> {
  const { doing, path, parent } = change;
  const at = parent.prefix + path.leaf;
  try {
    await mkdir(at, 0o700);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
    const there = await lstat(at);
    if (there.isDirectory()) return;
    throw obstructedBy(doing, path.path, sortOf(there), path.path);
  }
  try {
    const made = await open(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      const { uid, gid } = await made.stat();
      if (uid !== own().uid) throw busy(doing, path.path);
      const shall = { uid: wanted.uid ?? own().uid, gid: wanted.gid ?? own().gid };
      if (uid !== shall.uid || gid !== shall.gid) await made.chown(shall.uid, shall.gid);
      await made.chmod(wanted.mode ?? 0o755);
      await made.sync();
    } finally {
      await made.close();
    }
  } catch (error) {
    // Half a directory would pass for a whole one at the next call.
    await rmdir(at).catch(() => undefined);
    throw error;
  }
  await syncDirectory(parent);
}

export async function setAttributes(change: Change, wanted: Wanted, directories: RootedDirectories): Promise<void> {
  const { doing, path, parent } = change;
  const held = await open(parent.prefix + path.leaf, O_PATH | O_NOFOLLOW);
  try {
    const was = await held.stat();
    if (!was.isFile() && !was.isDirectory()) throw obstructedBy(doing, path.path, sortOf(was), path.path);
    if (was.isFile() && was.nlink > 1) throw severalNames(change);
    const through = directories.through(held.fd);
    const [uid, gid] = [wanted.uid ?? was.uid, wanted.gid ?? was.gid];
    if (uid !== was.uid || gid !== was.gid) await chown(through, uid, gid);
    const mode = wanted.mode ?? was.mode & 0o7777;
    // A change of owner clears the set-user-id bit, so the mode is compared anew.
    if (((await held.stat()).mode & 0o7777) !== mode) await chmod(through, mode);
  } finally {
    await held.close();
  }
}

export async function removeFile(change: Change): Promise<void> {
  const { path, parent } = change;
  regularFileNow(change);
  const removed = await unlinkIfThere(parent.prefix + path.leaf);
  const cleared = await unlinkLeftover(parent.prefix + temporaryName(path.leaf));
  if (removed || cleared) await syncDirectory(parent);
}

export async function removeDirectory({ doing, path, parent }: Change): Promise<void> {
  if (path.leaf === "") throw invalid("The root directory / cannot be removed.", "Name a directory below it.");
  const at = parent.prefix + path.leaf;
  const there = await ifThere(lstat(at));
  if (there === undefined) return;
  if (!there.isDirectory()) throw obstructedBy(doing, path.path, sortOf(there), path.path);
  await ifThere(rmdir(at));
  await syncDirectory(parent);
}

/** The owner of the regular file at the path, undefined when there is none; refuses anything else. */
function regularFileNow({ doing, path, parent }: Change): fs.Stats | undefined {
  const there = fs.lstatSync(parent.prefix + path.leaf, { throwIfNoEntry: false });
  if (there?.isFile() === false) throw obstructedBy(doing, path.path, sortOf(there), path.path);
  return there;
}

function unlinkNow(at: string): void {
  try {
    fs.unlinkSync(at);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

async function unlinkIfThere(at: string): Promise<boolean> {
  return (await ifThere(unlink(at).then(() => true))) ?? false;
}

/** No write leaves a directory behind, so that one is not ours to remove. */
async function unlinkLeftover(at: string): Promise<boolean> {
  try {
    return await unlinkIfThere(at);
  } catch (error) {
    if (errnoOf(error) === "EISDIR") return false;
    throw error;
  }
}

async function ifThere<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function sortOf(there: fs.Stats): string {
  if (there.isSymbolicLink()) return "a symbolic link";
  if (there.isDirectory()) return "a directory";
  return there.isFile() ? "a regular file" : "a fifo, socket or device";
}

/** Another name of the file may lie outside the root, or belong to somebody who must not gain by the change. */
const severalNames = ({ doing, path: { path } }: Change): PortError =>
  new PortError({
    code: "Obstructed",
    blame: "device",
    message: `${doing} ${path} was refused: the file has other names (hard links), which the change would reach too.`,
    next: `Write ${path} anew, which gives it a file of its own, or remove its other names.`,
  });
