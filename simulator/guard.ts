import type { Host } from "../src/agent/host.ts";
import type { Ledger } from "../src/agent/ledger.ts";
import { AgentStatus, Heartbeat } from "../src/wire/status.ts";
import type { Bucket } from "../src/wire/store.ts";
import type { Device } from "./device.ts";
import type { Overheard } from "./line.ts";
import { identityOf, type Wanted, type Wish } from "./wanted.ts";
import type { Actor, ProcessClock, World } from "./world.ts";

/** A write that a process asks its device for. */
export interface Step {
  readonly method: string;
  /** A path or a unit. */
  readonly target: string;
  /** What it would write. */
  readonly text: string | null;
}

export interface GuardParts {
  readonly world: World;
  readonly actor: Actor;
  readonly clock: ProcessClock;
  readonly device: Device;
  readonly bootId: string;
  /** By payload, what the author meant. */
  readonly wishes: ReadonlyMap<string, Wish>;
}

/** The deadlines of the kinds: a call that has not ended by then is forgotten. */
const deadlineMs = (target: string): number => (target.startsWith("/") ? 30_000 : 120_000);

/** So many manifests may be accepted while one Score is worked on. */
const STILL_UNDER_WAY = 20;

/** A call that has begun and not ended. */
export interface Call {
  readonly step: Step | null;
  readonly beganAt: number;
  readonly deadlineMs: number;
}

/** By the clock that never jumps; the simulator's wall clock goes with it. */
function retriesOf({ scores }: AgentStatus): ReadonlyMap<string, number> {
  const began = Date.parse("2026-01-01T00:00:00.000Z");
  return new Map(
    Object.entries(scores).flatMap(([id, { state, retryAfter }]) =>
      state === "Retiring" && retryAfter !== null ? [[id, Date.parse(retryAfter) - began] as const] : [],
    ),
  );
}

/** What comes of an attempt is told within this, or an attempt to tell it is made, also while messages are lost. */
const TELLS_WITHIN_MS = 16_000;

const startOf = ({ epoch, agent }: AgentStatus) => ({ epoch, bootId: agent.bootId });

/**
 * Stands beside one process, sees all that it does and learns, and holds it to the invariants that hold at every step. All
 * of them in one place, since most judge the same call by the same things: what is in force, owned, looked at, under way.
 */
export class Guard implements Overheard {
  readonly #parts: GuardParts;
  #ledger: Ledger | null = null;
  #host: Host | null = null;
  #epoch = 0;
  /** How it came to know that another agent has its id; null while it does not. */
  #fencedBy: string | null = null;
  #generation = 0;
  #told = { generation: 0, observed: 0 };
  /** By id, when the removal of it that failed is tried again, as was told last. */
  #retiring: ReadonlyMap<string, number> = new Map();
  #idleSince: number | null = null;
  /** The manifest in force, as it was when `looked` began. */
  #payload: string | null = null;
  /** Identities that were looked at since the manifest was accepted. */
  readonly #looked = new Set<string>();
  /** Identities that it owned when the manifest was accepted. */
  #ownedThen: ReadonlySet<string> = new Set();
  /** By identity, how many manifests had been accepted when it was looked at and its dependencies were Ready. */
  readonly #ready = new Map<string, number>();
  #accepted = 0;
  readonly #calls = new Set<Call>();
  /** At some time there was no supervisor for it, and so it could not look at units. */
  #lackedSupervisor = false;
  /** Calls that would change the device. */
  steps = 0;
  /** Writes to other keys than the heartbeat. */
  messages = 0;
  /** It was asked to stop. */
  isStopping = false;
  /** It has said that it has. */
  isStopped = false;

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  opened(ledger: Ledger, host: Host): void {
    this.#ledger = ledger;
    this.#host = host;
    this.#generation = ledger.accepted?.generation ?? 0;
  }

  get isFenced(): boolean {
    return this.#fencedBy !== null;
  }

  /** What is in force, as the author meant it. */
  get wish(): Wish | undefined {
    const payload = this.#ledger?.accepted?.payload;
    return payload === undefined ? undefined : this.#parts.wishes.get(payload);
  }

