import type { Clock, Context, Log, MaybePromise } from "./context.ts";

/** Thrown inside the engine, and caught there, when a deadline passes or the agent stops. */
export class Expired extends Error {
  override readonly name = "Expired";
  readonly why: "TimedOut" | "Stopped";
  constructor(why: "TimedOut" | "Stopped") {
    super(why);
    this.why = why;
  }
}

/**
 * The time that one interpretation has. A pass over a thousand converged files makes a thousand of these, so the timer
 * and the AbortController come into being only when a port really makes somebody wait.
 */
export class Deadline implements Context {
  readonly clock: Clock;
  readonly log: Log;
  readonly #stop: AbortSignal;
  readonly #endsAt: number;
  #armed:
    | { readonly controller: AbortController; readonly expired: Promise<never>; readonly disarm: () => void }
    | undefined;

  constructor(clock: Clock, log: Log, stop: AbortSignal, ms: number) {
    this.clock = clock;
    this.log = log;
    this.#stop = stop;
    this.#endsAt = clock.monotonicMs() + ms;
  }

  get signal(): AbortSignal {
    return this.#arm().controller.signal;
  }

  /** Runs it, and waits no longer than the deadline even if it ignores the signal. */
  async within<T>(run: () => MaybePromise<T>): Promise<T> {
    return this.withinNow(run);
  }

  /** As {@link within}, but gives the result itself, and throws, where nothing has to be waited for. */
  withinNow<T>(run: () => MaybePromise<T>): MaybePromise<T> {
    if (this.#stop.aborted) throw new Expired("Stopped");
    const result = run();
    return result instanceof Promise ? Promise.race([result, this.#arm().expired]) : result;
  }

  /** Lets go of timer and listener. */
  end(): void {
    this.#armed?.disarm();
  }

  #arm(): { readonly controller: AbortController; readonly expired: Promise<never>; readonly disarm: () => void } {
    if (this.#armed !== undefined) return this.#armed;
    const controller = new AbortController();
    let disarm = (): void => {};
    const expired = new Promise<never>((_, reject) => {
      const expire = (why: "TimedOut" | "Stopped"): void => {
        reject(new Expired(why));
        controller.abort(new Expired(why));
      };
      const stopped = (): void => expire("Stopped");
      const cancel = this.clock.after(Math.max(0, this.#endsAt - this.clock.monotonicMs()), () => expire("TimedOut"));
      this.#stop.addEventListener("abort", stopped);
      disarm = () => {
        cancel();
        this.#stop.removeEventListener("abort", stopped);
      };
      if (this.#stop.aborted) stopped();
    });
    expired.catch(() => {});
    this.#armed = { controller, expired, disarm };
    return this.#armed;
  }
}
