import type { Disk } from "../../../src/agent/disk.ts";
import { PortError } from "../../../src/capabilities/port-error.ts";
import type { MemoryDisk } from "./memory-disk.ts";

/** The power goes: nothing comes of this call, and nothing comes after it. */
export class PowerLoss extends Error {}

/** What becomes of one write: it succeeds, fails with a part of it done, or is the last thing that ever happens. */
export type Fate =
  | { readonly _tag: "Done" }
  | { readonly _tag: "Full"; readonly keeps: number }
  | { readonly _tag: "PowerLoss"; readonly keeps: number };

/** A disk on which each write has its fate, one after the other; then all goes well. */
export class CrashingDisk implements Disk {
  readonly disk: MemoryDisk;
  readonly #fates: Fate[];
  isDown = false;

  constructor(disk: MemoryDisk, fates: readonly Fate[]) {
    this.disk = disk;
    this.#fates = [...fates];
  }

  read(name: string): Promise<Uint8Array | null> {
    return this.disk.read(name);
  }

  space(): ReturnType<Disk["space"]> {
    return this.disk.space();
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    const fate = this.#next();
    // All or nothing, also where the power goes.
    if (fate._tag === "Done" || (fate._tag === "PowerLoss" && fate.keeps >= bytes.length)) {
      await this.disk.replace(name, bytes);
    }
    this.#end(fate, name);
  }

  async append(name: string, bytes: Uint8Array): Promise<void> {
    const fate = this.#next();
    const kept = fate._tag === "Done" ? bytes : bytes.subarray(0, fate.keeps);
    if (kept.length > 0) await this.disk.append(name, kept);
    this.#end(fate, name);
  }

  #next(): Fate {
    if (this.isDown) throw new PowerLoss();
    return this.#fates.shift() ?? { _tag: "Done" };
  }

  #end(fate: Fate, name: string): void {
    if (fate._tag === "PowerLoss") {
      this.isDown = true;
      throw new PowerLoss();
    }
    if (fate._tag === "Full") {
      throw new PortError({ code: "NoSpace", message: `${name} is full`, blame: "device", next: "Nothing: a test." });
    }
  }
}