  looks(target: string): void {
    const wish = this.#inForce();
    if (wish === undefined) return;
    const identity = identityAt(target);
    this.#looked.add(identity);
    const wanted = [...wish.scores.values()].find((each) => identityOf(each) === identity);
    const isReady = wanted?.after.every((on) => this.#ledger?.statuses.get(on)?.state === "Ready");
    if (isReady === true) this.#ready.set(identity, this.#accepted);
  }

  /** A call begins that only looks. */
  asks(target: string): Call {
    return this.#begun(null, target);
  }

  /** A call begins that may change something. */
  begins(step: Step): Call {
    this.#judges(step);
    return this.#begun(step, step.target);
  }

  ends(call: Call): void {
    this.#calls.delete(call);
  }

  #begun(step: Step | null, target: string): Call {
    const call = { step, beganAt: this.#parts.world.clock.monotonicMs(), deadlineMs: deadlineMs(target) };
    this.#calls.add(call);
    return call;
  }

  #isUnderWay(target: string): boolean {
    const now = this.#parts.world.clock.monotonicMs();
    // The deadline is the whole interpretation's, which began before the call.
    return [...this.#calls].some((call) => call.step?.target === target && now - call.beganAt < call.deadlineMs / 2);
  }

  /** Whether its reconciler waits for the device. */
  get isWaiting(): boolean {
    const now = this.#parts.world.clock.monotonicMs();
    for (const call of this.#calls) {
      if (now - call.beganAt <= call.deadlineMs) return true;
      this.#calls.delete(call);
    }
    return false;
  }

  #judges(step: Step): void {
    this.steps += 1;
    this.#looksForSupervisor();
    const { method, target } = step;
    const what = `${method} ${target}`;
    if (this.#fencedBy !== null) this.#break("a fenced agent takes no step", `${what}, fenced by ${this.#fencedBy}`);
    if (this.isStopped) this.#break("a stopped agent takes no step", what);
    const wish = this.#inForce();
    const owned = this.#ledger?.owned;
    if (wish === undefined || owned === undefined) {
      return this.#break("each step is for the manifest in force", `${what}, and nothing is in force`);
    }
    this.#holdsTo(wish, step);
    if (method !== "makeDirectory" && this.#isUnderWay(target)) this.#break("steps of one Score never overlap", what);
  }

  puts(bucket: Bucket, value: Uint8Array): void {
    if (bucket !== "heartbeat") this.messages += 1;
    if (this.#fencedBy !== null) {
      this.#break("a fenced agent is silent", `it writes ${bucket}, fenced by ${this.#fencedBy}`);
    }
    if (bucket !== "actual-state") return;
    const status = AgentStatus.parse(JSON.parse(Buffer.from(value).toString()));
    const { generation, observedGeneration, epoch, scores } = status;
    if (generation < this.#told.generation || observedGeneration < this.#told.observed) {
      const before = `${this.#told.generation}, observed ${this.#told.observed}`;
      this.#break(
        "generations only rise",
        `it tells of ${generation}, observed ${observedGeneration}, after ${before}`,
      );
    }
    if (observedGeneration > generation) this.#break("observed is at most the generation in force", `${generation}`);
    const behind = Object.entries(scores).find(([, each]) => each.generation !== generation);
    if (observedGeneration === generation && behind !== undefined) {
      this.#break(
        "observed is what was carried through",
        `${generation}, and ${behind[0]} is at ${behind[1].generation}`,
      );
    }
    if (epoch === 0) this.#break("an agent without an epoch is silent", "it writes its status");
    this.#told = { generation, observed: observedGeneration };
    this.#retiring = retriesOf(status);
  }

  wrote(bucket: Bucket, value: Uint8Array): void {
    if (bucket === "heartbeat") this.#epoch = Heartbeat.parse(JSON.parse(Buffer.from(value).toString())).epoch;
  }

  read(bucket: Bucket, value: Uint8Array): void {
    if (this.#epoch === 0 || (bucket !== "heartbeat" && bucket !== "actual-state")) return;
    const held: unknown = JSON.parse(Buffer.from(value).toString());
    const { epoch, bootId } = bucket === "heartbeat" ? Heartbeat.parse(held) : startOf(AgentStatus.parse(held));
    const isOther = epoch > this.#epoch || (epoch === this.#epoch && bootId > this.#parts.bootId);
    if (isOther) this.#fencedBy ??= `epoch ${epoch} in ${bucket}`;
  }

  overwrote(bucket: Bucket): void {
    this.#break("nothing is written over what was not read", bucket);
  }

  /** After each step of the world. */
  holds(): void {
    const generation = this.#ledger?.accepted?.generation ?? 0;
    if (generation < this.#generation) {
      this.#break("generations only rise", `${generation} is in force after ${this.#generation}`);
    }
    this.#generation = generation;
    this.#looksForSupervisor();
  }

  #looksForSupervisor(): void {
    this.#lackedSupervisor ||= this.#host?.topology.offers.every(({ name }) => name !== "SystemdHost") === true;
  }

  works(): void {
    this.#idleSince = null;
  }

