import type { InterfaceProfile, NetworkBackEnd } from "../../capabilities/network-configurator.ts";
import type { KernelInterface } from "./kernel-interface.ts";

/** What a back end says of one interface. */
export type Look =
  /** Its service does not run. */
  | { readonly _tag: "NotRunning" }
  /** It runs, and must not be asked. `why` is one sentence without a full stop, `next` what to do about it. */
  | { readonly _tag: "Refuses"; readonly why: string; readonly next: string }
  | {
      readonly _tag: "Manages";
      /** Whether it works by Harmony's own profile now. */
      readonly inEffect: boolean;
      /** Its own name of the profile that it works by; null where it has none. */
      readonly active: string | null;
      /** The name servers that it set for the interface. */
      readonly dns: readonly string[];
      /** Whether it has come to the end of what it does; else a new look a moment later will tell more. */
      readonly settled: boolean;
    };

/** What was there before a change: what the way back leads to. */
export interface Before {
  /** Of Harmony's own profile; null where there was none. */
  readonly text: string | null;
  /** {@link Look} `active`. */
  readonly active: string | null;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** Those that were static, by which is told that it is back. */
  readonly addresses: readonly string[];
}

/** One of the services that keep interfaces configured. The profile is a file of its own, named after the interface. */
export interface BackEnd {
  readonly name: NetworkBackEnd;
  readonly mode: "0600" | "0644";
  /** Null where its service does not run. Never starts it. */
  version(signal: AbortSignal): Promise<string | null>;
  look(kernel: KernelInterface, signal: AbortSignal): Promise<Look>;
  /** Where Harmony's own profile of the interface is. */
  file(name: string): string;
  /** Its text. */
  text(name: string, profile: InterfaceProfile): string;
  /** Arms what brings the former state back after so many seconds, with the agent dead. Gives what it is known by. */
  arm(name: string, before: Before, seconds: number, signal: AbortSignal): Promise<string>;
  /** Calls it off; false where it has gone off already, or is not there any more. */
  disarm(name: string, token: string, signal: AbortSignal): Promise<boolean>;
  /** Has what is armed happen now; false where the caller has to bring the former state back itself. */
  fire(name: string, token: string, signal: AbortSignal): Promise<boolean>;
  /** Has it read the profile that was written, and work by it. */
  use(name: string, signal: AbortSignal): Promise<void>;
  /** Removes the profile, and has it work by what else there is. */
  leave(name: string, before: Pick<Before, "active">, signal: AbortSignal): Promise<void>;
  /** Has it set again what its profile says. */
  repair(name: string, signal: AbortSignal): Promise<void>;
  close(): void;
}
