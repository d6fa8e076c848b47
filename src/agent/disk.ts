/** Of a file system. `freeBytes`: for whoever runs the agent. */
export interface Space {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/**
 * The agent's own directory on the device, as the ledger sees it. Every call may reject with a PortError, and is durable
 * when it resolves.
 */
export interface Disk {
  read(name: string): Promise<Uint8Array | null>;
  /** All or nothing: after a crash the file holds the old bytes or the new ones. */
  replace(name: string, bytes: Uint8Array): Promise<void>;
  /** After a crash a part of the bytes may be missing at the end. */
  append(name: string, bytes: Uint8Array): Promise<void>;
  /** Of the file system that it is on; null where that cannot be told. Never rejects. */
  space(): Promise<Space | null>;
}
