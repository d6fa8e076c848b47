import { type DecodedManifest, decodePayload, type Gate, type InForce } from "../wire/decode.ts";
import type { Envelope } from "../wire/envelope.ts";
import type { AgentStatus, Condition } from "../wire/status.ts";
import { sha256Of } from "../wire/event-chain.ts";
import { asName } from "../wire/events.ts";
import type { ToldStatus } from "../wire/told-status.ts";
import { forTaken } from "../wire/policy-gate.ts";
import { Opener } from "../wire/secrets/opener.ts";
import { VERSION } from "../wire/version.ts";
import { asEvents } from "./agent-events.ts";
import type { AgentParts } from "./agent-parts.ts";
import { NOT_TAKEN, takeBrought } from "./brought.ts";
import { capabilitiesOf } from "./capabilities-of.ts";
import { DesiredState } from "./desired-state.ts";
import { floorOf } from "./generation-mark.ts";
import { FreeSpace } from "./free-space.ts";
import { stillWanted } from "./permits.ts";
import type { Accepted } from "./saved-manifest.ts";
import { serveLogs } from "./logs/serve-logs.ts";
import { servePlans } from "./planner.ts";
import { watchFile } from "./policy-watch.ts";
import { type AgentPresence, Presence, type PresenceParts } from "./presence.ts";
import type { Passes, Progress } from "./progress.ts";
import { Reconciler } from "./reconciler.ts";
import { Reporter } from "./reporter.ts";
import { Trial } from "./trial.ts";
import { Link } from "./link.ts";
import { conditionsOf, dated, type Reading, type StatusFacts } from "./status-document.ts";

/** How often every Score is looked at when no event told of drift; jittered by a fifth either way. */
export const DRIFT_PASS_MS = 300_000;
const LATEST_PASS = 1.2;
const TAKE_MIN_MS = 500;
const TAKE_MAX_MS = 5_000;

/**
 * One agent: it makes its device what the last accepted manifest says, from the ledger at once and with no network, takes
 * newer manifests from its key, and tells how it stands.
 */
