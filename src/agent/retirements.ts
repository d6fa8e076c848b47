import { retire } from "../scores/interpret.ts";
import type { Outcome } from "../scores/outcome.ts";
import type { AnyScore } from "../scores/score.ts";
import { policiesOf } from "../topology/policies.ts";
import { type DecodedManifest, decodeScore } from "../wire/decode.ts";
import { errorOfRefusal } from "../wire/score-error.ts";
import type { ScoreStatus } from "../wire/status.ts";
import type { Owned } from "./journal.ts";
import type { ReconcilerParts } from "./reconciler-parts.ts";
import { isLeft } from "./permits.ts";
import { begin, retiring, retryDelayMs, settled } from "./score-status.ts";
import type { Workers } from "./workers.ts";

/** Something that the agent owns and no Score of the manifest wants any more. */
export interface Retirement {
  readonly owned: Owned;
  /** Null where this build does not know the kind that made it. */
  readonly score: AnyScore | null;
  status: ScoreStatus;
  /**
   * `empty`: a look found nothing that may go. It is kept while others are being removed, because a directory cannot go
   * before what was in it.
   */
  stage: "due" | "working" | "empty" | "failed";
  cancelRetry: () => void;
}

export interface RetirementsParts {
  readonly workers: Workers;
  /** Whether the manifest has a Score with this id. */
  readonly isWanted: (id: string) => boolean;
  readonly generation: () => number;
  readonly onChange: () => void;
  /** One is due again. */
  readonly onDue: () => void;
  /** What stood there is gone, or is nobody's any more. */
  readonly onGone: (identity: string) => void;
}

/** Removes what was dropped, newest first, by the spec under which it was made. */
export class Retirements {
  readonly #parts: ReconcilerParts;
  readonly #around: RetirementsParts;
  readonly #byIdentity = new Map<string, Retirement>();

  constructor(parts: ReconcilerParts, around: RetirementsParts) {
    this.#parts = parts;
    this.#around = around;
  }

  all(): Iterable<Retirement> {
    return this.#byIdentity.values();
  }

  of(identity: string): Retirement | undefined {
    return this.#byIdentity.get(identity);
  }

