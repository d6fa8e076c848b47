import type { Host } from "../src/agent/host.ts";
import type { Ledger } from "../src/agent/ledger.ts";
import { AgentStatus, Heartbeat } from "../src/wire/status.ts";
import type { Bucket } from "../src/wire/store.ts";
import type { Device } from "./device.ts";
import { InForce } from "./in-force.ts";
import type { Overheard } from "./line.ts";
import type { Step } from "./policy-guard.ts";
import { type Call, StepGuard } from "./step-guard.ts";
import type { Wish } from "./wanted.ts";
import type { Actor, ProcessClock, World } from "./world.ts";

export interface GuardParts {
  readonly world: World;
  readonly actor: Actor;
  readonly clock: ProcessClock;
  readonly device: Device;
  readonly bootId: string;
  /** By payload, what the author meant. */
  readonly wishes: ReadonlyMap<string, Wish>;
}

/** What comes of an attempt is told within this, or an attempt to tell it is made, also while messages are lost. */
const TELLS_WITHIN_MS = 16_000;

const startOf = ({ epoch, agent }: AgentStatus) => ({ epoch, bootId: agent.bootId });

/** Stands beside one process, sees all that it does and learns, and holds it to the invariants that hold at every step. */
export class Guard implements Overheard {
  readonly #parts: GuardParts;
  readonly #inForce: InForce;
  readonly #steps: StepGuard;
  #epoch = 0;
  /** How it came to know that another agent has its id; null while it does not. */
  #fencedBy: string | null = null;
  #generation = 0;
  #told = { generation: 0, observed: 0 };
  /** By id, when the removal of it that failed is tried again, as was told last; by the clock that never jumps. */
  #retiring: ReadonlyMap<string, number> = new Map();
  #idleSince: number | null = null;
  /** Calls that would change the device. */
  steps = 0;
  /** Writes to other keys than the heartbeat. */
  messages = 0;
  /** It was asked to stop. */
  isStopping = false;
  /** It has said that it has. */
  isStopped = false;

  constructor(parts: GuardParts) {
    const { device, wishes, world } = parts;
    this.#parts = parts;
    this.#inForce = new InForce(device, wishes);
    const now = (): number => world.clock.monotonicMs();
    this.#steps = new StepGuard(device, this.#inForce, now, (invariant, what) => this.#break(invariant, what));
  }

  opened(ledger: Ledger, host: Host): void {
    this.#inForce.opened(ledger, host);
    this.#generation = this.#inForce.generation;
  }

  get isFenced(): boolean {
    return this.#fencedBy !== null;
  }

  looks(identity: string, isWhole: boolean): void {
    this.#steps.looks(identity, isWhole);
  }

  /** A call begins that only looks. */
  asks(identity: string): Call {
    return this.#steps.begins(identity, null);
  }

  /** A call begins that may change something. */
  begins(step: Step): Call {
    this.steps += 1;
    this.#inForce.looksForCapabilities();
    const what = `${step.method} ${step.target}`;
    if (this.#fencedBy !== null) this.#break("a fenced agent takes no step", `${what}, fenced by ${this.#fencedBy}`);
    if (this.isStopped) this.#break("a stopped agent takes no step", what);
    return this.#steps.begins(step.identity, step);
  }

  /** `isRefused`: by the device, and for good. */
  ends(call: Call, isRefused: boolean): void {
    this.#steps.ends(call, isRefused);
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
    this.#retiring = this.#retriesOf(status);
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
    // Whoever follows what is in force hears of it before the next step.
    const { generation, wish: _ } = this.#inForce;
    if (generation < this.#generation) {
      this.#break("generations only rise", `${generation} is in force after ${this.#generation}`);
    }
    this.#generation = generation;
    this.#inForce.looksForCapabilities();
  }

  works(): void {
    this.#idleSince = null;
  }

  /** While no work is under way: no Score may be in a state that nothing leads out of. */
  rests(): void {
    const { wish, ledger } = this.#inForce;
    const statuses = ledger?.statuses;
    if (wish === null || statuses === undefined || this.isFenced || this.isStopping || this.#steps.isWaiting) return;
    this.#removalsGoOn();
    const dues = [...this.#parts.clock.timers].map(({ wallDue }) => wallDue);
    for (const id of wish.scores.keys()) {
      const status = statuses.get(id);
      const stuck = (why: string): void => this.#break("no state without an exit", `${id} is ${why}`);
      if (status === undefined) stuck("not known");
      else if (status.state === "Pending" || status.state === "Reconciling") stuck(`${status.state} for ever`);
      else if (status.state === "Failed" && status.knownBad !== true) {
        const due = Date.parse(status.retryAfter ?? "");
        if (!dues.some((at) => Math.abs(at - due) <= 1)) stuck("Failed, and no timer is set for its retry");
      } else if (status.state === "Blocked") {
        // What is not in the manifest is being removed.
        const open = status.blockedOn.filter((on) => !wish.scores.has(on) || !isUp(statuses.get(on)));
        if (open.length === 0) stuck(`Blocked on what is up: ${status.blockedOn.join(", ")}`);
      }
    }
  }

  #removalsGoOn(): void {
    const { clock } = this.#parts.world;
    const now = clock.monotonicMs();
    this.#idleSince ??= now;
    // What it made with what is away is removed when that is back.
    if (this.#inForce.lacked.size > 0) return;
    for (const [id, retryAt] of this.#retiring) {
      const due = Math.max(retryAt, this.#idleSince);
      if (now - due > TELLS_WITHIN_MS) {
        this.#break("no state without an exit", `${id} is Retiring, and is not tried again`);
      }
    }
  }

  /** When the timer rings that was set for it; at once where it has rung. */
  #retriesOf({ scores }: AgentStatus): ReadonlyMap<string, number> {
    const { clock, world } = this.#parts;
    const dueOf = (at: number): number =>
      [...clock.timers].find(({ wallDue }) => Math.abs(wallDue - at) <= 1)?.due ?? world.clock.monotonicMs();
    return new Map(
      Object.entries(scores).flatMap(([id, { state, retryAfter }]) =>
        state === "Retiring" && retryAfter !== null ? [[id, dueOf(Date.parse(retryAfter))] as const] : [],
      ),
    );
  }

  #break(invariant: string, what: string): void {
    this.#parts.world.break(invariant, `${this.#parts.actor.name}: ${what}`);
  }
}

const isUp = (status: { readonly state: string } | undefined): boolean =>
  status?.state === "Ready" || status?.state === "Drifted";
