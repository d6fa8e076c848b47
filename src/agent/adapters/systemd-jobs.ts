import { PortError } from "../../capabilities/port-error.ts";
import { gaveUp } from "./systemd-errors.ts";

/** Longer than any job may take by itself: the caller's own deadline comes first. */
const JOB_MS = 600_000;
/** Jobs that are over, whose callers may not know their names yet. */
const OVER_AT_MOST = 256;

interface Waiting {
  readonly ended: (result: string) => void;
  readonly lost: () => void;
}

/** The jobs that somebody waits for, until systemd says that they are over. */
export class SystemdJobs {
  /** By job: systemd makes one job of two orders that are alike, so that several may wait for it. */
  readonly #waiting = new Map<string, Set<Waiting>>();
  /** A name never comes again. */
  readonly #over = new Map<string, string>();

  /** systemd has said how a job ended. */
  ended(job: string, result: string): void {
    for (const { ended } of this.#waiting.get(job) ?? []) ended(result);
    this.#over.set(job, result);
    const [oldest] = this.#over.keys();
    if (this.#over.size > OVER_AT_MOST && oldest !== undefined) this.#over.delete(oldest);
  }

  /** The connection was another one for a while: what ended meanwhile is not told any more. */
  lost(): void {
    this.#over.clear();
    for (const waiting of this.#waiting.values()) for (const { lost } of waiting) lost();
  }

  /** How the job ends: `"done"`, `"failed"`, `"dependency"`, `"canceled"`... */
  async end(job: string, signal: AbortSignal, doing: string): Promise<string> {
    return this.#over.get(job) ?? this.#told(job, signal, doing);
  }

  #told(job: string, signal: AbortSignal, doing: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const over = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", late);
        const others = this.#waiting.get(job);
        others?.delete(waiting);
        if (others?.size === 0) this.#waiting.delete(job);
      };
      const late = (): void => {
        over();
        reject(gaveUp(doing, "Look at what it waits for: systemctl list-jobs."));
      };
      const timer = setTimeout(late, JOB_MS);
      const waiting: Waiting = {
        ended(result) {
          over();
          resolve(result);
        },
        lost() {
          over();
          reject(connectionLost(doing));
        },
      };
      this.#waiting.set(job, (this.#waiting.get(job) ?? new Set()).add(waiting));
      signal.addEventListener("abort", late, { once: true });
      if (signal.aborted) late();
    });
  }
}

const connectionLost = (doing: string): PortError =>
  new PortError({
    code: "Unavailable",
    blame: "device",
    message: `${doing} was begun, and the system bus was lost before its end.`,
    next: "Nothing: it is tried again.",
  });
