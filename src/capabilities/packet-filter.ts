import { capability } from "./capability.ts";

export interface PortRange {
  readonly first: number;
  /** As `first` where it is one port. */
  readonly last: number;
}

/** Traffic that is let in. */
export interface Opening {
  readonly protocol: "tcp" | "udp";
  /** In order, and apart from each other. */
  readonly ports: readonly [PortRange, ...PortRange[]];
  /**
   * An address, or a network of them in CIDR form; null: from anywhere. IPv6 in lower case with all of its eight groups, and
   * no prefix where it is one address, so that what is wanted can be compared with what is there.
   */
  readonly from: string | null;
}

/**
 * One part of the packet filter: what it has to say of the traffic that comes in from outside to the device itself, or to
 * a port that the device forwards (as a container's published ports are).
 */
export interface InboundRules {
  /** The interfaces that it is about, sorted; null: all but the loopback. */
  readonly interfaces: readonly [string, ...string[]] | null;
  readonly openings: readonly Opening[];
  /** Whether what no part opens is dropped on these interfaces. */
  readonly drops: boolean;
}

/** `altered`: something of it is there, but not just these rules in force. */
export type InboundState = "absent" | "in-force" | "altered";

/**
 * A filter of the packets that come in, made of named parts. A packet that belongs to a connection which is there already,
 * comes from the loopback, or is needed to find neighbours passes in any case; else what any part opens passes; else what
 * any part drops is dropped; and the rest passes.
 *
 * Rules that others have put into the same kernel are never looked at nor touched; what they drop stays dropped.
 * Every call rejects with a PortError alone.
 */
export interface PacketFilter {
  /** How the part of this name stands to these rules. */
  inspect(name: string, rules: InboundRules, signal: AbortSignal): Promise<InboundState>;
  /** Tells when any part may have changed. May tell too often; returns the way to stop. */
  watch(changed: () => void): () => void;
  /** Puts these rules in force in place of whatever the part of this name held, at once: no packet sees half of it. */
  replace(name: string, rules: InboundRules, signal: AbortSignal): Promise<void>;
  /** Succeeds where there is none. With the last part nothing of the filter is left. */
  remove(name: string, signal: AbortSignal): Promise<void>;
}

export const PacketFilter = capability<PacketFilter>()("PacketFilter", { reads: ["inspect", "watch"] });
