import { capability } from "./capability.ts";

/**
 * What a network interface should be. Addresses are in their one canonical spelling (RFC 5952 for IPv6, lower-case MAC), so
 * that equal ones are equal as text.
 */
export interface InterfaceProfile {
  readonly ipv4:
    | { readonly method: "static"; readonly addresses: readonly string[]; readonly gateway: string | null }
    | { readonly method: "dhcp" }
    | { readonly method: "off" };
  /** `auto`: what routers on the link announce. */
  readonly ipv6:
    | { readonly method: "static"; readonly addresses: readonly string[]; readonly gateway: string | null }
    | { readonly method: "auto" }
    | { readonly method: "link-local" }
    | { readonly method: "off" };
  readonly routes: readonly InterfaceRoute[];
  /** Name servers, the first one first. Empty: those that the network announces. */
  readonly dns: readonly string[];
  /** Null: the device's own. */
  readonly mac: string | null;
  /** Bytes. Null: the device's own. */
  readonly mtu: number | null;
}

export interface InterfaceRoute {
  /** A network, always with its prefix: `"0.0.0.0/0"`, `"2001:db8::1/128"`. */
  readonly to: string;
  /** Null: what is on the link itself. */
  readonly via: string | null;
  /** Null: as the host chooses. */
  readonly metric: number | null;
}

/** Who keeps the interface as it is configured, and brings it up at boot. */
export type NetworkBackEnd = "NetworkManager" | "systemd-networkd";

/** One content that was tried: `id` is the hash of a profile, or `"none"` for the removal of it. */
export interface Attempt {
  readonly id: string;
  /** The Score's own count, by which an operator asks for the same content once more. */
  readonly attempt: number;
}

/** What is known of the profile that this port has stored, whatever the interface is like. */
export interface OwnProfile {
  /**
   * The stored profile; null where there is none. `id` is null where others have changed it; `inEffect` tells whether the
   * back end works by it.
   */
  readonly profile: { readonly id: string | null; readonly inEffect: boolean } | null;
  /** A change that an earlier run of the agent began and did not come to confirm. Its way back may still be armed. */
  readonly trying: Attempt | null;
  /** The content that was last taken back because the agent was cut off by it. */
  readonly rolledBack: Attempt | null;
}

/** An address on the interface, with the length of its prefix. */
export interface InterfaceAddress {
  readonly address: string;
  /** `autoconf`: from what a router announced. */
  readonly origin: "static" | "dhcp" | "autoconf" | "link-local";
}

/** What is on the wire and in the kernel now. */
export interface LiveInterface {
  readonly backEnd: NetworkBackEnd;
  readonly mac: string;
  readonly mtu: number;
  /** Whether it is switched on. */
  readonly up: boolean;
  /** Whether there is somebody at the other end of the cable; false while it is switched off. */
  readonly carrier: boolean;
  readonly addresses: readonly InterfaceAddress[];
  /** Of the main table, without those that the kernel makes for addresses. */
  readonly routes: readonly InterfaceRoute[];
  /** The name servers that the back end set for this interface. */
  readonly dns: readonly string[];
}

export type InterfaceState = { readonly name: string } & OwnProfile &
  (
    | { readonly state: "absent" }
    /** No back end may be asked to configure it. `why` is one sentence, `next` what to do about it. */
    | { readonly state: "unmanaged"; readonly why: string; readonly next: string }
    | ({ readonly state: "managed" } & LiveInterface)
  );

/**
 * The network configuration of a host. Each interface has at most one profile of this port's own beside those of others,
 * which are never changed; while it is there it goes before them.
 *
 * A change that cuts the agent off from its server is taken back: before anything is changed a way back is armed that works
 * with the agent dead. Every call throws (or rejects with) a PortError alone.
 */
export interface NetworkConfigurator {
  interface(name: string, signal: AbortSignal): Promise<InterfaceState>;
  /** Tells when the interface or its profile may have changed. May tell too often; returns the way to stop. */
  watch(name: string, changed: () => void): () => void;

  /**
   * Stores the profile and has it used, and resolves once the interface is so and the server answers. Rejects
   * (`RolledBack`) once the former state is back, where that did not come about within `confirmWithinMs`. Where the server
   * does not answer beforehand, a profile that was never confirmed is refused (`Unavailable`), and nothing is changed.
   */
  change(
    name: string,
    wanted: { readonly profile: InterfaceProfile } & Attempt,
    how: { readonly confirmWithinMs: number },
    signal: AbortSignal,
  ): Promise<void>;
  /** Has the back end set again what it should have set by the stored profile, which is in effect already. */
  repair(
    name: string,
    profile: InterfaceProfile,
    how: { readonly withinMs: number },
    signal: AbortSignal,
  ): Promise<void>;
  /** Removes the profile, so that what others configured comes back; under the same terms as `change`. */
  remove(name: string, attempt: number, how: { readonly confirmWithinMs: number }, signal: AbortSignal): Promise<void>;
  /** Ends what an earlier run of the agent left in the middle (`trying`): its way back is gone, and is noted. */
  rollBack(name: string, signal: AbortSignal): Promise<void>;
}

export const NetworkConfigurator = capability<NetworkConfigurator>()("NetworkConfigurator", {
  reads: ["interface", "watch"],
});