  /** While no work is under way: no Score may be in a state that nothing leads out of. */
  rests(): void {
    const wish = this.wish;
    const statuses = this.#ledger?.statuses;
    if (wish === undefined || statuses === undefined || this.isFenced || this.isStopping || this.isWaiting) return;
    this.#removalsGoOn();
    const dues = [...this.#parts.clock.timers].map(({ wallDue }) => wallDue);
    for (const id of wish.scores.keys()) {
      const status = statuses.get(id);
      const stuck = (why: string): void => this.#break("no state without an exit", `${id} is ${why}`);
      if (status === undefined) stuck("not known");
      else if (status.state === "Pending" || status.state === "Reconciling") stuck(`${status.state} for ever`);
      else if (status.state === "Failed") {
        const due = Date.parse(status.retryAfter ?? "");
        if (!dues.some((at) => Math.abs(at - due) <= 1)) stuck("Failed, and no timer is set for its retry");
      } else if (status.state === "Blocked") {
        // What is not in the manifest is being removed.
        const open = status.blockedOn.filter((on) => !wish.scores.has(on) || statuses.get(on)?.state !== "Ready");
        if (open.length === 0) stuck(`Blocked on what is Ready: ${status.blockedOn.join(", ")}`);
      }
    }
  }

  #removalsGoOn(): void {
    const { clock } = this.#parts.world;
    const now = clock.monotonicMs();
    this.#idleSince ??= now;
    // What it made with the supervisor is removed when that is back.
    if (this.#lackedSupervisor) return;
    for (const [id, retryAt] of this.#retiring) {
      const due = Math.max(retryAt, this.#idleSince);
      if (now - due > TELLS_WITHIN_MS) {
        this.#break("no state without an exit", `${id} is Retiring, and is not tried again`);
      }
    }
  }

  #inForce(): Wish | undefined {
    const payload = this.#ledger?.accepted?.payload ?? null;
    if (payload !== this.#payload) {
      this.#payload = payload;
      this.#looked.clear();
      this.#ownedThen = new Set(this.#ledger?.owned.keys());
      this.#accepted += 1;
    }
    return this.wish;
  }

  #holdsTo(wish: Wish, step: Step): void {
    const { method, target, text } = step;
    const what = `${method} ${target}`;
    const all = [...wish.scores.values()];
    const wanted = all.find((each) => identityOf(each) === identityAt(target));
    if (isRemoval(step)) return this.#removes(wish, wanted, step);
    const for_ = wanted ?? all.find((each) => each.sort === "file" && each.path.startsWith(`${target}/`));
    const out = (why: string): void => this.#break("each step is for the manifest in force", `${what}: ${why}`);
    // Reading all unit files again, and forgetting that a unit failed, are part of removing as well.
    if (for_ === undefined) {
      if (method !== "reload" && method !== "resetFailed") out(`generation ${wish.generation} wants nothing there`);
      return;
    }
    if (method === "writeFile" && (for_.sort !== "file" || for_.text !== text)) out(`it writes "${text}"`);
    if (method === "writeUnitFile" && !(for_.sort === "service" && text?.includes(`=${for_.text}\n`) === true)) {
      out("it writes another text");
    }
    const identity = identityOf(for_) ?? "";
    const claims = this.#parts.device.files.owned.get(identity);
    if (method === "reload" || method === "resetFailed") return;
    if (claims === undefined || (method === "makeDirectory" && !claims.has(target))) {
      this.#break("what is about to be made is known on disk", what);
    }
    // Work on a Score that did not change goes on when a newer manifest orders otherwise.
    const ready = this.#ready.get(identity) ?? -Infinity;
    if (this.#accepted - ready > STILL_UNDER_WAY) {
      this.#break("what comes after others waits for them", `${what}, for ${for_.id}`);
    }
  }

  #removes(wish: Wish, wanted: Wanted | undefined, { method, target }: Step): void {
    const what = `${method} ${target}`;
    const owned = [...(this.#ledger?.owned.values() ?? [])];
    const at = owned.findIndex(({ identity, claims }) => identity === identityAt(target) || claims.includes(target));
    const of = owned[at];
    if (of === undefined) return this.#break("nothing foreign is touched", `${what}, which it does not own`);
    if (wanted !== undefined && kindOf(wanted) === of.wire.kind) {
      return this.#break(
        "each step is for the manifest in force",
        `${what}, which generation ${wish.generation} wants`,
      );
    }
    // What makes room for another kind goes when that comes to its turn.
    if (wanted !== undefined) return;
    const wantedNow = new Set([...wish.scores.values()].map(identityOf));
    for (const { id, identity, wire } of owned.slice(at + 1)) {
      const isDropped =
        this.#ownedThen.has(identity) && !wantedNow.has(identity) && wish.scores.get(id)?.sort !== "unknown";
      const isBlind = wire.kind === "SystemdService" && this.#lackedSupervisor;
      if (!isDropped || isBlind || this.#looked.has(identity)) continue;
      this.#break("what was made last is removed first", `${what}, and ${identity} was made later`);
    }
  }

  #break(invariant: string, what: string): void {
    this.#parts.world.break(invariant, `${this.#parts.actor.name}: ${what}`);
  }
}

const kindOf = ({ sort }: Wanted): string =>
  sort === "file" ? "File" : sort === "directory" ? "Directory" : sort === "service" ? "SystemdService" : "Teleporter";

const identityAt = (target: string): string => (target.startsWith("/") ? `path:${target}` : `unit:${target}`);

const REMOVALS = new Set(["removeFile", "removeDirectory", "removeUnitFile", "stop", "disable"]);
const isRemoval = ({ method }: Step): boolean => REMOVALS.has(method);
