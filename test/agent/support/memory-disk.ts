import type { Disk, Space } from "../../../src/agent/disk.ts";
import { PortError, type PortErrorCode } from "../../../src/capabilities/port-error.ts";

/** A state directory in memory that can fill up, hang, and lose its power in the middle of a write. */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, Uint8Array>();
  /** What was written, in order: `replace manifest.json`. Failed writes count. */
  readonly writes: string[] = [];
  free: Space | null = { freeBytes: 1e9, totalBytes: 4e9 };
  #fault: { readonly code: PortErrorCode; times: number; readonly only: string | null; readonly keeps: number } | null =
    null;
  #gate: Promise<void> = Promise.resolve();

  /**
   * Makes the next writes fail: `times`, default all until `heal`; `only` of the file with this name. An append that fails
   * leaves `keeps` of its bytes behind, default none, as a power loss or a full disk may.
   */
  fail(
    code: PortErrorCode,
    {
      times = Infinity,
      only = null,
      keeps = 0,
    }: { readonly times?: number; readonly only?: string | null; readonly keeps?: number } = {},
  ): void {
    this.#fault = { code, times, only, keeps };
  }

  heal(): void {
    this.#fault = null;
  }

  /** Writes wait until the returned function is called. */
  hang(): () => void {
    let release = (): void => {};
    this.#gate = new Promise((resolve) => (release = resolve));
    return release;
  }

  text(name: string): string {
    return Buffer.from(this.files.get(name) ?? []).toString("utf8");
  }

  /** The same files on another disk, as after a crash: what has not reached the files is gone. */
  copy(): MemoryDisk {
    const disk = new MemoryDisk();
    for (const [name, bytes] of this.files) disk.files.set(name, bytes.slice());
    return disk;
  }

  async space(): Promise<Space | null> {
    return this.free;
  }

  async read(name: string): Promise<Uint8Array | null> {
    return this.files.get(name)?.slice() ?? null;
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    this.writes.push(`replace ${name}`);
    await this.#gate;
    const fault = this.#strikes(name);
    if (fault !== null) throw fault.error;
    this.files.set(name, bytes.slice());
  }

  async append(name: string, bytes: Uint8Array): Promise<void> {
    this.writes.push(`append ${name}`);
    await this.#gate;
    const fault = this.#strikes(name);
    const before = this.files.get(name) ?? new Uint8Array();
    // As the real one does: what follows the stump of a line begins on a line of its own.
    const torn = before.length > 0 && before.at(-1) !== 0x0a ? [0x0a] : [];
    const kept = fault === null ? bytes : bytes.subarray(0, fault.keeps);
    if (kept.length > 0) this.files.set(name, Buffer.concat([before, Buffer.from(torn), kept]));
    if (fault !== null) throw fault.error;
  }

  #strikes(name: string): { readonly error: PortError; readonly keeps: number } | null {
    const fault = this.#fault;
    if (fault === null || (fault.only !== null && fault.only !== name)) return null;
    fault.times -= 1;
    if (fault.times <= 0) this.#fault = null;
    const problem = {
      code: fault.code,
      message: `${name}: ${fault.code}`,
      blame: "device",
      next: "Nothing: a test did this.",
    } as const;
    return { error: new PortError(problem), keeps: fault.keeps };
  }
}
