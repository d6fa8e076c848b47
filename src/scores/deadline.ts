import type { ApplyContext, Clock, Log, MaybePromise } from "./context.ts";
import { NO_SECRETS, type Secrets } from "./secret.ts";

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
export class Deadline implements Omit<ApplyContext, "assets"> {
  readonly clock: Clock;
  readonly log: Log;
  readonly secrets: Secrets;
  readonly #stop: AbortSignal;
  #endsAt: number;
  #armed: Armed | undefined;

  constructor(clock: Clock, log: Log, stop: AbortSignal, ms: number, secrets: Secrets = NO_SECRETS) {
    this.clock = clock;
    this.log = log;
    this.secrets = secrets;
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

  /** As {@link within}, but the time that it takes does not count. Only the agent's stop ends it. */
  async without<T>(run: () => Promise<T>): Promise<T> {
    const armed = this.#arm();
    const beganAt = this.clock.monotonicMs();
    armed.cancel();
    try {
      return await this.within(run);
    } finally {
      this.#endsAt += this.clock.monotonicMs() - beganAt;
      armed.cancel = this.#timer(armed);
    }
  }

  /** Lets go of timer and listener. */
  end(): void {
    this.#armed?.disarm();
  }

  #arm(): Armed {
    if (this.#armed !== undefined) return this.#armed;
    const controller = new AbortController();
    let expire: Armed["expire"] = () => {};
    const expired = new Promise<never>((_, reject) => {
      expire = (why) => {
        reject(new Expired(why));
        controller.abort(new Expired(why));
      };
    });
    expired.catch(() => {});
    const stopped = (): void => expire("Stopped");
    const forget = onStop(this.#stop, stopped);
    const armed: Armed = {
      controller,
      expired,
      expire,
      cancel: () => {},
      disarm: () => {
        armed.cancel();
        forget();
      },
    };
    armed.cancel = this.#timer(armed);
    if (this.#stop.aborted) stopped();
    this.#armed = armed;
    return armed;
  }

  #timer({ expire }: Armed): () => void {
    return this.clock.after(Math.max(0, this.#endsAt - this.clock.monotonicMs()), () => expire("TimedOut"));
  }
}

/** All interpretations of an agent end by one signal. One listener for all of them: Node takes more than ten for a leak. */
const waiting = new WeakMap<AbortSignal, { readonly all: Set<() => void>; readonly tell: () => void }>();

function onStop(signal: AbortSignal, stopped: () => void): () => void {
  let those = waiting.get(signal);
  if (those === undefined) {
    const all = new Set<() => void>();
    waiting.set(signal, (those = { all, tell: () => all.forEach((each) => each()) }));
  }
  const { all, tell } = those;
  // The same one again is not added twice.
  signal.addEventListener("abort", tell);
  all.add(stopped);
  return () => {
    all.delete(stopped);
    if (all.size === 0) signal.removeEventListener("abort", tell);
  };
}

interface Armed {
  readonly controller: AbortController;
  readonly expired: Promise<never>;
  readonly expire: (why: Expired["why"]) => void;
  /** Calls off the timer. */
  cancel: () => void;
  readonly disarm: () => void;
}
