import { Reconciler } from "./reconciler.ts";
import type { ReconcilerParts } from "./reconciler-parts.ts";

export type PassiveParts = Omit<ReconcilerParts, "stop" | "onChange"> & { readonly onChange: () => void };

const FLUSH_AGAIN_MS = 5_000;

/**
 * Removes from this device all that the ledger says was made here, and tries again until nothing is left. The manifest that
 * was accepted last stays what it is: nobody has ordered anything.
 */
export class Passive {
  readonly #parts: PassiveParts;
  readonly #stop = new AbortController();
  readonly #reconciler: Reconciler;
  #cancel = (): void => {};

  constructor(parts: PassiveParts) {
    this.#parts = parts;
    this.#reconciler = new Reconciler({ ...parts, stop: this.#stop.signal, onChange: (how) => this.#changed(how) });
  }

  start(): void {
    const generation = this.#parts.ledger.accepted?.generation ?? 0;
    const nothing = {
      generation,
      issuedAt: "",
      scores: new Map(),
      signedBy: [],
      rollbackOnFailure: null,
      retryFailed: false,
    };
    this.#reconciler.accept(nothing, "corrective");
  }

  /** The ids of what is still there. */
  get left(): readonly string[] {
    return Object.keys(this.#reconciler.statuses());
  }

  /** Resolves when nothing is under way; what could not be removed may be left. */
  idle(): Promise<void> {
    return this.#reconciler.idle();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#cancel();
    await this.#reconciler.idle();
    this.#reconciler.pause();
    await this.#flush();
  }

  #changed(how: "working" | "settled"): void {
    if (how === "settled") void this.#flush();
    this.#parts.onChange();
  }

  /** Nothing else that happens here would have it saved again. */
  async #flush(): Promise<void> {
    const { ledger, log, clock } = this.#parts;
    this.#cancel();
    await ledger.flush().catch((error: unknown) => {
      log("the pair's ledger could not be saved", { error: String(error) });
      if (!this.#stop.signal.aborted) this.#cancel = clock.after(FLUSH_AGAIN_MS, () => void this.#flush());
    });
  }
}