export class Agent {
  readonly #parts: AgentParts;
  readonly #asEvents: ReturnType<typeof asEvents>;
  /** Its topology is what the host offers at the moment that it is read. */
  readonly #gate: Gate;
  readonly #stop = new AbortController();
  readonly #reconciler: Reconciler;
  readonly #reporter: Reporter;
  readonly #presence: AgentPresence;
  readonly #desired: DesiredState;
  readonly #endings: (() => void)[] = [];
  /** As told last, by this start or the one before. */
  #conditions: readonly ToldStatus["conditions"][number][] = [];
  #reading: Reading | null = null;
  #revision = 0;
  /** The generation that an earlier start told of, for when the device itself knows of none any more. */
  #told = 0;
  #fencedBy: number | null = null;
  readonly #link: Link;
  readonly #space: FreeSpace;
  readonly #trial: Trial;
  /** The newest generation of which it is on record what came of it. */
  #settled = 0;
  #toldChanges = 0;
  #toldWorking = false;
  #isTaking = false;
  #cancelTake = (): void => {};
  #cancelDriftPass = (): void => {};
  #passedAt = 0;
  /** Called when anything may have changed that {@link facts} tell of. */
  onNews: () => void = () => {};

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#asEvents = asEvents(parts.pair === undefined ? null : parts.agentId);
    const { agentId, kinds, trustedKeys, authors, host, store, clock, log, random, bootId, policy } = parts;
    const { deviceKeys, onSecretUse } = parts;
    const opener = deviceKeys && new Opener({ agentId, keys: () => deviceKeys.own, onUse: onSecretUse });
    const held = () => stillWanted(parts.ledger.owned.values(), this.#reconciler.statuses());
    const gate: Gate = {
      opener,
      agentId,
      kinds,
      trustedKeys,
      get topology() {
        return host.topology;
      },
      get policy() {
        return policy?.();
      },
      get authors() {
        return authors?.();
      },
      get now() {
        return clock.now();
      },
      get held() {
        return held();
      },
    };
    this.#gate = gate;
    this.#link = new Link(clock);
    this.#space = new FreeSpace(parts.ledger.disk, clock, () => this.#report(true));
    const onFenced = (epoch: number): void => this.#fence(epoch);
    this.#reconciler = new Reconciler({
      ...parts,
      gate,
      opener,
      ports: host.ports,
      stop: this.#stop.signal,
      onChange: (how) => this.#changed(how),
    });
    this.#trial = new Trial({
      ...parts,
      statuses: () => this.#reconciler.statuses(),
      carriedThrough: () => this.#reconciler.observedGeneration,
      goBack: (to) => {
        const manifest = this.#decodeAgain(to);
        if (manifest !== null) this.#reconciler.accept(manifest, "intentional");
        return manifest !== null;
      },
      onDecided: () => this.#report(true),
    });
    this.#reporter = new Reporter({
      store,
      agentId,
      clock,
      log,
      status: () => this.#status(),
      onFenced,
    });
    const presence: PresenceParts = {
      store,
      agentId,
      bootId,
      clock,
      log,
      capabilities: () => capabilitiesOf(parts),
      observedGeneration: () => this.#trial.observedGeneration,
      onFenced,
      onForgotten: () => this.#tellAgain(),
    };
    this.#presence = parts.pair?.presence(presence) ?? new Presence(presence);
    this.#desired = new DesiredState({
      store,
      gate,
      clock,
      log,
      random,
      inForce: () => this.#inForce(),
      onManifest: (manifest, accepted) => this.#accept(manifest, accepted),
      onReading: (reading, revision, sha256) => this.#read(reading, revision, sha256),
    });
  }

  /** Whether another agent with this id has taken over. */
  get isFenced(): boolean {
    return this.#fencedBy !== null;
  }

  get isConnected(): boolean {
    return this.#link.isUp;
  }

  /** As they are now, for whoever asks on the device: also those that cannot be told, as `Fenced` and `Offline`. */
  get conditions(): readonly Condition[] {
    return dated(conditionsOf(this.facts), this.#conditions, this.#parts.clock.now());
  }

  /** Takes a bundle that somebody brought to the device itself, if the gate lets it: with no server too. */
  take(bytes: Uint8Array): Reading {
    if (this.#stop.signal.aborted) return NOT_TAKEN;
    const take = (...given: readonly [string, Envelope["signatures"]]) => this.#desired.take(...given, this.#revision);
    const reading = takeBrought(bytes, take, this.#parts.log);
    if (reading._tag === "Refused") {
      this.#parts.trail?.record(this.#asEvents.refused(reading.refusal, sha256Of(bytes)));
    }
    return reading;
  }

  /** As it would be told now; asking does not count as telling. */
  get status(): AgentStatus {
    return this.#document(this.conditions);
  }

  /** Whether its loop does what it is there for; null where it is not to do anything any more. */
  get progress(): { readonly loop: Progress; readonly passes: Passes } | null {
    if (this.#stop.signal.aborted) return null;
    const { clock, driftPassMs } = this.#parts;
    const passes = { passedMs: clock.monotonicMs() - this.#passedAt, everyMs: driftPassMs * LATEST_PASS };
    return { loop: this.#reconciler.progress, passes };
  }

  start(): void {
    const { store, log, host, policy, authors, clock, trail, ledger, logs } = this.#parts;
    if (this.#parts.pair === undefined) {
      trail?.record({ type: "AgentStarted", version: asName(VERSION), topology: asName(host.topology.name) });
      trail?.record(this.#asEvents.policy(policy?.()));
      trail?.record(this.#asEvents.authors(this.#gate));
      if (ledger.accepted !== null) trail?.record(this.#asEvents.acceptedBefore(ledger.accepted));
      this.#resume();
    }
    host.onChange(() => this.#hostChanged());
    if (policy !== undefined) this.#endings.push(watchFile(policy, clock, () => this.#policyChanged()));
    // What is in force goes on, whoever has gone; what was refused may be taken now.
    if (authors !== undefined) this.#endings.push(watchFile(authors, clock, () => this.#authorsChanged()));
    this.#scheduleDriftPass();
    ledger.onTrouble = () => this.#report(true);
    void this.#space.look();
    if (logs !== undefined) this.#endings.push(serveLogs({ ...this.#parts, gate: this.#gate, logs }));
    let wasConnected = false;
    this.#endings.push(
      servePlans({
        ...this.#parts,
        gate: this.#gate,
        ports: host.ports,
        stop: this.#stop.signal,
        generation: () => this.#reconciler.generation,
      }),
      store.onConnection((state) => {
        log(state === "connected" ? "connected" : "disconnected; the last accepted manifest stays in force", {});
        const before = this.#link.outage;
        this.#link.goes(state);
        this.onNews();
        if (state === "disconnected") return;
        if (this.#link.outage !== before) this.#report(true);
        if (this.#presence.epoch === 0) void this.#takeEpoch(0);
        else if (wasConnected) this.#reconnected();
        wasConnected = true;
      }),
    );
    // The first connection may never come, and then the attempt is what tells why.
    if (this.#presence.epoch === 0) {
      this.#cancelTake = this.#parts.clock.after(TAKE_MAX_MS, () => void this.#takeEpoch(0));
    }
  }

  /** Lets the step under way end, saves the ledger and falls silent. Never rejects. */
  async stop(): Promise<void> {
    const { ledger, log } = this.#parts;
    this.#end();
    await this.#reconciler.idle();
    // Its retries would keep the process from ending.
    this.#reconciler.pause();
    await ledger.flush().catch((error: unknown) => log("the ledger could not be saved", { error: String(error) }));
  }

  /** Its role has changed: told at once. */
  roleChanged(): void {
    this.#reporter.report(true);
  }

  #end(): void {
    this.#stop.abort();
    this.#trial.stop();
    this.#cancelTake();
    this.#cancelDriftPass();
    this.#desired.stop();
    this.#presence.stop();
    this.#reporter.stop();
    this.#parts.host.stop();
    this.#space.stop();
    for (const end of this.#endings.splice(0)) end();
  }

  /** Goes on from the ledger, before anything is heard from anybody. */
  #resume(): void {
    const { accepted } = this.#parts.ledger;
    if (accepted === null) return;
    const manifest = this.#inForceOf(this.#trial.starts(accepted), accepted);
    if (manifest === null) return;
    const { generation, scores } = manifest;
    this.#parts.log("going on from the ledger", { generation, scores: scores.size });
    this.#revision = accepted.revision;
    this.#reading = { _tag: "Accepted", generation: accepted.generation };
    if (generation === accepted.generation) this.#trial.resumed(manifest);
    this.#reconciler.accept(manifest, "corrective");
    if (this.#isCarriedThrough) this.#settled = accepted.generation;
    // A manifest that ends the agent again and again must be known to have done so.
    if (this.#parts.ledger.trial !== null) void this.#parts.ledger.flush().catch(() => {});
  }

  /** What came back after a failure, where something did; else what was accepted last. */
  #inForceOf(instead: Accepted | null, accepted: Accepted): DecodedManifest | null {
    const back = instead && this.#decodeAgain(instead);
    if (instead !== null && back === null) this.#trial.noWayBack();
    return back ?? this.#decodeAgain(accepted);
  }

  /** What was accepted before. Its signature was checked then, and the ledger is the agent's own. */
  #decodeAgain({ payload, signedBy = [] }: Accepted): DecodedManifest | null {
    const policy = this.#gate.policy && forTaken(this.#gate.policy);
    const decoded = decodePayload(payload, [], { ...this.#gate, policy, signedBy, held: undefined }, null);
    if (decoded._tag === "Decoded") return decoded.manifest;
    const { reason, message } = decoded.refusal;
    this.#parts.log("the manifest in the ledger cannot be decoded any more", { reason, message });
    return null;
  }

  /** The host offers more than before or less, or its owner allows so: what is in force is held against the gate again. */
  #hostChanged(): void {
    if (this.#stop.signal.aborted) return;
    this.#presence.capabilitiesChanged();
    const { accepted } = this.#parts.ledger;
    if (accepted === null || accepted.generation !== this.#generation) return;
    const manifest = this.#inForceOf(this.#trial.inForceInstead(), accepted);
    if (manifest !== null) this.#reconciler.accept(manifest, "corrective");
  }

  /** What was refused may be allowed now, and what is in force may not be any more. */
  #policyChanged(): void {
    const { trail, policy, pair } = this.#parts;
    if (pair === undefined) trail?.record(this.#asEvents.policy(policy?.()));
    this.#hostChanged();
    this.#desired.readAnew();
  }

  #authorsChanged(): void {
    const { trail, pair } = this.#parts;
    if (pair === undefined) trail?.record(this.#asEvents.authors(this.#gate));
    this.#desired.readAnew();
  }

  /** Until it has an epoch, the agent interprets what the ledger holds and says nothing. */
  async #takeEpoch(failures: number): Promise<void> {
    const { clock, log, random, trail, pair } = this.#parts;
    this.#cancelTake();
    if (this.#isTaking || this.#presence.epoch > 0) return;
    this.#isTaking = true;
    const taken = await this.#presence.take();
    this.#isTaking = false;
    if (this.#stop.signal.aborted) return;
    if (taken === null) {
      this.#cancelTake();
      const delay = Math.min(TAKE_MIN_MS * 2 ** Math.min(failures, 8), TAKE_MAX_MS) * (0.8 + 0.4 * random());
      this.#cancelTake = clock.after(delay, () => void this.#takeEpoch(failures + 1));
      return;
    }
    log("took an epoch", { epoch: taken.epoch });
    if (trail !== undefined && pair === undefined) trail.epoch = taken.epoch;
    this.#told = taken.before?.generation ?? 0;
    if (this.#conditions.length === 0) this.#conditions = taken.before?.conditions ?? [];
    this.#reporter.begin(taken.statusRevision);
    this.#desired.start();
    this.#report(true);
  }

  get #isCarriedThrough(): boolean {
    return this.#reconciler.observedGeneration === this.#reconciler.generation;
  }

  /** Of the newest manifest that was taken up: 0 where what the ledger holds cannot be decoded. */
  get #generation(): number {
    return this.#reconciler.generation === 0 ? 0 : this.#trial.generation;
  }

  #inForce(): InForce | null {
    const { accepted } = this.#parts.ledger;
    const floor = floorOf(this.#parts, this.#told);
    // What could not be decoded at the start, or was another agent's, is saved and not in force.
    const isInForce = accepted !== null && accepted.generation === this.#generation;
    if (isInForce && accepted.generation >= floor) return accepted;
    return floor > 0 ? { generation: floor, payload: null } : null;
  }

  #accept(manifest: DecodedManifest, accepted: Accepted): void {
    const { ledger, log, trail } = this.#parts;
    const { generation, scores, signedBy } = manifest;
    const { revision } = accepted;
    log("accepted a manifest", { generation, revision, scores: scores.size, ...(signedBy.length > 0 && { signedBy }) });
    trail?.record(this.#asEvents.accepted(manifest, accepted));
    ledger.accept(accepted, this.#parts.agentId);
    this.#parts.assets?.release();
    this.#reading = { _tag: "Accepted", generation };
    this.#revision = revision;
    this.#trial.accepted(manifest);
    this.#reconciler.accept(manifest, "intentional");
  }

  /** `sha256`: of what was refused. */
  #read(reading: Reading, revision: number, sha256?: string): void {
    const same = JSON.stringify(reading) === JSON.stringify(this.#reading) && revision === this.#revision;
    if (same) return;
    if (reading._tag === "Refused") {
      this.#parts.log("refused a manifest; what is in force stays in force", { revision, ...reading.refusal });
      if (sha256 !== undefined) this.#parts.trail?.record(this.#asEvents.refused(reading.refusal, sha256));
    }
    this.#reading = reading;
    this.#revision = revision;
    this.#report(true);
  }

  #report(urgent: boolean): void {
    this.#reporter.report(urgent);
    this.onNews();
  }

  #reconnected(): void {
    this.#reporter.retryNow();
    this.#presence.reconnected();
    void this.#reporter.verify();
  }

  /** The server lost what it knew. */
  #tellAgain(): void {
    this.#reporter.forgetStored();
    this.#report(true);
  }

  #scheduleDriftPass(): void {
    const { clock, random, driftPassMs } = this.#parts;
    this.#passedAt = clock.monotonicMs();
    this.#cancelDriftPass = clock.after(driftPassMs * (0.8 + 0.4 * random()), () => {
      void this.#parts.host.look();
      void this.#reporter.verify();
      this.#reconciler.lookAtAll();
      this.#scheduleDriftPass();
    });
  }

  #changed(how: "working" | "settled"): void {
    const { ledger, log } = this.#parts;
    if (this.#stop.signal.aborted) return;
    if (how === "settled") this.#trial.settled();
    if (how === "settled" && this.#isCarriedThrough) {
      this.#recordSettled();
      this.#parts.assets?.collect();
    }
    // Writes nothing where all is saved, and makes good what could not be saved before.
    if (how === "settled") {
      void ledger.flush().catch((error: unknown) => log("the ledger could not be saved", { error: String(error) }));
    }
    // A pass that found all well is no news.
    const news = this.#reconciler.changes !== this.#toldChanges || (how === "settled" && this.#toldWorking);
    if (!news) return;
    // What was installed or removed may be what a capability rests on.
    if (how === "settled") this.#parts.host.lookSoon();
    this.#toldChanges = this.#reconciler.changes;
    this.#report(how === "settled");
  }

  /** Once for each generation, when nothing of it is under way. What came of it later is in the status. */
  #recordSettled(): void {
    const generation = this.#generation;
    if (this.#settled === generation || generation === 0) return;
    this.#settled = generation;
    const statuses = Object.values(this.#reconciler.statuses());
    this.#parts.trail?.record(this.#asEvents.settled(generation, statuses, this.#trial.rolledBack !== null));
  }

  #fence(epoch: number): void {
    if (this.#fencedBy !== null) return;
    this.#fencedBy = epoch;
    this.#parts.trail?.record(this.#asEvents.fenced(epoch));
    this.#parts.log(
      "Fenced: another agent with this id has started; this one stops interpreting and stays silent until it is restarted",
      {
        agentId: this.#parts.agentId,
        epoch: this.#presence.epoch,
        by: epoch,
      },
    );
    this.onNews();
    this.#reconciler.pause();
    this.#end();
  }

  get facts(): StatusFacts {
    return {
      generation: this.#generation,
      observedGeneration: this.#trial.observedGeneration,
      isWorking: this.#reconciler.isWorking,
      rolledBack: this.#trial.rolledBack,
      scores: this.#reconciler.statuses(),
      reading: this.#reading,
      unsaved: this.#parts.ledger.trouble,
      low: this.#space.low,
      outage: this.#link.outage,
      fencedBy: this.#fencedBy,
      role: this.#parts.role?.() ?? null,
    };
  }

  #status(): AgentStatus {
    const { conditions } = this;
    this.#conditions = conditions;
    this.#toldWorking = this.#reconciler.isWorking;
    return this.#document(conditions);
  }

  #document(conditions: readonly Condition[]): AgentStatus {
    const { agentId, host, bootId, pair } = this.#parts;
    const { generation, observedGeneration, scores, rolledBack } = this.facts;
    return {
      agentId,
      generation,
      observedGeneration,
      observedRevision: this.#revision,
      epoch: this.#presence.epoch,
      conditions: [...conditions],
      scores,
      ...(rolledBack !== null && { rolledBack }),
      agent: { version: VERSION, bootId, topology: host.topology.name, ...(pair && { member: pair.member }) },
    };
  }
}
