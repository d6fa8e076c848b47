import type { CallOptions } from "../store.ts";

const DEFAULT_TIMEOUT_MS = 5000;
/** The longest that a timer of the runtime can wait; one millisecond more and it fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The bounds of one call of the port, shared by all the requests that it takes. */
export class Call {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly #endsAt: number;

  constructor(options: CallOptions | undefined) {
    this.signal = options?.signal;
    const wanted = Math.ceil(options?.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    this.timeoutMs = Math.max(0, Math.min(wanted, LONGEST_TIMER_MS));
    this.#endsAt = performance.now() + this.timeoutMs;
  }

  /** Whole milliseconds that are left; 0 once the deadline has passed or the caller has given up. */
  left(): number {
    if (this.signal?.aborted === true) return 0;
    return Math.max(0, Math.ceil(this.#endsAt - performance.now()));
  }
}
