import { createHash, type Hash } from "node:crypto";
import fs from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import * as z from "zod";
import type { AssetPlace } from "../../wire/store.ts";
import type { Part } from "../assets/asset-disk.ts";
import { slicesOf } from "./file-hashes.ts";
import { asPortError } from "./file-system-errors.ts";

const { O_CREAT, O_NOFOLLOW, O_RDWR } = fs.constants;

export const PART = ".part";
export const AT = ".at";

/** After so much it is made sure that it outlasts a crash: not too often for an SD card, and little is lost. */
const CHECKPOINT_BYTES = 4 * 1024 * 1024;

const dataSync = promisify(fs.fdatasync);

const Saved = z.strictObject({ object: z.string(), at: z.int().min(0), bytes: z.int().min(0) });

/** The bytes that have come so far, in a file, and how far they lead, in another one that never tells of more. */
export class AssetPart implements Part {
  readonly #directory: string;
  readonly #sha256: string;
  readonly #fd: number;
  #sum: Hash;
  #place: AssetPlace;
  #unsaved = 0;
  #isOpen = true;

  private constructor(directory: string, sha256: string, fd: number, sum: Hash, place: AssetPlace) {
    this.#directory = directory;
    this.#sha256 = sha256;
    this.#fd = fd;
    this.#sum = sum;
    this.#place = place;
  }

  /** Goes on from the last checkpoint. */
  static async open(directory: string, sha256: string, object: string, signal: AbortSignal): Promise<AssetPart> {
    const path = join(directory, sha256);
    const sum = createHash("sha256");
    try {
      const fd = fs.openSync(`${path}${PART}`, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
      try {
        const saved = placeIn(`${path}${AT}`);
        const isThat = saved?.object === object && saved.bytes <= fs.fstatSync(fd).size;
        const place = isThat ? saved : { object, at: 0, bytes: 0 };
        fs.ftruncateSync(fd, place.bytes);
        if (place.bytes > 0) for await (const piece of slicesOf(fd, signal)) sum.update(piece);
        return new AssetPart(directory, sha256, fd, sum, place);
      } catch (error) {
        fs.closeSync(fd);
        throw error;
      }
    } catch (error) {
      throw asPortError(error, "Writing the file", `${path}${PART}`);
    }
  }

  get place(): AssetPlace {
    return this.#place;
  }

  async append(bytes: Uint8Array, place: AssetPlace): Promise<void> {
    await this.#told(async () => {
      const from = this.#place.bytes;
      for (let written = 0; written < bytes.length;) {
        written += fs.writeSync(this.#fd, bytes, written, bytes.length - written, from + written);
      }
      this.#sum.update(bytes);
      this.#place = place;
      this.#unsaved += bytes.length;
      if (this.#unsaved >= CHECKPOINT_BYTES) await this.#save();
    });
  }

  async finish(): Promise<boolean> {
    if (this.#sum.digest("hex") !== this.#sha256) {
      this.discard();
      return false;
    }
    await this.#told(async () => {
      await dataSync(this.#fd);
      this.#end();
      await rename(`${this.#path}${PART}`, this.#path);
      fs.rmSync(`${this.#path}${AT}`, { force: true });
      const directory = await open(this.#directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
    });
    return true;
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    await this.#told(() => this.#save()).finally(() => this.#end());
  }

  discard(): void {
    this.#end();
    for (const end of [PART, AT]) fs.rmSync(`${this.#path}${end}`, { force: true });
  }

  get #path(): string {
    return join(this.#directory, this.#sha256);
  }

  /** The bytes first: what tells of them must not be there without them. */
  async #save(): Promise<void> {
    if (this.#unsaved === 0) return;
    this.#unsaved = 0;
    await dataSync(this.#fd);
    fs.writeFileSync(`${this.#path}${AT}.new`, JSON.stringify(this.#place), { mode: 0o600 });
    await rename(`${this.#path}${AT}.new`, `${this.#path}${AT}`);
  }

  #end(): void {
    if (this.#isOpen) fs.closeSync(this.#fd);
    this.#isOpen = false;
  }

  async #told(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      throw asPortError(error, "Writing the file", `${this.#path}${PART}`);
    }
  }
}

function placeIn(path: string): AssetPlace | null {
  try {
    const read = Saved.safeParse(JSON.parse(fs.readFileSync(path, "utf8")));
    return read.success ? read.data : null;
  } catch {
    return null;
  }
}
