import type { Random } from "../simulator/random.ts";

/** Something that reads what others wrote, and what it promises whatever that is. */
export interface Target {
  /** What is right, or was wrong once: to begin with, and to make others of. */
  readonly seeds: readonly Uint8Array[];
  /** Makes an input that the general mutations would hardly find. Default: none. */
  readonly invent?: ((random: Random) => Uint8Array) | undefined;
  /**
   * Reads one input. Throws, or rejects, where a promise is broken. Ends within its own deadlines, and leaves nothing behind that
   * goes on.
   */
  readonly run: (input: Uint8Array) => void | Promise<void>;
  /** Whether the same input takes the same way each time. Default: yes. */
  readonly isRepeatable?: boolean;
  readonly close?: () => void;
}

/** A promise that was broken; the message begins with which one. */
export class Broken extends Error {
  override readonly name = "Broken";
}

export function promise(kept: boolean, what: string): asserts kept {
  if (!kept) throw new Broken(what);
}
