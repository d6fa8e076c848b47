import { attenuate } from "../scores/attenuate.ts";
import type { MaybePromise } from "../scores/context.ts";
import { type ApplySurroundings, interpretNow } from "../scores/interpret.ts";
import type { Outcome } from "../scores/outcome.ts";
import type { AnyScore } from "../scores/score.ts";
import { inOrder } from "../topology/order.ts";
import type { DecodedManifest } from "../wire/decode.ts";
import type { ScoreStatus } from "../wire/status.ts";
import type { ReconcilerParts } from "./reconciler-parts.ts";
import {
  type Accepted,
  type Change,
  digestOf,
  isNoNews,
  looks,
  newResource,
  type Resource,
  restMs,
  unasked,
} from "./resource.ts";
import { type Retirement, Retirements } from "./retirements.ts";
import { begin, blocked, retryDelayMs, settled, started } from "./score-status.ts";

/** How long a pass may hold the event loop before it lets heartbeats and messages through. */
const SLICE_MS = 5;
/** How long everything rests after a bug of the agent's own, so that it cannot run hot. */
const AFTER_BUG_MS = 1000;

/**
 * Makes the device what the manifest in force says, one Score at a time, in order, for ever. Level-based: what is queued
 * is a Score's id and never an event, and each turn looks at the device anew.
 */
