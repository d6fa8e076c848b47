import type { NodeFileSystem } from "./node-file-system.ts";

/** What a look for one capability found on this host. */
export type Detection =
  | {
      readonly _tag: "Found";
      /** Plain JSON, published with the capability: versions, back ends, limits; what an author or an operator asks about. */
      readonly facts: Readonly<Record<string, unknown>>;
    }
  | {
      readonly _tag: "Absent";
      /** What is missing, as it ends a sentence: `podman >= 4.4 not found`. Always the same words for the same lack. */
      readonly reason: string;
      /** Whether nothing that happens on the device while the agent runs can change that. Then it is not looked for again. */
      readonly isFinal?: true;
    };

/**
 * One capability as a host may have it. The port is made without a look at the host and stays the same for good; whether
 * the host has what it needs is found out again and again, since packages come and go.
 */
export interface Offering<Port> {
  readonly port: Port;
  /** Looks, and changes nothing. Never rejects: what cannot be told is `Absent`, with the reason. */
  detect(signal: AbortSignal): Promise<Detection>;
  /** Lets go of connections, watches and timers. */
  close(): void;
}

/** The file system below a directory is always there. */
export const fileSystemOffering = (files: NodeFileSystem, root: string): Offering<NodeFileSystem> => ({
  port: files,
  detect: async () => ({ _tag: "Found", facts: { root } }),
  close: () => files.close(),
});

/** An agent whose root is a directory must not change the machine around it. */
export const inDirectory = <Port>(offering: Offering<Port>): Offering<Port> => ({
  port: offering.port,
  detect: async () => ({
    _tag: "Absent",
    reason: "this agent works in a directory (--root), not on a machine",
    isFinal: true,
  }),
  close: () => offering.close(),
});

/** Whoever owns the device has left it out of what the agent is started with: it is not even looked for. */
export const notEnabled = <Port>(name: string, offering: Offering<Port>): Offering<Port> => ({
  port: offering.port,
  detect: async () => ({
    _tag: "Absent",
    reason: `not enabled on this device (harmony agent run --capability ${name})`,
    isFinal: true,
  }),
  close: () => offering.close(),
});
