import { PortError } from "../../capabilities/port-error.ts";
import { gaveUp } from "./systemd-errors.ts";

/** Longer than any job may take by itself: the caller's own deadline comes first. */
const JOB_MS = 600_000;
/** Jobs that ended before their caller knew their names. */
const EARLY_AT_MOST = 256;

interface Waiting {
  readonly ended: (result: string) => void;
  readonly lost: () => void;
}

/** The jobs that somebody waits for, until systemd says that they are over. */
export class SystemdJobs {
  readonly #waiting = new Map<string, Waiting>();
  readonly #early = new Map<string, string>();

  /** systemd has said how a job ended. */
  ended(job: string, result: string): void {
    const waiting = this.#waiting.get(job);
    if (waiting !== undefined) return waiting.ended(result);
    this.#early.set(job, result);
    const [oldest] = this.#early.keys();
    if (this.#early.size > EARLY_AT_MOST && oldest !== undefined) this.#early.delete(oldest);
  }

  /** The connection was another one for a while: what ended meanwhile is not told any more. */
  lost(): void {
    this.#early.clear();
    for (const { lost } of this.#waiting.values()) lost();
  }

  /** How the job ends: `"done"`, `"failed"`, `"dependency"`, `"canceled"`... */
  async end(job: string, signal: AbortSignal, doing: string): Promise<string> {
    const early = this.#early.get(job);
    this.#early.delete(job);
    return early ?? this.#told(job, signal, doing);
  }

  #told(job: string, signal: AbortSignal, doing: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const over = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", late);
        this.#waiting.delete(job);
      };
      const late = (): void => {
        over();
        reject(gaveUp(doing, "Look at what it waits for: systemctl list-jobs."));
      };
      const timer = setTimeout(late, JOB_MS);
      this.#waiting.set(job, {
        ended(result) {
          over();
          resolve(result);
        },
        lost() {
          over();
          reject(connectionLost(doing));
        },
      });
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
