import type { Clock, Log } from "../scores/context.ts";
import type { DecodedManifest } from "../wire/decode.ts";
import type { RolledBack, ScoreStatus } from "../wire/status.ts";
import type { Ledger } from "./ledger.ts";
import type { Accepted } from "./saved-manifest.ts";
import { isUp } from "./score-status.ts";

/** So often an agent may start while a manifest is on trial: one that ends the agent would else never be taken back. */
export const MOST_STARTS = 3;
/** Of the Scores of a manifest that failed, so many are told of. */
const MOST_TOLD = 20;

type Statuses = Readonly<Record<string, ScoreStatus>>;

export interface TrialParts {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Log;
  readonly statuses: () => Statuses;
  /** The newest generation that the reconciler has carried through. */
  readonly carriedThrough: () => number;
  /** Puts it in force. False: it cannot be decoded any more. */
  readonly goBack: (to: Accepted) => boolean;
  /** It became known whether the manifest is good. */
  readonly onDecided: () => void;
}

/**
 * Whether the newest manifest is good, which it is once all of it was Ready; and what becomes of one that is not, and that
 * asked to be taken back then. All that decides is in the ledger, so that every start decides the same.
 */
export class Trial {
  readonly #parts: TrialParts;
  #generation = 0;
  /** What was told as carried through before this manifest came. */
  #before = 0;
  #cancel = (): void => {};

  constructor(parts: TrialParts) {
    this.#parts = parts;
  }

  /** Of the newest manifest that was taken up; 0 before the first. */
  get generation(): number {
    return this.#generation;
  }

  /** The newest one that was carried through: never one that may still be taken back, or was. */
  get observedGeneration(): number {
    const { ledger, carriedThrough } = this.#parts;
    const isHeld = this.#isOpen || typeof this.rolledBack?.to === "number";
    return Math.max(this.#before, isHeld ? (ledger.lastGood?.generation ?? 0) : carriedThrough());
  }

  /** What became of the newest manifest, where it failed and was to be taken back. */
  get rolledBack(): RolledBack | null {
    const { trial } = this.#parts.ledger;
    return trial?.generation === this.#generation ? (trial.over ?? null) : null;
  }

  get #isGood(): boolean {
    return this.#parts.ledger.lastGood?.generation === this.#generation;
  }