export class Reconciler {
  readonly #parts: ReconcilerParts;
  readonly #resources = new Map<string, Resource>();
  readonly #retirements: Retirements;
  #order: readonly string[] = [];
  #round: Iterator<string> = [].values();
  #generation = 0;
  #observedGeneration = 0;
  #working: Promise<void> | null = null;
  #paused = false;
  #changes = 0;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
    this.#retirements = new Retirements(parts, {
      isWanted: (id) => this.#resources.has(id),
      generation: () => this.#generation,
      onChange: () => (this.#changes += 1),
      onDue: () => this.#kick(),
      onGone: (identity) => this.#wake(({ decoded }) => decoded._tag === "Score" && decoded.identity === identity),
    });
  }

  get generation(): number {
    return this.#generation;
  }
  get observedGeneration(): number {
    return this.#observedGeneration;
  }
  /** Counts the changes of status, so that a pass that changed none can be told from one that did. */
  get changes(): number {
    return this.#changes;
  }
  get isWorking(): boolean {
    return this.#working !== null;
  }

  /** The status of each Score, and of what is being removed. */
  statuses(): Record<string, ScoreStatus> {
    const all: Record<string, ScoreStatus> = {};
    for (const { id, status } of this.#resources.values()) all[id] = status;
    for (const { owned, status } of this.#retirements.all()) {
      all[owned.id in all ? `${owned.id}~${owned.identity}` : owned.id] = status;
    }
    return all;
  }

  /** Takes a newer manifest, at any moment. `change`: `corrective` when it was in force before, as after a restart. */
  accept(manifest: DecodedManifest, change: Change): void {
    const { ledger, clock } = this.#parts;
    this.#generation = manifest.generation;
    const now = clock.now();
    const after: Record<string, readonly string[]> = {};
    for (const resource of [...this.#resources.values()]) {
      if (digestOf(manifest.scores.get(resource.id)) !== digestOf(resource.decoded)) this.#drop(resource);
    }
    for (const [id, decoded] of manifest.scores) {
      if (decoded._tag === "Score") after[id] = decoded.after;
      const known = this.#resources.get(id);
      const status = begin(decoded, manifest.generation, known?.status ?? ledger.statuses.get(id), now);
      // After a restart: what this generation orders and was not carried through yet is no drift.
      const why =
        change === "corrective" && status.generation === manifest.generation ? unasked(status) : "intentional";
      const due = decoded._tag === "Score" ? why : null;
      ledger.remember(id, status);
      // An unchanged Score stays the same resource: work on it that is under way goes on.
      const resource =
        known === undefined ? newResource(id, decoded, status, due) : Object.assign(known, { decoded, status, due });
      // Put in anew, so that the status tells of them in the manifest's order.
      this.#resources.delete(id);
      this.#resources.set(id, resource);
    }
    this.#order = inOrder([...manifest.scores.keys()], after);
    this.#round = [].values();
    this.#retirements.plan(manifest, now);
    // After a restart it is no news that this generation was carried through before.
    const all = [...this.#resources.values()];
    const wasDone = all.every(({ status }) => status.generation === manifest.generation && status.state !== "Pending");
    if (change === "corrective" && wasDone && this.#retirements.next() === undefined) {
      this.#observedGeneration = manifest.generation;
    }
    this.#changes += 1;
    // First, since the work may be done before the kick returns, and what comes of it is the news that is told at once.
    this.#parts.onChange("working");
    this.#kick();
  }

  /** Has every Score looked at: drift that no event told of. */
  lookAtAll(): void {
    for (const resource of this.#resources.values()) {
      if (resource.decoded._tag === "Score") resource.due ??= unasked(resource.status);
    }
    this.#kick();
  }

  /** Stops for good: another agent has this one's id. */
  pause(): void {
    this.#paused = true;
    for (const resource of this.#resources.values()) this.#drop(resource);
    this.#retirements.cancel();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#working !== null) await this.#working;
  }

  #kick(): void {
    if (this.#working !== null || this.#paused) return;
    this.#working = this.#work()
      .catch(async (bug: unknown) => {
        this.#parts.log("a bug of the reconciler", { bug: String(bug) });
        await new Promise<void>((resume) => void this.#parts.clock.after(AFTER_BUG_MS, resume));
      })
      .finally(() => {
        this.#working = null;
        // Something may have become due between the last look and now.
        const more = this.#nextDue() !== undefined || this.#retirements.next() !== undefined;
        if (more && !this.#parts.stop.aborted) this.#kick();
        else this.#parts.onChange("settled");
      });
  }

  async #work(): Promise<void> {
    const { clock, breathe, stop, onChange } = this.#parts;
    let sliceBegan = clock.monotonicMs();
    while (!stop.aborted && !this.#paused) {
      const resource = this.#nextDue();
      if (resource === undefined) {
        const retirement = this.#retirements.next();
        if (retirement === undefined) break;
        await this.#retirements.retire(retirement);
      } else {
        const looking = this.#reconcile(resource);
        if (looking instanceof Promise) await looking;
      }
      if (clock.monotonicMs() - sliceBegan >= SLICE_MS) {
        onChange("working");
        await breathe();
        sliceBegan = clock.monotonicMs();
      }
    }
    if (stop.aborted || this.#paused || this.#observedGeneration === this.#generation) return;
    this.#observedGeneration = this.#generation;
    // Also where no Score had anything to do: whoever shipped it waits for this.
    this.#changes += 1;
  }

  /** The next Score that is due, in order: a round goes through the whole order, and begins anew while any is due. */
  #nextDue(): Resource | undefined {
    for (let rounds = 0; rounds < 2; rounds += 1) {
      for (let step = this.#round.next(); step.done !== true; step = this.#round.next()) {
        const resource = this.#resources.get(step.value);
        if (resource !== undefined && resource.due !== null) return resource;
      }
      this.#round = this.#order.values();
    }
    return undefined;
  }

  /** Gives a promise only where something has to be waited for: a pass over a thousand converged Scores makes none. */
  #reconcile(resource: Resource): MaybePromise<void> {
    const { decoded } = resource;
    const change = resource.due ?? "corrective";
    resource.due = null;
    if (decoded._tag === "Refused") return;
    const waitsFor = decoded.after.filter((on) => this.#resources.get(on)?.status.state !== "Ready");
    if (waitsFor.length > 0) {
      this.#block(resource, waitsFor, change);
      return;
    }
    const inTheWay = this.#retirements.of(decoded.identity);
    return inTheWay === undefined
      ? this.#interpret(resource, decoded, change)
      : this.#replace(inTheWay, resource, decoded, change);
  }

  /** What another kind made in the same place goes first. */
  async #replace(inTheWay: Retirement, resource: Resource, decoded: Accepted, change: Change): Promise<void> {
    if (inTheWay.stage !== "failed" && (await this.#retirements.retire(inTheWay))) {
      await this.#interpret(resource, decoded, change);
    } else if (this.#resources.get(resource.id) === resource) this.#block(resource, [this.#nameOf(inTheWay)], change);
  }

  #interpret(resource: Resource, decoded: Accepted, change: Change): MaybePromise<void> {
    const { clock, ledger } = this.#parts;
    const { id } = resource;
    const { score, wire, identity } = decoded;
    const before = resource.status;
    resource.status = started(before, clock.now());
    looks(resource, clock.monotonicMs());
    if (resource.status !== before) {
      // Told now, because it may take long.
      this.#changes += 1;
      this.#parts.onChange("working");
    }
    const outcome = interpretNow(
      score,
      this.#surroundings(resource, async (claims) => {
        ledger.own(id, identity, wire, claims);
        await ledger.flush();
      }),
    );
    return outcome instanceof Promise
      ? outcome.then((made) => this.#settle(resource, decoded, change, before, made))
      : this.#settle(resource, decoded, change, before, outcome);
  }

  #settle(resource: Resource, decoded: Accepted, change: Change, before: ScoreStatus, outcome: Outcome): void {
    const { clock, ledger } = this.#parts;
    const { id } = resource;
    const { score, wire, identity } = decoded;
    if (this.#resources.get(id) !== resource || isNoNews(resource, this.#generation, change, outcome)) return;
    // From now on the thing itself is the Score's. What it could not change yet may still be somebody else's.
    if (outcome.outcome !== "FAILURE") ledger.own(id, identity, wire, [identity]);
    if (outcome.outcome === "FAILURE" && outcome.failure._tag === "Interrupted") {
      resource.status = before;
      resource.due ??= change;
      return;
    }
    const failing = outcome.outcome === "FAILURE";
    if (failing || (outcome.outcome === "SUCCESS" && change === "corrective")) resource.troubles += 1;
    const delay = retryDelayMs(outcome, resource.status.attempts, this.#parts.random);
    const now = clock.now();
    const settling = { change, generation: this.#generation, now, retryAfter: new Date(now.getTime() + delay) };
    const status = settled(resource.status, outcome, settling);
    // A Score that was not Ready before this look has been worked on, so its dependents have waited.
    if (status.state === "Ready" && before.state !== "Ready") {
      this.#wake(({ decoded: other }) => other._tag === "Score" && other.after.includes(id));
    }
    resource.status = status;
    if (status !== before) {
      this.#changes += 1;
      ledger.remember(id, status);
    }
    resource.cancelRetry();
    if (failing) {
      resource.cancelRetry = clock.after(delay, () => this.#becomesDue(resource, change));
      this.#parts.log("a Score failed", {
        id,
        kind: status.kind,
        error: status.error,
        attempts: status.attempts,
        retryAfter: status.retryAfter,
      });
    } else if (outcome.outcome === "SUCCESS") {
      this.#parts.log(change === "corrective" ? "drift was repaired" : "a Score was applied", {
        id,
        kind: status.kind,
        did: outcome.did,
      });
    }
    resource.unwatch ??= this.#watch(resource, score);
  }

  #block(resource: Resource, on: readonly string[], change: Change): void {
    const status = blocked(resource.status, on, this.#generation, this.#parts.clock.now());
    // A pass that finds it still waiting does not make of what was ordered a repair.
    if (change === "intentional" || resource.status.state !== "Blocked") resource.blockedFor = change;
    if (status === resource.status) return;
    resource.status = status;
    this.#changes += 1;
    this.#parts.ledger.remember(resource.id, status);
  }

  #watch(resource: Resource, score: AnyScore): () => void {
    try {
      return score.bind().watch(attenuate(score.requires, this.#parts.ports).reads, () => this.#hinted(resource));
    } catch (error) {
      this.#parts.log("drift of a Score will be found by the periodic pass alone", {
        id: resource.id,
        error: String(error),
      });
      return () => {};
    }
  }

  #surroundings(of: Resource, claim: ApplySurroundings["claim"]): ApplySurroundings {
    const { ports, clock, log, stop } = this.#parts;
    const resources = this.#resources;
    return {
      ports,
      clock,
      log,
      stop,
      // A method, because to keep the name of an arrow function costs the bundle a call each time that one is made.
      superseded() {
        return stop.aborted || resources.get(of.id) !== of;
      },
      claim,
    };
  }

  #hinted(resource: Resource): void {
    if (resource.due !== null || resource.cancelHint !== null) return;
    // The hint may be about what the agent did itself, or the first of many: one later look serves them all.
    const rest = resource.lookedAt + restMs(resource) - this.#parts.clock.monotonicMs();
    if (rest <= 0) this.#becomesDue(resource, unasked(resource.status));
    else {
      resource.cancelHint = this.#parts.clock.after(rest, () => {
        resource.cancelHint = null;
        this.#becomesDue(resource, unasked(resource.status));
      });
    }
  }

  #becomesDue(resource: Resource, change: Change): void {
    if (this.#resources.get(resource.id) !== resource) return;
    resource.due ??= change;
    this.#kick();
  }

  /** What these waited for has come about. */
  #wake(isWaiting: (resource: Resource) => boolean): void {
    for (const resource of this.#resources.values()) {
      if (resource.status.state === "Blocked" && isWaiting(resource)) resource.due ??= resource.blockedFor;
    }
  }

  /** Under which name the status tells of it. */
  #nameOf({ owned, status }: Retirement): string {
    return Object.entries(this.statuses()).find(([, told]) => told === status)?.[0] ?? owned.id;
  }

  #drop(resource: Resource): void {
    resource.cancelRetry();
    resource.cancelHint?.();
    resource.unwatch?.();
    this.#resources.delete(resource.id);
  }
}