  /** What the agent owns and the manifest does not want. What a refused Score is about stays as it is. */
  plan(manifest: DecodedManifest, now: Date): void {
    const { ledger, gate, log } = this.#parts;
    const wanted = new Map<string, string>();
    for (const decoded of manifest.scores.values()) {
      if (decoded._tag === "Score") wanted.set(decoded.score.bind().identity, decoded.score.kind);
      // Under whatever id it is wanted now, although it cannot be looked at.
      else if (decoded.identity !== undefined) wanted.set(decoded.identity, decoded.kind);
    }
    const before = new Map(this.#byIdentity);
    this.cancel();
    for (const owned of [...ledger.owned.values()].toReversed()) {
      const { id, identity, wire } = owned;
      if (wanted.get(identity) === wire.kind) continue;
      if (!wanted.has(identity) && manifest.scores.get(id)?._tag === "Refused") continue;
      if (isLeft(policiesOf(wire.policies))) {
        ledger.leave(identity);
        log("what a dropped Score made stays, and is nobody's any more", { id, identity, policies: wire.policies });
        continue;
      }
      const decoded = decodeScore(wire, gate);
      const told = manifest.scores.has(id) ? undefined : ledger.statuses.get(id);
      const known = before.get(identity)?.status ?? told ?? begin(decoded, manifest.generation, undefined, now);
      const status = retiring(known, manifest.generation, now);
      const rest = { owned, cancelRetry: () => {} };
      if (decoded._tag === "Score") {
        this.#byIdentity.set(identity, { ...rest, score: decoded.score, status, stage: "due" });
      } else {
        const error = errorOfRefusal(decoded.refusal);
        this.#byIdentity.set(identity, {
          ...rest,
          score: null,
          status: { ...status, error, retryAfter: null },
          stage: "failed",
        });
        log("what an unknown kind made cannot be removed", { id, identity, kind: wire.kind });
      }
    }
    const kept = new Set([...this.#byIdentity.values()].map(({ owned }) => owned.id));
    for (const id of [...ledger.statuses.keys()]) if (!manifest.scores.has(id) && !kept.has(id)) ledger.forget(id);
  }

  /** Whether anything is to be removed, now or once an earlier removal of it has ended. */
  get isAnyDue(): boolean {
    return [...this.#byIdentity.values()].some(({ stage }) => stage === "due" || stage === "empty");
  }

  next(): Retirement | undefined {
    let empty: Retirement | undefined;
    let othersGo = false;
    for (const each of this.#byIdentity.values()) {
      // A step of an earlier removal of it may still be under way, and what was made before it comes after it.
      const isBusy = this.#around.workers.isBusy(each.owned.identity);
      if (each.stage === "due") return isBusy ? undefined : each;
      if (each.stage === "empty" && !isBusy) empty ??= each;
      else othersGo ||= each.score !== null;
    }
    // When nothing else goes any more, what is left of the empty ones is not the agent's, and they are done.
    return othersGo ? undefined : empty;
  }

  /** Whether it is gone. */
  async retire(retirement: Retirement): Promise<boolean> {
    const { ledger, log, stop } = this.#parts;
    const { owned, score } = retirement;
    const { id, identity } = owned;
    if (score === null) return false;
    const wasEmpty = retirement.stage === "empty";
    const isDropped = (): boolean => this.#byIdentity.get(identity) !== retirement;
    retirement.stage = "working";
    const outcome = await this.#retire(owned, score, isDropped).catch((bug: unknown) => {
      retirement.stage = "due";
      throw bug;
    });
    if (isDropped() || stop.aborted) return false;
    if (outcome.outcome === "FAILURE") {
      this.#retireLater(retirement, outcome);
      return false;
    }
    if (outcome.outcome === "NOOP" && !wasEmpty && this.#byIdentity.size > 1) {
      retirement.stage = "empty";
      return false;
    }
    this.#around.onChange();
    retirement.cancelRetry();
    this.#byIdentity.delete(identity);
    this.#bequeath(owned);
    ledger.disown(identity);
    if (!this.#around.isWanted(id)) ledger.forget(id);
    this.#around.onGone(identity);
    log("a dropped Score was removed", { id, identity, outcome: outcome.outcome });
    if (outcome.outcome === "SUCCESS") {
      for (const other of this.#byIdentity.values()) if (other.stage === "empty") other.stage = "due";
    }
    return true;
  }

  /** What it claimed and had to leave is for the others to remove that still need it. */
  #bequeath({ identity, claims }: Owned): void {
    const { ledger, gate } = this.#parts;
    const left = claims.filter((claim) => claim !== identity);
    if (left.length === 0) return;
    for (const heir of ledger.owned.values()) {
      if (heir.identity === identity) continue;
      const decoded = decodeScore(heir.wire, gate);
      if (decoded._tag === "Refused") continue;
      const inherited = left.filter((claim) => decoded.score.bind().inherits(claim));
      if (inherited.length > 0) ledger.inherit(heir.identity, inherited);
    }
  }

  #retire({ id, identity, claims, wire }: Owned, score: AnyScore, isDropped: () => boolean): Promise<Outcome> {
    const { ledger, log, ports, clock, stop, opener } = this.#parts;
    const { workers } = this.#around;
    return retire(score, new Set(claims), {
      ports,
      clock,
      log,
      stop,
      secrets: opener?.of(id, wire.secrets),
      superseded: () => stop.aborted || isDropped(),
      claim: () => ledger.flush(),
      gather: () => workers.gather(identity),
      aside: () => workers.aside(identity),
    });
  }

  /** Forgets them all, for now: what is owned stays in the ledger. */
  cancel(): void {
    for (const { cancelRetry } of this.#byIdentity.values()) cancelRetry();
    this.#byIdentity.clear();
  }

  #retireLater(retirement: Retirement, outcome: Outcome): void {
    const { clock, log, random } = this.#parts;
    const delay = retryDelayMs(outcome, retirement.status.attempts, random);
    const now = clock.now();
    const retryAfter = new Date(now.getTime() + delay);
    this.#around.onChange();
    retirement.stage = "failed";
    retirement.status = settled(retirement.status, outcome, {
      change: "intentional",
      generation: this.#around.generation(),
      now,
      retryAfter,
    });
    retirement.cancelRetry();
    retirement.cancelRetry = clock.after(delay, () => {
      retirement.stage = "due";
      this.#around.onDue();
    });
    log("a dropped Score could not be removed", { id: retirement.owned.id, error: retirement.status.error });
  }
}
