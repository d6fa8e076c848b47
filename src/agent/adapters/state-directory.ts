import fs, { constants } from "node:fs";
import { lstat, mkdir, open, readFile, rename, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { PortError } from "../../capabilities/port-error.ts";
import type { Disk, Space } from "../disk.ts";

const DEFAULT = ["var", "lib", "harmony-edge", "agent"];

/** Where it is: `path`, or `/var/lib/harmony-edge/agent` within the root. */
export const statePath = (root: string, path: string | null): string => path ?? join(root, ...DEFAULT);

const dataSync = promisify(fs.fdatasync);

/** The agent's own directory, mode 0700, made if missing. */
export class StateDirectory implements Disk {
  readonly path: string;

  /** `path` must be there for writing; see {@link StateDirectory.open}. */
  constructor(path: string) {
    this.path = path;
  }

  /** `path` null: `/var/lib/harmony-edge/agent` within the root, and no link on the way there may lead out of it. */
  static async open(root: string, path: string | null): Promise<StateDirectory> {
    const chosen = statePath(root, path);
    await told(chosen, async () => {
      if (path === null) await refuseLinks(root);
      // What leads there is not the agent's: a /var that only the agent may enter would be of no use to others.
      await mkdir(dirname(chosen), { recursive: true });
      await mkdir(chosen, { recursive: true, mode: 0o700 });
    });
    return new StateDirectory(chosen);
  }

  read(name: string): Promise<Uint8Array | null> {
    return told(join(this.path, name), async () => {
      try {
        return await readFile(join(this.path, name), { flag: constants.O_RDONLY | constants.O_NOFOLLOW });
      } catch (error) {
        if (codeOf(error) === "ENOENT") return null;
        throw error;
      }
    });
  }

  replace(name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.path, name);
    return told(path, async () => {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
      const file = await open(`${path}.new`, flags, 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${path}.new`, path);
      await this.#syncDirectory();
    });
  }

  append(name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.path, name);
    return told(path, async () => {
      const flags = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
      // Direct calls, as for the files of Scores: only the disk is worth waiting for.
      const fd = fs.openSync(path, flags, 0o600);
      try {
        const { size } = fs.fstatSync(fd);
        // A crash may have cut the last line short. What comes now must not be glued to its stump and be lost with it.
        const last = Buffer.alloc(1);
        const torn = size > 0 && fs.readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE;
        const whole = torn ? Buffer.concat([Buffer.of(NEWLINE), bytes]) : bytes;
        try {
          for (let written = 0; written < whole.length;) written += fs.writeSync(fd, whole, written);
          await dataSync(fd);
        } catch (error) {
          takeBack(fd, size);
          throw error;
        }
        if (size === 0) await this.#syncDirectory();
      } finally {
        fs.closeSync(fd);
      }
    });
  }

  space(): Promise<Space | null> {
    return spaceAt(this.path);
  }

  async #syncDirectory(): Promise<void> {
    const directory = await open(this.path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

/** Root may use what is kept from others, and some file systems keep nothing. */
export async function spaceAt(path: string): Promise<Space | null> {
  const found = await statfs(path).catch(() => null);
  if (found === null) return null;
  const free = process.geteuid?.() === 0 ? found.bfree : found.bavail;
  return { freeBytes: free * found.bsize, totalBytes: found.blocks * found.bsize };
}

async function refuseLinks(root: string): Promise<void> {
  for (let depth = 1; depth <= DEFAULT.length; depth += 1) {
    const path = resolve(root, ...DEFAULT.slice(0, depth));
    const entry = await lstat(path).catch(() => null);
    if (entry === null) return;
    if (!entry.isDirectory()) throw new Error(`${path} is not a real directory; name another with --state-dir`);
  }
}

const NEWLINE = 0x0a;

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");

async function told<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const code = codeOf(error);
    const full = code === "ENOSPC" || code === "EDQUOT";
    throw new PortError(
      {
        code: full
          ? "NoSpace"
          : code === "EROFS"
            ? "ReadOnly"
            : code === "EACCES" || code === "EPERM"
              ? "NotPermitted"
              : "Failed",
        message: `the agent cannot keep what it has to remember at ${path}: ${error instanceof Error ? error.message : String(error)}`,
        blame: "device",
        next: full
          ? "Free some space on the device; the agent tries again by itself."
          : "See to it that the agent may write its state directory.",
      },
      { cause: error },
    );
  }
}

/** Lines of an append that failed are written again, and would else be there twice, between newer ones. */
function takeBack(fd: number, size: number): void {
  try {
    fs.ftruncateSync(fd, size);
  } catch {
    // The disk takes nothing any more. Whoever reads the lines twice has to come to the same.
  }
}
