import type { Clock, Log } from "../scores/context.ts";
import type { AgentId } from "../wire/keys.ts";
import { AgentStatus, readDocument } from "../wire/status.ts";
import type { AgentParts } from "./agent-parts.ts";
import { Agent } from "./agent.ts";
import type { Disk } from "./disk.ts";
import { fenced } from "./fence.ts";
import type { AgentHost } from "./host.ts";
import { Lease } from "./lease.ts";
import { PairOffers } from "./pair-offers.ts";
import { Passive } from "./passive.ts";
import type { AgentPresence, Taken } from "./presence.ts";
import type { Told } from "./status-document.ts";

/** Within this after its start a member has its former lease again, or removes what an earlier start has left. */
export const UNDECIDED_MS = 3_000;
/** How long a member that is stopped may take to remove what it made; its lease then runs out by itself. */
const HAND_OVER_MS = 8_000;

export interface FailoverParts extends Omit<AgentParts, "agentId" | "role" | "pair"> {
  /** The pair's ledger and the note of the lease: not those of the member itself. */
  readonly disk: Disk;
  readonly pair: AgentId;
  readonly member: AgentId;
  /** For the lease alone: see `LeaseParts`. */
  readonly leaseClock: Clock;
  readonly log: Log;
  /** What {@link Failover.role} says has changed. */
  readonly onRole: () => void;
}

/**
 * One member of a pair: while it holds the lease, an agent with the pair's id works here; while it does not, nothing of what
 * such an agent made stays. From a start until one of both is known, neither happens.
 */
export class Failover {
  readonly #parts: FailoverParts;
  readonly #lease: Lease;
  readonly #offers: PairOffers;
  readonly #host: AgentHost;
  #agent: Agent | null = null;
  #observed = (): number => 0;
  #passive: Passive | null = null;
  /** What is done one after the other: beginning and ending. */
  #turns: Promise<void> = Promise.resolve();
  #isEnding = false;
  #cancel = (): void => {};
  #tellHost = (): void => {};
  #unsubscribe = (): void => {};
  #stopped = false;

  constructor(parts: FailoverParts) {
    this.#parts = parts;
    const { host } = parts;
    this.#offers = new PairOffers({ ...parts, onChange: () => this.#tellHost() });
    this.#lease = new Lease({
      ...parts,
      clock: parts.leaseClock,
      observedGeneration: () => this.#observed(),
      mayTake: () => this.#agent === null && !this.#isEnding && !this.#stopped,
      onHeld: (token) => this.#then(() => this.#begin(token)),
      onLost: () => this.#end(),
      onNews: () => parts.onRole(),
    });
    const offers = this.#offers;
    this.#host = {
      ports: fenced(
        host.ports,
        () => host.topology.offers,
        () => this.#lease.isHeld(),
      ),
      get topology() {
        return offers.topology;
      },
      get facts() {
        return host.facts;
      },
      look: () => host.look(),
      lookSoon: () => host.lookSoon(),
      onChange: (tell) => (this.#tellHost = tell),
      // The host is the member's own agent's.
      stop: () => (this.#tellHost = () => {}),
    };
  }

  start(): void {
    const { clock, store } = this.#parts;
    this.#offers.start();
    void this.#lease.start();
    this.#cancel = clock.after(UNDECIDED_MS, () => this.#then(() => this.#standDown()));
    this.#unsubscribe = store.onConnection((state) => {
      if (state === "connected") this.#lease.look();
    });
  }

  /** Of the pair's agent; null where none works here. */
  get progress(): Agent["progress"] {
    return this.#agent?.progress ?? null;
  }

  /** Whether this member holds the lease at this moment. */
  get isActive(): boolean {
    return this.#lease.isValid;
  }

  /** As a condition of the member's own status. */
  get role(): Told {
    const { pair, member } = this.#parts;
    const told = (status: Told["status"], reason: Told["reason"], message: string): Told => ({
      type: "Standby",
      status,
      reason,
      message,
    });
    if (this.#agent !== null) return told("False", "Promoted", `active for ${pair}, token ${this.#lease.token}`);
    const left = this.#passive?.left ?? [];
    if (left.length > 0) {
      return told("False", "StandingDown", `not active for ${pair}; being removed: ${left.join(", ")}`);
    }
    const { active } = this.#lease;
    return active === null || active.member === member
      ? told("True", "NobodyActive", `ready to take over ${pair}, for which nobody is known to be active`)
      : told(
          "True",
          "OtherActive",
          `ready to take over ${pair}, for which ${active.member} is active, token ${active.token}`,
        );
  }

  /** Hands over: removes what was made here, and then lets go of the lease. Never rejects. */
  async stop(): Promise<void> {
    const wasActive = this.#agent !== null;
    this.#stopped = true;
    this.#cancel();
    this.#unsubscribe();
    this.#end();
    await this.#turns;
    const passive = this.#passive;
    if (wasActive && passive !== null) {
      const isOver = await this.#inTime(passive.idle());
      if (isOver && passive.left.length === 0) await this.#lease.release();
    }
    await passive?.stop();
    this.#lease.stop();
    this.#offers.stop();
  }

  async #inTime(done: Promise<void>): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(HAND_OVER_MS, () => resolve(false));
      void done.then(() => {
        cancel();
        resolve(true);
      });
    });
  }

  #then(turn: () => Promise<void> | void): void {
    this.#turns = this.#turns.then(turn).catch((bug: unknown) => {
      this.#parts.log("a bug of the failover", { bug: String(bug) });
    });
  }

  async #begin(token: number): Promise<void> {
    const { pair, member, onRole, ...parts } = this.#parts;
    this.#cancel();
    const passive = this.#passive;
    this.#passive = null;
    await passive?.stop();
    if (this.#stopped || !this.#lease.isHeld() || this.#lease.token !== token) return this.#standDown();
    let told = 0;
    const agent = new Agent({
      ...parts,
      agentId: pair,
      host: this.#host,
      role: () => ({
        type: "Active",
        status: "True",
        reason: "Promoted",
        message: `${member} is active, token ${token}`,
      }),
      pair: {
        member,
        presence: (around) => {
          this.#observed = around.observedGeneration;
          return {
            get epoch() {
              return told;
            },
            take: async (): Promise<Taken | null> => {
              const status = await parts.store.get("actual-state", pair);
              if (status._tag === "Unreachable") return null;
              told = token;
              const read = status._tag === "Value" ? readDocument(AgentStatus, status.value) : null;
              const before = read?._tag === "Read" ? read.document : null;
              return { epoch: token, before, statusRevision: status._tag === "Absent" ? 0 : status.revision };
            },
            reconnected: () => this.#lease.look(),
            capabilitiesChanged: () => this.#offers.look(),
            stop: () => {},
          } satisfies AgentPresence;
        },
      },
    });
    this.#agent = agent;
    agent.start();
    onRole();
  }

  /** Whatever is under way is told to end before this returns. */
  #end(): void {
    const agent = this.#agent;
    if (agent === null) return;
    this.#isEnding = true;
    const ended = agent.stop();
    this.#then(async () => {
      await ended;
      this.#agent = null;
      this.#observed = () => 0;
      this.#standDown();
      this.#isEnding = false;
      this.#lease.look();
    });
  }

  #standDown(): void {
    if (this.#agent !== null || this.#passive !== null) return;
    const { host, onRole } = this.#parts;
    const gate = {
      kinds: this.#parts.kinds,
      get topology() {
        return host.topology;
      },
    };
    this.#passive = new Passive({ ...this.#parts, gate, ports: host.ports, onChange: onRole });
    this.#passive.start();
    onRole();
  }
}
