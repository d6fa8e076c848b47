import type { PortOf } from "../capabilities/capability.ts";
import type { PortTable } from "../scores/attenuate.ts";
import type { Clock, Log } from "../scores/context.ts";
import type { Reasons, Topology } from "../topology/topology.ts";
import type { Detection, Offering } from "./adapters/offering.ts";

/** One offering for each capability of a topology. To forget one is a compile error. */
export type Offerings<T extends Topology> = {
  readonly [C in T["offers"][number] as C["name"]]: Offering<PortOf<C> & object>;
};

export interface HostParts<T extends Topology> {
  /** What a host of this kind can have, and why not the rest. */
  readonly topology: T;
  readonly offerings: Offerings<T>;
  readonly clock: Clock;
  readonly log: Log;
}

/** What an agent needs of its host. */
export type AgentHost = Pick<Host, "ports" | "topology" | "facts" | "look" | "lookSoon" | "onChange" | "stop">;

/** How long one look at everything may take. */
const LOOK_MS = 10_000;
/** So soon after something was installed, or a service came up, the host is looked at again: once for all of them. */
const SOON_MS = 500;
/** At boot not everything is up yet. What is absent is looked for again, each time after twice as long. */
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 64_000;

const UNANSWERED: Detection = { _tag: "Absent", reason: `gave no answer within ${LOOK_MS / 1000} s` };

/**
 * What this host really offers, found out by looks. Ports are there from the start and for good; a Score whose capability
 * is absent is kept from them by the gate, which goes by `topology`.
 */
export class Host<T extends Topology = Topology> {
  readonly ports: PortTable;
  readonly #parts: HostParts<T>;
  readonly #offerings: ReadonlyMap<string, Offering<object>>;
  readonly #stop = new AbortController();
  #found: ReadonlyMap<string, Detection> = new Map();
  #topology: Topology;
  #looking: Promise<void> | null = null;
  #again = false;
  readonly #tell = new Set<() => void>();
  #cancel = (): void => {};
  #retryMs = FIRST_RETRY_MS;

  constructor(parts: HostParts<T>) {
    this.#parts = parts;
    this.#offerings = new Map(Object.entries<Offering<object>>(parts.offerings));
    this.ports = Object.fromEntries([...this.#offerings].map(([name, { port }]) => [name, port]));
    this.#topology = topologyOf(parts.topology, this.#found);
  }

  /** What is offered now, and why the rest is not. Everything is absent until the first look is over. */
  get topology(): Topology {
    return this.#topology;
  }

  /** What is published of each capability that is offered. */
  get facts(): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
    const found: Record<string, Readonly<Record<string, unknown>>> = {};
    for (const [name, each] of this.#found) if (each._tag === "Found") found[name] = each.facts;
    return found;
  }

  /** Looks now. Where a look is under way, resolves after another one. Never rejects. */
  async look(): Promise<void> {
    if (this.#looking !== null) {
      this.#again = true;
      return this.#looking;
    }
    this.#cancel();
    this.#looking = this.#lookWhileAsked().finally(() => (this.#looking = null));
    return this.#looking;
  }

  /** Looks a moment later: something has changed that may matter. */
  lookSoon(): void {
    this.#retryMs = FIRST_RETRY_MS;
    this.#lookIn(SOON_MS);
  }

  /** Tells of each change from now on. */
  onChange(tell: () => void): void {
    this.#tell.add(tell);
  }

  /** Looks no more. */
  stop(): void {
    this.#stop.abort();
    this.#cancel();
  }

  /** Lets go of all that the offerings hold, too. */
  close(): void {
    this.stop();
    for (const offering of this.#offerings.values()) offering.close();
  }

  async #lookWhileAsked(): Promise<void> {
    do {
      this.#again = false;
      await this.#lookOnce();
    } while (this.#again && !this.#stop.signal.aborted);
    this.#lookForAbsent();
  }

  async #lookOnce(): Promise<void> {
    const { clock, log } = this.#parts;
    // One of its own, and not AbortSignal.any: Node keeps such a one for as long as somebody listens to it, for ever here.
    const late = new AbortController();
    const { signal } = late;
    const inTime = new Promise<null>((resolve) => signal.addEventListener("abort", () => resolve(null)));
    const giveUp = (): void => late.abort();
    const cancel = clock.after(LOOK_MS, giveUp);
    this.#stop.signal.addEventListener("abort", giveUp);
    if (this.#stop.signal.aborted) giveUp();
    const looked = await Promise.all(
      [...this.#offerings].map(async ([name, offering]): Promise<[string, Detection]> => {
        const before = this.#found.get(name);
        const now = await Promise.race([
          offering.detect(signal).catch((bug: unknown): Detection => {
            log("a bug of an adapter: its look failed", { capability: name, bug: String(bug) });
            return { _tag: "Absent", reason: String(bug) };
          }),
          inTime,
        ]);
        // A host under load that does not answer has not lost what it had.
        return [name, now ?? before ?? UNANSWERED];
      }),
    );
    cancel();
    this.#stop.signal.removeEventListener("abort", giveUp);
    if (this.#stop.signal.aborted) return;
    const found = new Map(looked);
    const isNews = JSON.stringify([...found]) !== JSON.stringify([...this.#found]);
    if (!isNews) return;
    this.#found = found;
    this.#topology = topologyOf(this.#parts.topology, found);
    const { offers, absent } = this.#topology;
    log("what this host offers", { offers: offers.map(({ name }) => name), absent });
    for (const tell of this.#tell) tell();
  }

  #lookForAbsent(): void {
    const mayCome = [...this.#found.values()].some((each) => each._tag === "Absent" && each.isFinal !== true);
    if (!mayCome || this.#retryMs > LAST_RETRY_MS) return;
    this.#lookIn(this.#retryMs);
    this.#retryMs *= 2;
  }

  #lookIn(ms: number): void {
    this.#cancel();
    if (!this.#stop.signal.aborted) this.#cancel = this.#parts.clock.after(ms, () => void this.look());
  }
}

function topologyOf({ name, offers, absent: never }: Topology, found: ReadonlyMap<string, Detection>): Topology {
  const absent: Record<string, string> = { ...never };
  for (const each of offers) {
    const detection = found.get(each.name);
    if (detection?._tag !== "Found") absent[each.name] = detection?.reason ?? "not looked for yet";
  }
  const reasons: Reasons = absent;
  return { name, offers: offers.filter((each) => !Object.hasOwn(reasons, each.name)), absent: reasons };
}
