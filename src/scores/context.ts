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
/** The same for `apply`, which may also open the secrets that the spec refers to. */
export interface ApplyContext extends Context {
  readonly secrets: Secrets;
}

export type MaybePromise<T> = T | Promise<T>;
