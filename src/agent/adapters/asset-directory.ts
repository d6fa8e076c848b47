import { createHash } from "node:crypto";
import fs from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PortError } from "../../capabilities/port-error.ts";
import type { AssetRef } from "../../scores/asset.ts";
import type { AssetDisk, Held, Part, Room } from "../assets/asset-disk.ts";
import { AssetPart, AT, PART } from "./asset-part.ts";
import { slicesOf } from "./file-hashes.ts";
import { asPortError, errnoOf } from "./file-system-errors.ts";
import { spaceAt } from "./state-directory.ts";

const { O_NOFOLLOW, O_RDONLY } = fs.constants;
const NAME = /^([0-9a-f]{64})(\.part)?$/;

/** The cache of assets: each under its hash, what is on its way as `.part`, and how far it is as `.at`. */
export class AssetDirectory implements AssetDisk {
  readonly path: string;
  readonly #root: string;

  private constructor(path: string, root: string) {
    this.path = path;
    this.#root = root;
  }

  /** Made where it is missing, mode 0700. `root`: the directory that is `/` to every Score. */
  static async open(path: string, root: string): Promise<AssetDirectory> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return new AssetDirectory(path, root);
  }

  list(): readonly Held[] {
    return this.#told("Reading", () =>
      fs.readdirSync(this.path).flatMap((name): readonly Held[] => {
        const [, sha256, part] = NAME.exec(name) ?? [];
        if (sha256 === undefined) return [];
        const there = fs.lstatSync(join(this.path, name), { throwIfNoEntry: false });
        if (there?.isFile() !== true) return [];
        return [{ sha256, bytes: there.size, isWhole: part === undefined, usedMs: there.mtimeMs }];
      }),
    );
  }

  has({ asset, size }: AssetRef): boolean {
    const there = fs.lstatSync(join(this.path, asset), { throwIfNoEntry: false });
    return there?.isFile() === true && there.size === size;
  }

  async begin(sha256: string, object: string, signal: AbortSignal): Promise<Part> {
    return AssetPart.open(this.path, sha256, object, signal);
  }

  async *read(ref: AssetRef, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    const path = join(this.path, ref.asset);
    let fd: number;
    try {
      fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW);
    } catch (error) {
      throw errnoOf(error) === "ENOENT" ? gone(ref) : asPortError(error, "Reading", path);
    }
    try {
      const sum = createHash("sha256");
      for await (const piece of slicesOf(fd, signal)) {
        sum.update(piece);
        yield piece;
      }
      if (sum.digest("hex") === ref.asset) return;
    } catch (error) {
      throw asPortError(error, "Reading", path);
    } finally {
      fs.closeSync(fd);
    }
    this.remove(ref.asset);
    throw damaged(ref, path);
  }

  touch(sha256: string): void {
    const now = Date.now() / 1000;
    try {
      fs.utimesSync(join(this.path, sha256), now, now);
    } catch {
      // It only goes sooner than another one then.
    }
  }

  remove(sha256: string): void {
    this.#told("Removing the file", () => {
      for (const end of ["", PART, AT, `${AT}.new`]) fs.rmSync(join(this.path, `${sha256}${end}`), { force: true });
    });
  }

  async room(copyTo: string | null): Promise<Room> {
    const cache = await spaceAt(this.path);
    if (copyTo === null) return { cache, copy: null };
    // What is to hold it may have to be made yet.
    for (let at = dirname(join(this.#root, copyTo)); ; at = dirname(at)) {
      const there = await stat(at).catch(() => null);
      if (there === null && at !== dirname(at)) continue;
      const isSame = there?.dev === (await stat(this.path)).dev;
      return { cache, copy: isSame ? null : await spaceAt(at) };
    }
  }

  #told<T>(doing: "Reading" | "Removing the file", run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw asPortError(error, doing, this.path);
    }
  }
}

const gone = ({ asset }: AssetRef): PortError =>
  new PortError({
    code: "NotFound",
    blame: "device",
    message: `The asset ${asset} is not in the cache any more.`,
    next: "Nothing: it is fetched again.",
  });

const damaged = ({ asset }: AssetRef, path: string): PortError =>
  new PortError({
    code: "Corrupt",
    blame: "device",
    message: `${path} is not what the sha256 ${asset} says: it was damaged on the device, and was thrown away.`,
    next: "Nothing: it is fetched again. Where it comes again and again, look at the storage of the device.",
  });
