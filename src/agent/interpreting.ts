import { attenuate, type PortTable } from "../scores/attenuate.ts";
import type { Assets, Clock, Log, MaybePromise } from "../scores/context.ts";
import { type Found, type GuardedSurroundings, interpretNow, type Permission, preview } from "../scores/interpret.ts";
import type { OnlyTold, Outcome } from "../scores/outcome.ts";
import type { AnyScore } from "../scores/score.ts";
import type { Secrets } from "../scores/secret.ts";
import { isGuarded } from "../topology/policies.ts";
import { decodeScore } from "../wire/decode.ts";
import type { ScoreStatus } from "../wire/status.ts";
import { type Repair, repaired } from "./contention.ts";
import type { Notice } from "./journal.ts";
import type { Ledger } from "./ledger.ts";
import type { Notices } from "./notices.ts";
import { permits } from "./permits.ts";
import type { ReconcilerParts } from "./reconciler-parts.ts";
import {
  type Accepted,
  type Change,
  isNoNews,
  looks,
  policyText,
  type Resource,
  restMs,
  whyLooked,
} from "./resource.ts";
import { interrupted, isForGood, isUp, retryDelayMs, settled, started } from "./score-status.ts";
import type { Workers } from "./workers.ts";

/** How often what has to come up by itself is looked at, beside the hints that tell of it. */
const AWAITED_MS = 5000;

export interface InterpretingParts {
  readonly workers: Workers;
  readonly notices: Notices;
  /** The Score with this id as the manifest in force has it. */
  readonly current: (id: string) => Resource | undefined;
  readonly generation: () => number;
  readonly onChange: () => void;
  /** It is to be looked at. */
  readonly onDue: (resource: Resource, change: Change) => void;
  /** What waited for this Score need not wait any more. */
  readonly onReady: (id: string) => void;
}

/** One interpretation: of what, why, how it stood before, and the restarts that are due with it. */
interface Undertaking {
  readonly resource: Resource;
  readonly decoded: Accepted;
  readonly change: Change;
  readonly before: ScoreStatus;
  readonly notices: readonly Notice[];
}

/** The work on one Score: a look, what it takes, and what comes of it. */
export class Interpreting {
  readonly #parts: ReconcilerParts;
  readonly #around: InterpretingParts;

  constructor(parts: ReconcilerParts, around: InterpretingParts) {
    this.#parts = parts;
    this.#around = around;
  }

