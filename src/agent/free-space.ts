import type { Clock } from "../scores/context.ts";
import type { Disk, Space } from "./disk.ts";

/**
 * Below this a file system counts as nearly full. The agent itself may need so much: a manifest and a journal that are
 * written anew beside the old ones, and eight files of a mebibyte on record.
 */
export const FLOOR_BYTES = 32 * 1024 * 1024;
/** Of a small file system, this part of it. */
const FLOOR_PART = 0.1;
/** It is over only above this much of the floor, so that it does not come and go with each byte. */
const ENOUGH = 1.25;
const LOOK_MS = 60_000;

export const floorOf = ({ totalBytes }: Space): number => Math.min(FLOOR_BYTES, totalBytes * FLOOR_PART);

/** Whether there is room left where the agent keeps its ledger, looked at once a minute; a look writes nothing. */
export class FreeSpace {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  #low: Space | null = null;
  #cancel = (): void => {};
  #isStopped = false;

  constructor(disk: Disk, clock: Clock, onChange: () => void) {
    this.#disk = disk;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** How it was when it became low; null where there is enough, or nobody knows. */
  get low(): Space | null {
    return this.#low;
  }

  async look(): Promise<void> {
    this.#cancel();
    const space = await this.#disk.space();
    // What does not tell once will not tell later either.
    if (this.#isStopped || space === null) return;
    this.#cancel = this.#clock.after(LOOK_MS, () => void this.look());
    const floor = floorOf(space) * (this.#low === null ? 1 : ENOUGH);
    const low = space.freeBytes < floor ? (this.#low ?? space) : null;
    const isNews = (low === null) !== (this.#low === null);
    this.#low = low;
    if (isNews) this.#onChange();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }
}
