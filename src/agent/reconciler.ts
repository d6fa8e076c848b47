import { attenuate, type PortTable } from "../scores/attenuate.ts";
import type { Clock, Log } from "../scores/context.ts";
import { type ApplySurroundings, interpret, retire } from "../scores/interpret.ts";
import type { Outcome } from "../scores/outcome.ts";
import type { AnyScore, AnyScoreClass } from "../scores/score.ts";
import { inOrder } from "../topology/manifest.ts";
import type { Topology } from "../topology/topology.ts";
import { type DecodedManifest, type DecodedScore, decodeScore } from "../wire/decode.ts";
import type { ScoreStatus } from "../wire/status.ts";
import type { Ledger, Owned } from "./ledger.ts";
import { backoffMs, begin, blocked, retiring, settled, started } from "./score-status.ts";

/** How long a pass may hold the event loop before it lets heartbeats and messages through. */
const SLICE_MS = 5;
/** How long a Score that was looked at a moment ago rests before a hint makes it be looked at again. */
const REST_MS = 20;

export interface ReconcilerParts {
  readonly ports: PortTable;
  readonly kinds: readonly AnyScoreClass[];
  readonly topology: Topology;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly log: Log;
  readonly stop: AbortSignal;
  readonly random: () => number;
  /** Lets everything else that is due run. */
  readonly breathe: () => Promise<void>;
  /** Called when a status changed; `settled` when there is nothing left to do for now. */
  readonly onChange: (how: "working" | "settled") => void;
}

type Change = "intentional" | "corrective";

interface Resource {
  readonly id: string;
  decoded: DecodedScore;
  status: ScoreStatus;
  /** Why it is to be looked at, or null where it is not. */
  due: Change | null;
  lookedAt: number;
  cancelRetry: () => void;
  unwatch: (() => void) | null;
}

interface Retirement {
  readonly owned: Owned;
  readonly score: AnyScore | null;
  status: ScoreStatus;
  /**
   * `empty`: a look found nothing that may go. It is kept while others are being removed, because a directory cannot go
   * before what was in it.
   */
  stage: "due" | "empty" | "failed";
  cancelRetry: () => void;
}

/**
 * Makes the device what the manifest in force says, one Score at a time, in order, for ever. Level-based: what is queued
 * is a Score's id and never an event, and each turn looks at the device anew.
 */
