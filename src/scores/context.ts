import type { AssetRef } from "./asset.ts";
import type { Secrets, SecretsSeen } from "./secret.ts";

/** Time, passed in: nothing in the project reads a clock or sets a timer but through this. */
export interface Clock {
  /** Wall time, for what people read. It can jump. */
  now(): Date;
  /** Milliseconds since some fixed moment; never jumps. For durations and deadlines. */
  monotonicMs(): number;
  /** Calls `then` once after `ms` milliseconds; returns the way to call it off. */
  after(ms: number, then: () => void): () => void;
}

/** Where a Score tells what it does, for people: a constant message and fields. */
export type Log = (message: string, fields?: Readonly<Record<string, unknown>>) => void;

/** What the engine hands to `observe` and `apply`, beside the ports: all the rest of the world that a Score may see. */
export interface Context {
  /** Fires at the Score's deadline and when the agent stops. Pass it on to every port call that takes one. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
  readonly secrets: SecretsSeen;
}

/** Files of any size by their hash, which the agent brings to the device. Every call rejects with a PortError alone. */
export interface Assets {
  /**
   * Resolves once the asset is whole on the device, and its hash was seen to be right. `copyTo`: the path that it is to be
   * copied to, so that there is room for both. What a signal interrupts goes on from there at the next call.
   */
  fetch(ref: AssetRef, how: { readonly signal: AbortSignal; readonly copyTo?: string }): Promise<void>;
  /** Its bytes, piece by piece, each good until the next one is asked for. Where they are not what the hash says, it rejects in place of ending: use none before the end. */
  read(ref: AssetRef, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** What is handed to `apply` in place of {@link Context}. */
export interface ApplyContext extends Context {
  readonly assets: Assets;
  /** Those that the spec refers to, to be opened as well. */
  readonly secrets: Secrets;
}

export type MaybePromise<T> = T | Promise<T>;
