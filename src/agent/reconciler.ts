import type { MaybePromise } from "../scores/context.ts";
import { inOrder } from "../topology/order.ts";
import type { DecodedManifest } from "../wire/decode.ts";
import type { ScoreStatus } from "../wire/status.ts";
import { govern } from "./governing.ts";
import { Interpreting } from "./interpreting.ts";
import { Notices } from "./notices.ts";
import type { Progress } from "./progress.ts";
import { ReconcileLoop } from "./reconcile-loop.ts";
import type { ReconcilerParts } from "./reconciler-parts.ts";
import {
  type Accepted,
  type Change,
  digestOf,
  newResource,
  policyText,
  type Resource,
  unasked,
  whyLooked,
} from "./resource.ts";
import { type Retirement, Retirements } from "./retirements.ts";
import { contestedRestMs } from "./contention.ts";
import { begin, blocked, isUp, passedOver } from "./score-status.ts";
import { Turns } from "./turns.ts";
import { Workers } from "./workers.ts";

/**
 * Makes the device what the manifest in force says, in order, for ever; what need not wait goes on side by side. Level-based:
 * what is queued is a Score's id and never an event, and each turn looks at the device anew.
 */
export class Reconciler {
  readonly #parts: ReconcilerParts;
  readonly #resources = new Map<string, Resource>();
  readonly #workers: Workers;
  readonly #turns: Turns;
  readonly #notices: Notices;
  readonly #interpreting: Interpreting;
  readonly #retirements: Retirements;
  readonly #loop: ReconcileLoop;
  /** How many of those at work remove something. */
  #removing = 0;
  #generation = 0;
  #observedGeneration = 0;
  #changes = 0;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
    this.#workers = new Workers(parts.clock);
    this.#turns = new Turns(this.#workers, this.#resources);
    this.#notices = new Notices(parts.ledger, parts.log);
    this.#interpreting = new Interpreting(parts, {
      workers: this.#workers,
      notices: this.#notices,
      current: (id) => this.#resources.get(id),
      generation: () => this.#generation,
      onChange: () => (this.#changes += 1),
      onDue: (resource, change) => this.#becomesDue(resource, change),
      onReady: (id) => this.#wake(({ decoded }) => decoded._tag === "Score" && decoded.after.includes(id)),
    });
    this.#retirements = new Retirements(parts, {
      workers: this.#workers,
      isWanted: (id) => this.#resources.has(id),
      generation: () => this.#generation,
      onChange: () => (this.#changes += 1),
      onDue: () => this.#kick(),
      onGone: (identity) => this.#wake(({ decoded }) => decoded._tag === "Score" && decoded.identity === identity),
    });
    this.#loop = new ReconcileLoop(parts, {
      turn: () => this.#turn(),
      finish: () => this.#finish(),
      onCarriedThrough: () => this.#carriedThrough(),
      isLeft: () => this.#workers.size > 0 || this.#isAnyNext,
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
    return this.#loop.isWorking;
  }

  /** What its loop does, for whoever has to find out whether it still turns. */
  get progress(): Progress {
    const isAnyDue =
      this.#retirements.next() !== undefined || [...this.#resources.values()].some(({ due }) => due !== null);
    return {
      isWorking: this.isWorking,
      isLeft: isAnyDue && !this.isWorking && !this.#loop.isPaused && !this.#parts.stop.aborted,
      turnedMs: this.#loop.turnedMs,
      running: this.#workers.running,
    };
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
      const told = known?.status ?? ledger.statuses.get(id);
      const before = begin(decoded, manifest.generation, told, now, manifest.retryFailed);
      const isIgnored = decoded._tag === "Score" && decoded.policies.drift === "ignore" && isUp(before);
      const status = isIgnored ? passedOver(before, manifest.generation, now) : before;
      // After a restart: what this generation orders and was not carried through yet is no drift.
      const why =
        change === "corrective" && status.generation === manifest.generation ? unasked(status) : "intentional";
      const due = decoded._tag === "Score" && !isIgnored ? why : null;
      ledger.remember(id, status);
      govern(ledger, id, decoded, status);
      if (known !== undefined && policyText(known.decoded) !== policyText(decoded)) this.#watchAnew(known);
      // An unchanged Score stays the same resource: work on it that is under way goes on.
      const resource =
        known === undefined ? newResource(id, decoded, status, due) : Object.assign(known, { decoded, status, due });
      // Put in anew, so that the status tells of them in the manifest's order.
      this.#resources.delete(id);
      this.#resources.set(id, resource);
      this.#lookEvery(resource);
    }
    this.#turns.follow(inOrder([...manifest.scores.keys()], after));
    this.#notices.plan(manifest);
    // What is not looked at again has come about before; a restart that it was the reason for may still be owed.
    for (const { id, decoded, due } of this.#resources.values()) {
      if (decoded._tag !== "Score" || due !== null) continue;
      this.#notices.ready(id, (to, why) => this.#owes(to, why));
    }
    this.#retirements.plan(manifest, now);
    this.#workers.releaseStale();
    // After a restart it is no news that this generation was carried through before.
    const all = [...this.#resources.values()];
    const wasDone = all.every(({ status }) => status.generation === manifest.generation && status.state !== "Pending");
    if (change === "corrective" && wasDone && !this.#retirements.isAnyDue) {
      this.#observedGeneration = manifest.generation;
    }
    this.#changes += 1;
    // First, since the work may be done before the kick returns, and what comes of it is the news that is told at once.
    this.#parts.onChange("working");
    this.#kick();
  }

  /** Has every Score looked at: drift that no event told of. One that failed has a time of its own, which this would undercut. */
  lookAtAll(): void {
    for (const resource of this.#resources.values()) {
      const { decoded, status } = resource;
      if (decoded._tag === "Refused" || decoded.policies.lookEverySeconds !== null) continue;
      if (decoded.policies.drift === "ignore" && isUp(status)) continue;
      // What failed is tried again at its own time, if at all; what will not be may have been made good by somebody else.
      if (status.state === "Failed" && status.knownBad !== true) continue;
      // What others undo again and again rests, whatever it is looked at for.
      if (contestedRestMs(status) > 0) this.#interpreting.hinted(resource);
      else resource.due ??= whyLooked(resource);
    }
    this.#kick();
  }

  #watchAnew(resource: Resource): void {
    resource.unwatch?.();
    resource.unwatch = null;
  }

  #lookEvery(resource: Resource): void {
    resource.cancelLooks();
    const { decoded } = resource;
    if (decoded._tag === "Refused" || decoded.policies.lookEverySeconds === null) return;
    const every = decoded.policies.lookEverySeconds * 1000 * (0.8 + 0.4 * this.#parts.random());
    resource.cancelLooks = this.#parts.clock.after(every, () => {
      this.#lookEvery(resource);
      this.#interpreting.hinted(resource);
    });
  }

  /** Stops for good: another agent has this one's id. */
  pause(): void {
    this.#loop.pause();
    for (const resource of this.#resources.values()) this.#drop(resource);
    this.#retirements.cancel();
    this.#workers.releaseStale();
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#loop.idle();
  }

  #kick(): void {
    this.#workers.poke();
    this.#loop.kick();
  }

  get #isAnyNext(): boolean {
    return this.#turns.next() !== undefined || this.#retirements.next() !== undefined;
  }

  #turn(): MaybePromise<boolean> {
    this.#workers.rethrow();
    const resource = this.#turns.next();
    if (resource !== undefined) return this.#begin(resource);
    if (this.#workers.size === this.#removing && this.#retirements.next() !== undefined) return this.#remove();
    return this.#workers.size > 0 && this.#wait();
  }

  #begin(resource: Resource): MaybePromise<boolean> {
    const looking = this.#reconcile(resource);
    if (!(looking instanceof Promise)) return true;
    return this.#turns.begun(resource, looking, this.#removalMs(resource))?.then(() => true) ?? true;
  }

  /** For one of those at work. */
  async #wait(): Promise<true> {
    if (!this.#turns.isHeldUp) this.#workers.releaseGathered();
    await this.#workers.next();
    this.#parts.onChange("working");
    return true;
  }

  async #finish(): Promise<void> {
    while (this.#workers.size > 0) await this.#workers.next();
  }

  #carriedThrough(): void {
    if (this.#observedGeneration === this.#generation) return;
    this.#observedGeneration = this.#generation;
    // Also where no Score had anything to do: whoever shipped it waits for this.
    this.#changes += 1;
  }

  /** One after the other, but what waits to be gathered does not hold up the next. */
  async #remove(): Promise<true> {
    const retirement = this.#retirements.next();
    if (retirement === undefined) return true;
    const { identity } = retirement.owned;
    this.#removing += 1;
    const gone = this.#retirements
      .retire(retirement)
      .then(() => {})
      .finally(() => (this.#removing -= 1));
    const isStale = (): boolean => this.#retirements.of(identity) !== retirement;
    const bound = retirement.score?.bind();
    const [mayGather, deadlineMs] = [bound?.everPauses === true, bound?.deadlineMs ?? 0];
    await this.#workers.begin({ keys: [identity], lane: null, mayGather, isStale, deadlineMs }, gone);
    return true;
  }

  /** Gives a promise only where something has to be waited for. */
  #reconcile(resource: Resource): MaybePromise<void> {
    const { decoded } = resource;
    const change = resource.due ?? "corrective";
    resource.due = null;
    if (decoded._tag === "Refused") return;
    const waitsFor = decoded.after.filter((on) => !isUpNow(this.#resources.get(on)));
    if (waitsFor.length > 0) {
      this.#block(resource, waitsFor, change);
      return;
    }
    const inTheWay = this.#retirements.of(decoded.identity);
    return inTheWay === undefined
      ? this.#interpreting.interpret(resource, decoded, change)
      : this.#replace(inTheWay, resource, decoded, change);
  }

  #removalMs({ decoded }: Resource): number {
    const inTheWay = decoded._tag === "Score" ? this.#retirements.of(decoded.identity) : undefined;
    return inTheWay?.score?.bind().deadlineMs ?? 0;
  }

  /** What another kind made in the same place goes first. */
  async #replace(inTheWay: Retirement, resource: Resource, decoded: Accepted, change: Change): Promise<void> {
    if (inTheWay.stage !== "failed" && (await this.#retirements.retire(inTheWay))) {
      await this.#interpreting.interpret(resource, decoded, change);
    } else if (this.#resources.get(resource.id) === resource) this.#block(resource, [this.#nameOf(inTheWay)], change);
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

  #becomesDue(resource: Resource, change: Change): void {
    if (this.#resources.get(resource.id) !== resource) return;
    resource.due ??= change;
    this.#kick();
  }

  #owes(to: string, change: Change): void {
    const resource = this.#resources.get(to);
    if (resource !== undefined) resource.due ??= change;
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
    resource.cancelLooks();
    resource.unwatch?.();
    this.#resources.delete(resource.id);
  }
}

const isUpNow = (resource: Resource | undefined): boolean => resource !== undefined && isUp(resource.status);