  /** Gives a promise only where something has to be waited for: a pass over a thousand converged Scores makes none. */
  interpret(resource: Resource, decoded: Accepted, asked: Change): MaybePromise<void> {
    const { clock } = this.#parts;
    const notices = this.#around.notices.due(resource.id);
    const change = notices.some((notice) => notice.change === "intentional") ? "intentional" : asked;
    const before = resource.status;
    resource.status = started(before, clock.now());
    looks(resource, clock.monotonicMs());
    resource.work = "under way";
    // Before it is looked at: what changed between the last look and a watch that comes after it would be found by the pass.
    resource.unwatch ??= this.#watch(resource, decoded.score);
    if (resource.status !== before) {
      // Told now, because it may take long.
      this.#around.onChange();
      this.#parts.onChange("working");
    }
    const undertaking = { resource, decoded, change, before, notices };
    const outcome = interpretNow(decoded.score, new Look(this.#parts, this.#around, undertaking));
    return outcome instanceof Promise
      ? outcome.then((made) => this.#settle(undertaking, made))
      : this.#settle(undertaking, outcome);
  }

  #settle(undertaking: Undertaking, outcome: Outcome | OnlyTold): void {
    const { resource } = undertaking;
    const wasHinted = resource.work === "hinted";
    resource.work = "none";
    this.#judge(undertaking, outcome);
    if (wasHinted && this.#around.current(resource.id) === resource) this.hinted(resource);
  }

  #judge({ resource, decoded, change, before, notices }: Undertaking, outcome: Outcome | OnlyTold): void {
    const { clock, ledger } = this.#parts;
    const { id } = resource;
    const { score, identity, digest } = decoded;
    if (this.#around.current(id) !== resource) return;
    // A newer manifest may have ruled otherwise about the same content while the last step was under way.
    const { wire, policies } = resource.decoded._tag === "Score" ? resource.decoded : decoded;
    const failing = outcome.outcome === "FAILURE";
    const isSo = outcome.outcome === "NOOP" || outcome.outcome === "SUCCESS";
    const awaits = isSo && score.bind().awaits(outcome.observed);
    if (!failing) {
      if (notices.length > 0) this.#around.notices.done(notices);
      if (!awaits) this.#around.notices.ready(id, (to, why) => this.#notified(to, why));
    }
    if (isNoNews(resource, this.#around.generation(), change, outcome, clock)) return;
    // From now on the thing itself is the Score's. What it could not change yet may still be somebody else's.
    if (isSo) {
      const takesOver = policies.ownership === "adopt" || ledger.owned.has(identity);
      const marks = isGuarded(policies) ? { reached: digest } : {};
      if (takesOver && policies.ownership !== "observe") ledger.own(id, identity, wire, [identity], marks);
    }
    if (failing && outcome.failure._tag === "Interrupted") {
      resource.status = interrupted(resource.status, before);
      resource.due ??= change;
      return;
    }
    if (failing || (outcome.outcome === "SUCCESS" && change === "corrective")) resource.troubles += 1;
    const isOver = outcome.outcome === "FAILURE" && (isForGood(outcome) || before.knownBad === true);
    const delay = awaits ? AWAITED_MS : retryDelayMs(outcome, resource.status.attempts, this.#parts.random, change);
    const made = outcome.outcome === "SUCCESS" ? { outcome: outcome.outcome, change } : resource.made;
    const now = clock.now();
    const status = settled(resource.status, outcome, {
      change,
      generation: this.#around.generation(),
      now,
      retryAfter: isOver ? null : new Date(now.getTime() + delay),
      awaits,
      made,
      ...this.#repair(resource, change, outcome, now),
    });
    resource.status = status;
    resource.made = awaits ? (made ?? { outcome: "NOOP", change }) : null;
    // A Score that was not up before this look has been worked on, so its dependents have waited.
    if (isUp(status) && !isUp(before)) this.#around.onReady(id);
    if (status !== before) {
      this.#around.onChange();
      ledger.remember(id, status);
    }
    resource.cancelRetry();
    if (awaits) resource.cancelRetry = clock.after(delay, () => this.#around.onDue(resource, "corrective"));
    else if (failing && !isOver) resource.cancelRetry = clock.after(delay, () => this.#around.onDue(resource, change));
    if (outcome.outcome !== "TOLD") this.#log(resource, change, outcome, notices);
    else if (status !== before) this.#logTold(resource);
  }

  /** Counts a repair, and takes note of it for the next one. */
  #repair(resource: Resource, change: Change, outcome: Outcome | OnlyTold, now: Date) {
    if (outcome.outcome !== "SUCCESS") return {};
    const last = resource.lastRepair;
    resource.lastRepair = null;
    if (change === "intentional") return { repair: { repairs: resource.status.repairs, contested: null } };
    const repair: Repair = { steps: JSON.stringify(outcome.did), atMs: this.#parts.clock.monotonicMs() };
    resource.lastRepair = repair;
    return { repair: repaired(resource.status, last, repair, now) };
  }

  #logTold({ id, status: { kind, state, wouldDo } }: Resource): void {
    if (state !== "Drifted") return;
    this.#parts.log("a Score is not as declared, and that is only told", { id, kind, wouldDo });
  }

  #notified(to: string, change: Change): void {
    const resource = this.#around.current(to);
    if (resource !== undefined) this.#around.onDue(resource, change);
  }

  #log({ id, status }: Resource, change: Change, outcome: Outcome, notices: readonly Notice[]): void {
    const { kind, error, attempts, retryAfter } = status;
    if (outcome.outcome === "FAILURE") {
      this.#parts.log("a Score failed", { id, kind, error, attempts, retryAfter });
    } else if (outcome.outcome === "SUCCESS") {
      const because = notices.length === 0 ? {} : { restartedOn: notices.map(({ by }) => by) };
      const message = change === "corrective" ? "drift was repaired" : "a Score was applied";
      this.#parts.log(message, { id, kind, did: outcome.did, ...because });
    }
  }

  #watch(resource: Resource, score: AnyScore): () => void {
    if (resource.decoded._tag === "Score" && resource.decoded.policies.drift === "ignore") return () => {};
    try {
      return score.bind().watch(attenuate(score.requires, this.#parts.ports).reads, () => this.hinted(resource));
    } catch (error) {
      this.#parts.log("drift of a Score will be found by the periodic pass alone", {
        id: resource.id,
        error: String(error),
      });
      return () => {};
    }
  }

  /** Something may have changed about it: it is looked at, at once or after its rest. */
  hinted(resource: Resource): void {
    if (resource.work !== "none") {
      resource.work = "hinted";
      return;
    }
    if (resource.due !== null || resource.cancelHint !== null) return;
    // The hint may be about what the agent did itself, or the first of many: one later look serves them all.
    const rest = resource.lookedAt + restMs(resource) - this.#parts.clock.monotonicMs();
    if (rest <= 0) this.#around.onDue(resource, whyLooked(resource));
    else {
      resource.cancelHint = this.#parts.clock.after(rest, () => {
        resource.cancelHint = null;
        this.#around.onDue(resource, whyLooked(resource));
      });
    }
  }
}

/** What one interpretation is handed. A class, since one is made for each Score of each pass. */
class Look implements GuardedSurroundings {
  readonly ports: PortTable;
  readonly clock: Clock;
  readonly log: Log;
  readonly stop: AbortSignal;
  readonly assets: Assets | undefined;
  readonly notified: boolean;
  readonly #opener: ReconcilerParts["opener"];
  readonly #notices: readonly Notice[];
  readonly #ledger: Ledger;
  readonly #gate: ReconcilerParts["gate"];
  readonly #around: InterpretingParts;
  readonly #of: Resource;
  readonly #decoded: Accepted;
  readonly #change: Change;
  /** Whether what it is about was there when it was looked at, and which run of it. */
  #exists = true;
  #run: string | null = null;

  constructor(
    { ports, clock, log, stop, assets, ledger, gate, opener }: ReconcilerParts,
    around: InterpretingParts,
    { resource, decoded, change, notices }: Undertaking,
  ) {
    this.ports = ports;
    this.clock = clock;
    this.log = log;
    this.stop = stop;
    this.assets = assets;
    this.notified = notices.length > 0;
    this.#opener = opener;
    this.#notices = notices;
    this.#ledger = ledger;
    this.#gate = gate;
    this.#around = around;
    this.#of = resource;
    this.#decoded = decoded;
    this.#change = change;
  }

  get secrets(): Secrets | undefined {
    return this.#opener?.of(this.#of.id, this.#decoded.wire.secrets);
  }
  superseded(): boolean {
    if (this.stop.aborted || this.#around.current(this.#of.id) !== this.#of) return true;
    // Who says that it is not to be written any more does not mean: after the step that comes next.
    const now = this.#of.decoded;
    return now !== this.#decoded && policyText(now) !== policyText(this.#decoded);
  }
  isAnew(run: string | null): boolean {
    return run !== null && this.#notices.every(({ from }) => from !== undefined && from !== run);
  }
  permit({ exists, why, run }: Found): Permission {
    this.#exists = exists;
    this.#run = run;
    const { policies, identity, digest } = this.#decoded;
    return permits(
      {
        policies,
        identity,
        digest,
        owned: this.#ledger.owned.get(identity),
        isKnownBad: this.#of.status.knownBad === true,
        notified: this.notified && !this.isAnew(run),
      },
      { exists, why },
    );
  }
  async claim(claims: readonly string[], why: "change" | "restart"): Promise<void> {
    // No step follows. A claim that came after the manifest that drops it would be kept until the next one.
    if (this.superseded()) return;
    const { identity, wire, policies } = this.#decoded;
    const isOwn = await this.#isAsOlderSpec();
    if (this.superseded()) return;
    const isNews = why === "change" && this.#around.notices.changes(this.#of.id, this.#change);
    for (const notice of this.#notices) this.#ledger.begun(notice, this.#run);
    const held = this.#ledger.owned.get(identity);
    const isMade = policies.ownership === "createOnly" && (!this.#exists || held?.making === true);
    const reached =
      why === "restart" && held?.reached !== undefined && isGuarded(policies) ? { reached: held.reached } : {};
    const marks = { ...(isMade && { making: true as const }), ...reached };
    this.#ledger.own(this.#of.id, identity, wire, isOwn ? [...claims, identity] : claims, marks);
    // What is repaired is owned already. It need not wait for what else there is to be saved.
    if (isNews || this.#notices.length > 0 || !this.#ledger.isSaved(identity)) await this.#ledger.flush();
  }

  /**
   * Whether what stands there is as an older spec of it wants, whose work was cut short before it could say so. From here
   * on only the newer spec is remembered, and by that one alone it would look like somebody else's.
   */
  async #isAsOlderSpec(): Promise<boolean> {
    const { identity, wire } = this.#decoded;
    const held = this.#ledger.owned.get(identity);
    if (held === undefined || held.claims.includes(identity) || JSON.stringify(held.wire) === JSON.stringify(wire)) {
      return false;
    }
    const older = decodeScore(held.wire, this.#gate);
    if (older._tag === "Refused") return false;
    const { ports, clock, log, stop } = this;
    const secrets = this.#opener?.of(this.#of.id, held.wire.secrets);
    const looked = await preview(older.score, { ports, clock, log, stop, secrets });
    return looked._tag === "Planned" && looked.steps.length === 0;
  }
  gather(): Promise<void> {
    return this.#around.workers.gather(this.#decoded.identity);
  }
  aside(): void {
    this.#around.workers.aside(this.#decoded.identity);
  }
}