export class Reconciler {
  readonly #parts: ReconcilerParts;
  readonly #resources = new Map<string, Resource>();
  readonly #retirements = new Map<string, Retirement>();
  #order: readonly string[] = [];
  #round: Iterator<string> = [].values();
  #generation = 0;
  #observedGeneration = 0;
  #working: Promise<void> | null = null;
  #paused = false;
  #changes = 0;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
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
    for (const [identity, { owned, status }] of this.#retirements) {
      all[owned.id in all ? `${owned.id}~${identity}` : owned.id] = status;
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
      const due = decoded._tag === "Score" ? change : null;
      const known = this.#resources.get(id);
      const status = begin(decoded, manifest.generation, known?.status ?? ledger.statuses.get(id), now);
      ledger.remember(id, status);
      // An unchanged Score stays the same resource: work on it that is under way goes on.
      if (known === undefined) this.#resources.set(id, { id, decoded, status, due, lookedAt: -Infinity, cancelRetry: noop, unwatch: null });
      else Object.assign(known, { decoded, status, due });
    }
    this.#order = inOrder([...manifest.scores.keys()], after);
    this.#round = [].values();
    this.#planRetirements(manifest, now);
    this.#changes += 1;
    this.#kick();
  }

  /** Has every Score looked at: drift that no event told of. */
  lookAtAll(): void {
    for (const resource of this.#resources.values()) if (resource.decoded._tag === "Score") resource.due ??= "corrective";
    this.#kick();
  }

  /** Stops for good: another agent has this one's id. */
  pause(): void {
    this.#paused = true;
    for (const resource of this.#resources.values()) this.#drop(resource);
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#working !== null) await this.#working;
  }

  #kick(): void {
    if (this.#working !== null || this.#paused) return;
    this.#working = this.#work()
      .catch((bug: unknown) => this.#parts.log("a bug of the reconciler", { bug: String(bug) }))
      .finally(() => {
        this.#working = null;
        // Something may have become due between the last look and now.
        const more = this.#nextDue() !== undefined || this.#nextRetirement() !== undefined;
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
        const retirement = this.#nextRetirement();
        if (retirement === undefined) break;
        await this.#retire(retirement);
      } else {
        await this.#reconcile(resource);
      }
      if (clock.monotonicMs() - sliceBegan >= SLICE_MS) {
        onChange("working");
        await breathe();
        sliceBegan = clock.monotonicMs();
      }
    }
    if (!stop.aborted && !this.#paused) this.#observedGeneration = this.#generation;
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

  async #reconcile(resource: Resource): Promise<void> {
    const { clock, ledger } = this.#parts;
    const { id, decoded } = resource;
    const change = resource.due ?? "corrective";
    resource.due = null;
    if (decoded._tag === "Refused") return;
    const waitsFor = decoded.after.filter((on) => this.#resources.get(on)?.status.state !== "Ready");
    if (waitsFor.length > 0) {
      resource.status = blocked(resource.status, waitsFor, this.#generation, clock.now());
      this.#changes += 1;
      ledger.remember(id, resource.status);
      return;
    }
    const { score, wire } = decoded;
    const { identity } = score.bind();
    const inTheWay = this.#retirements.get(identity);
    if (inTheWay !== undefined && !(await this.#retire(inTheWay))) {
      this.#retryLater(resource, change);
      return;
    }

    const before = resource.status;
    resource.status = started(before, clock.now());
    resource.lookedAt = clock.monotonicMs();
    const outcome = await interpret(score, this.#surroundings(resource, async (claims) => {
      ledger.own(id, identity, wire, claims);
      await ledger.flush();
    }));
    if (this.#resources.get(id) !== resource) return;
    if (outcome.outcome !== "FAILURE") ledger.own(id, identity, wire, []);
    if (outcome.outcome === "FAILURE" && outcome.failure._tag === "Interrupted") {
      resource.status = before;
      resource.due ??= change;
      return;
    }
    const failing = outcome.outcome === "FAILURE";
    const delay = backoffMs(resource.status.attempts, this.#parts.random);
    const now = clock.now();
    const settling = { change, generation: this.#generation, now, retryAfter: new Date(now.getTime() + delay) };
    const status = settled(resource.status, outcome, settling);
    // A Score that was not Ready before this look has been worked on, so its dependents have waited.
    if (status.state === "Ready" && before.state !== "Ready") this.#wakeDependents(id);
    resource.status = status;
    if (status !== before) {
      this.#changes += 1;
      ledger.remember(id, status);
    }
    resource.cancelRetry();
    if (failing) {
      resource.cancelRetry = clock.after(delay, () => this.#becomesDue(resource, change));
      this.#parts.log("a Score failed", { id, kind: status.kind, error: status.error, attempts: status.attempts, retryAfter: status.retryAfter });
    } else if (outcome.outcome === "SUCCESS") {
      this.#parts.log(change === "corrective" ? "drift was repaired" : "a Score was applied", { id, kind: status.kind, did: outcome.did });
    }
    resource.unwatch ??= score.bind().watch(attenuate(score.requires, this.#parts.ports).reads, () => this.#noticed(resource));
  }

  #surroundings(of: Resource | Retirement, claim: ApplySurroundings["claim"]): ApplySurroundings {
    const { ports, clock, log, stop } = this.#parts;
    const superseded =
      "id" in of
        ? () => stop.aborted || this.#resources.get(of.id) !== of
        : () => stop.aborted || this.#retirements.get(of.owned.identity) !== of;
    return { ports, clock, log, stop, superseded, claim };
  }

  #noticed(resource: Resource): void {
    const rested = this.#parts.clock.monotonicMs() - resource.lookedAt;
    if (rested >= REST_MS) this.#becomesDue(resource, "corrective");
    // The hint may be about what the agent did itself, or the first of many: one later look serves them all.
    else if (resource.due === null) this.#parts.clock.after(REST_MS - rested, () => this.#becomesDue(resource, "corrective"));
  }

  #becomesDue(resource: Resource, change: Change): void {
    if (this.#resources.get(resource.id) !== resource) return;
    resource.due ??= change;
    this.#kick();
  }

  #retryLater(resource: Resource, change: Change): void {
    resource.cancelRetry();
    resource.cancelRetry = this.#parts.clock.after(backoffMs(0, this.#parts.random), () => this.#becomesDue(resource, change));
  }

  #wakeDependents(id: string): void {
    for (const resource of this.#resources.values()) {
      if (resource.decoded._tag === "Score" && resource.status.state === "Blocked" && resource.decoded.after.includes(id)) {
        resource.due ??= resource.status.change ?? "intentional";
      }
    }
  }

  #drop(resource: Resource): void {
    resource.cancelRetry();
    resource.unwatch?.();
    this.#resources.delete(resource.id);
  }

  /** What the agent owns and the manifest does not want any more. What a refused Score is about stays as it is. */
  #planRetirements(manifest: DecodedManifest, now: Date): void {
    const { ledger, kinds, topology } = this.#parts;
    const kindsWanted = new Map<string, string>();
    for (const decoded of manifest.scores.values()) {
      if (decoded._tag === "Score") kindsWanted.set(decoded.score.bind().identity, decoded.score.kind);
    }
    for (const { cancelRetry } of this.#retirements.values()) cancelRetry();
    const before = new Map(this.#retirements);
    this.#retirements.clear();
    for (const owned of [...ledger.owned.values()].reverse()) {
      const { id, identity, wire } = owned;
      if (kindsWanted.get(identity) === wire.kind) continue;
      if (!kindsWanted.has(identity) && manifest.scores.get(id)?._tag === "Refused") continue;
      const decoded = decodeScore(wire, { kinds, topology });
      const told = manifest.scores.has(id) ? undefined : ledger.statuses.get(id);
      const status = before.get(identity)?.status ?? told ?? begin(decoded, this.#generation, undefined, now);
      this.#retirements.set(identity, {
        owned,
        score: decoded._tag === "Score" ? decoded.score : null,
        status: retiring(status, this.#generation, now),
        stage: "due",
        cancelRetry: noop,
      });
    }
    for (const id of [...ledger.statuses.keys()]) {
      const isRetiring = [...this.#retirements.values()].some(({ owned }) => owned.id === id);
      if (!manifest.scores.has(id) && !isRetiring) ledger.forget(id);
    }
  }

  #nextRetirement(): Retirement | undefined {
    const all = [...this.#retirements.values()];
    const due = all.find(({ stage }) => stage === "due");
    // When nothing else goes any more, what is left of the empty ones is not the agent's, and they are done.
    return due ?? (all.some(({ stage }) => stage === "failed") ? undefined : all[0]);
  }

  /** Whether it is gone. */
  async #retire(retirement: Retirement): Promise<boolean> {
    const { ledger, log } = this.#parts;
    const { owned, score } = retirement;
    const { id, identity, wire, claims } = owned;
    if (score === null) {
      retirement.stage = "failed";
      log("what an unknown kind made cannot be removed", { id, identity, kind: wire.kind });
      return false;
    }
    const wasEmpty = retirement.stage === "empty";
    const outcome = await retire(score, new Set(claims), this.#surroundings(retirement, () => ledger.flush()));
    if (this.#retirements.get(identity) !== retirement) return false;
    if (outcome.outcome === "FAILURE") {
      this.#retireLater(retirement, outcome);
      return false;
    }
    if (outcome.outcome === "NOOP" && !wasEmpty && this.#retirements.size > 1) {
      retirement.stage = "empty";
      return false;
    }
    this.#changes += 1;
    retirement.cancelRetry();
    this.#retirements.delete(identity);
    ledger.disown(identity);
    if (!this.#resources.has(id)) ledger.forget(id);
    log("a dropped Score was removed", { id, identity, outcome: outcome.outcome });
    if (outcome.outcome === "SUCCESS") {
      for (const other of this.#retirements.values()) if (other.stage === "empty") other.stage = "due";
    }
    return true;
  }

  #retireLater(retirement: Retirement, outcome: Outcome): void {
    const { clock, log } = this.#parts;
    const delay = backoffMs(retirement.status.attempts, this.#parts.random);
    const now = clock.now();
    const settling = { change: "intentional", generation: this.#generation, now, retryAfter: new Date(now.getTime() + delay) } as const;
    this.#changes += 1;
    retirement.stage = "failed";
    retirement.status = settled(retirement.status, outcome, settling);
    retirement.cancelRetry();
    retirement.cancelRetry = clock.after(delay, () => {
      retirement.stage = "due";
      this.#kick();
    });
    log("a dropped Score could not be removed", { id: retirement.owned.id, error: retirement.status.error });
  }
}

const noop = (): void => {};

/** A refused Score is never the same as before: it is taken anew, as what is wrong with it may be another thing now. */
const digestOf = (decoded: DecodedScore | undefined): string | undefined | symbol =>
  decoded?._tag === "Score" ? decoded.digest : decoded === undefined ? undefined : Symbol("refused");
