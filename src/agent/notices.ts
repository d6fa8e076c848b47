import type { Log } from "../scores/context.ts";
import type { DecodedManifest } from "../wire/decode.ts";
import type { Notice } from "./journal.ts";
import type { Ledger } from "./ledger.ts";
import type { Change } from "./resource.ts";

/**
 * Who is to be restarted because of whom. A notice is put into the ledger before the first step of the change is taken,
 * so that a crash loses none, and counts once the Score that changed is Ready.
 */
export class Notices {
  readonly #ledger: Ledger;
  readonly #log: Log;
  /** By the id of a Score: those that restart on it. */
  #listeners: ReadonlyMap<string, readonly string[]> = new Map();
  /** By the id of the Score that is to be restarted. Each is a new object, so that a later one is told from it. */
  readonly #due = new Map<string, Set<Notice>>();

  constructor(ledger: Ledger, log: Log) {
    this.#ledger = ledger;
    this.#log = log;
  }

  /** Takes over who restarts on whom, and forgets what nobody wants any more. */
  plan(manifest: DecodedManifest): void {
    const listeners = new Map<string, string[]>();
    const wanted = new Set<string>();
    for (const [to, decoded] of manifest.scores) {
      const { restartOn = [] } = decoded.wire ?? {};
      if (restartOn.length === 0) continue;
      // What is lacking may come back, and then there is still something to be restarted for.
      if (decoded._tag === "Score" && !decoded.score.bind().restarts) {
        this.#log("restartOn has no effect: nothing of this kind can be restarted", {
          id: to,
          kind: decoded.score.kind,
        });
        continue;
      }
      for (const by of restartOn) {
        listeners.set(by, [...(listeners.get(by) ?? []), to]);
        wanted.add(`${to} ${by}`);
      }
    }
    this.#listeners = listeners;
    for (const notice of this.#ledger.notices) {
      if (wanted.has(`${notice.to} ${notice.by}`)) continue;
      this.#ledger.noticed(notice);
      this.#due.get(notice.to)?.delete(notice);
    }
  }

  /** The Score is about to change something. Whether anybody is told of it, and the ledger has to be flushed. */
  changes(by: string, change: Change): boolean {
    const listeners = this.#listeners.get(by) ?? [];
    for (const to of listeners) {
      const before = this.#ledger.notice(to, by);
      const isOrdered = change === "intentional" || before?.change === "intentional";
      this.#ledger.notify({ to, by, change: isOrdered ? "intentional" : "corrective" });
      if (before !== undefined) this.#due.get(to)?.delete(before);
    }
    return listeners.length > 0;
  }

  /** The Score is Ready: calls `tell` for each one that is to be restarted because of what it has changed. */
  ready(by: string, tell: (to: string, change: Change) => void): void {
    for (const to of this.#listeners.get(by) ?? []) {
      const notice = this.#ledger.notice(to, by);
      const due = this.#due.get(to) ?? new Set();
      if (notice === undefined || due.has(notice)) continue;
      this.#due.set(to, due.add(notice));
      tell(to, notice.change);
    }
  }

  /** Because of what the Score is to be restarted now. */
  due(to: string): readonly Notice[] {
    return this.#due.size === 0 ? NONE : [...(this.#due.get(to) ?? NONE)];
  }

  /** It has been restarted because of these. What came after them still counts. */
  done(notices: readonly Notice[]): void {
    for (const notice of notices) {
      this.#due.get(notice.to)?.delete(notice);
      if (this.#ledger.notice(notice.to, notice.by) === notice) this.#ledger.noticed(notice);
    }
  }
}

const NONE: readonly Notice[] = [];