  get #isOpen(): boolean {
    const { trial } = this.#parts.ledger;
    return trial?.generation === this.#generation && trial.over === undefined && !this.#isGood;
  }

  /** A newer manifest is about to be put in force, and is in the ledger as accepted. */
  accepted(manifest: DecodedManifest): void {
    this.#before = this.observedGeneration;
    this.#begins(manifest);
  }

  /** The agent starts, and this generation is what it accepted last. Gives the manifest that is in force in its place, or null. */
  starts({ generation }: Accepted): Accepted | null {
    const { ledger } = this.#parts;
    this.#generation = generation;
    const { trial } = ledger;
    if (this.#isOpen && trial !== null) {
      const starts = trial.starts + 1;
      ledger.tried({ ...trial, starts });
      if (starts > MOST_STARTS) this.#over("NotReadyInTime", Object.fromEntries(ledger.statuses));
    }
    return this.inForceInstead();
  }

  /** The manifest that came back in place of the newest, or null. */
  inForceInstead(): Accepted | null {
    const { lastGood } = this.#parts.ledger;
    const to = this.rolledBack?.to ?? null;
    if (to === null) return null;
    if (lastGood?.generation === to) return lastGood;
    this.noWayBack();
    return null;
  }

  /** What had come back is lost, or cannot be decoded any more: the newest manifest is in force, although it failed. */
  noWayBack(): void {
    const { ledger, log } = this.#parts;
    const over = this.rolledBack;
    if (ledger.trial === null || over === null) return;
    log("the last good manifest cannot be read any more", { generation: over.to });
    ledger.tried({ ...ledger.trial, over: { ...over, to: null } });
  }

  /** After {@link starts}, with what the newest manifest says. */
  resumed(manifest: DecodedManifest): void {
    this.#begins(manifest);
  }

  #begins(manifest: DecodedManifest): void {
    const { ledger, clock } = this.#parts;
    this.#generation = manifest.generation;
    this.#carryOver(manifest);
    this.stop();
    if (ledger.trial?.generation !== manifest.generation) {
      const isOnTrial = manifest.rollbackOnFailure !== null && !this.#isGood;
      ledger.tried(isOnTrial ? { generation: manifest.generation, starts: 1, knownBad: {} } : null);
    }
    if (!this.#isOpen || manifest.rollbackOnFailure === null) return;
    this.#cancel = clock.after(manifest.rollbackOnFailure.withinSeconds * 1000, () => this.#late());
  }

  /** What failed for good in a manifest that was taken back stays known as that, also in the manifests that follow. */
  #carryOver({ scores, retryFailed }: DecodedManifest): void {
    const { ledger } = this.#parts;
    for (const [id, status] of Object.entries(ledger.trial?.knownBad ?? {})) {
      const decoded = scores.get(id);
      const isSame = decoded?._tag === "Score" && decoded.digest === status.digest;
      if (isSame && !retryFailed && ledger.statuses.get(id)?.digest !== status.digest) ledger.remember(id, status);
    }
  }

  /** Nothing is left to do for now. */
  settled(): void {
    const { ledger, carriedThrough, statuses, log, onDecided } = this.#parts;
    if (this.#generation === 0 || this.#isGood || typeof this.rolledBack?.to === "number") return;
    const told = statuses();
    if (carriedThrough() === this.#generation && Object.values(told).every(isUp)) {
      ledger.keepAsGood();
      ledger.tried(null);
      this.stop();
      log("the manifest is wholly Ready, and the one to go back to", { generation: this.#generation });
      onDecided();
    } else if (this.#isOpen && Object.values(told).some(isHopeless)) this.#giveUp("FailedForGood");
  }

  #late(): void {
    this.settled();
    if (this.#isOpen) this.#giveUp("NotReadyInTime");
  }

  #giveUp(why: RolledBack["why"]): void {
    const { ledger, statuses, goBack, onDecided } = this.#parts;
    this.#over(why, statuses());
    if (ledger.lastGood !== null && !goBack(ledger.lastGood)) this.noWayBack();
    onDecided();
  }

  #over(why: RolledBack["why"], statuses: Statuses): void {
    const { ledger, clock, log } = this.#parts;
    this.stop();
    const bad = Object.entries(statuses).filter(([, status]) => !isUp(status));
    // Those first that failed themselves, and do not only wait for others.
    const failed = bad.toSorted(([, a], [, b]) => Number(a.error === null) - Number(b.error === null));
    const over: RolledBack = {
      generation: this.#generation,
      to: ledger.lastGood?.generation ?? null,
      why,
      at: clock.now().toISOString(),
      scores: Object.fromEntries(
        failed.slice(0, MOST_TOLD).map(([id, { state, error, blockedOn }]) => [id, { state, error, blockedOn }]),
      ),
    };
    const knownBad = Object.fromEntries(bad.filter(([, status]) => status.knownBad === true));
    ledger.tried({ generation: this.#generation, starts: ledger.trial?.starts ?? 1, over, knownBad });
    log(
      over.to === null ? "a manifest failed, and there is none to go back to" : "a manifest failed and is taken back",
      {
        ...over,
      },
    );
  }

  /** Its time does not run any more. */
  stop(): void {
    this.#cancel();
    this.#cancel = () => {};
  }
}

/** Whether only another content can help. A capability that is away may come. */
const isHopeless = ({ state, error, knownBad }: ScoreStatus): boolean =>
  knownBad === true || (state === "Refused" && error?.reason !== "MissingCapability");
