import { inlineEnvelope } from "../../src/wire/encode.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { AgentStatus } from "../../src/wire/status.ts";
import { Author } from "../author.ts";
import { Device } from "../device.ts";
import type { Run, RunOptions } from "../run.ts";
import { untruth } from "../truth.ts";
import { AGENT, payloadOf, type Wish } from "../wanted.ts";
import type { Actor } from "../world.ts";
import { leaseIn, Member } from "./member.ts";
import { FailoverWorld } from "./world.ts";

/** Three heartbeats of an agent. */
const FAILOVER_MS = 30_000;
const CONVERGES_MS = 480_000;
type At = 0 | 1;

/** One run: two members of a pair, faults, then none; then one alone is active, and it moves once more. */
export async function run({ seed, traced = false }: RunOptions): Promise<Run> {
  const world = new FailoverWorld(seed, traced);
  const pair = new Pair(world);
  await pair.goesWrong();
  if (world.broken === null) await pair.comesRight();
  return {
    seed,
    broken: world.broken,
    trace: world.trace ?? [],
    steps: world.steps,
    virtualMs: world.clock.monotonicMs(),
    faults: [],
  };
}

class Pair {
  readonly #world: FailoverWorld;
  readonly #author: Author;
  readonly #server = new MemoryServer();
  readonly #devices: readonly [Device, Device];
  readonly #members: [Member | null, Member | null] = [null, null];
  readonly #starts: [number, number] = [0, 0];
  readonly #outside: Actor = { name: "outside", alive: true };
  readonly #amends = new Set<() => void>();
  /** By token, the start that was given it. */
  readonly #tokens = new Map<number, string>();
  #wish: Wish;

  constructor(world: FailoverWorld) {
    this.#world = world;
    this.#author = new Author(world.random, { mayForget: false, isPlain: true });
    this.#devices = [new Device("A", this.#author, world), new Device("B", this.#author, world)];
    this.#wish = this.#author.next();
  }

  async goesWrong(): Promise<void> {
    const world = this.#world;
    const { random } = world;
    this.#send(this.#wish);
    this.#start(0);
    this.#start(1);
    for (let left = 6 + random.below(14); left > 0 && world.broken === null;) {
      if (random.chance(0.02)) {
        this.#strike();
        left -= 1;
      }
      await this.#step(Infinity);
    }
  }

  async comesRight(): Promise<void> {
    const world = this.#world;
    world.calm = true;
    world.note("outside", "the faults end");
    for (const amend of this.#amends) amend();
    for (const device of this.#devices) for (const path of device.obstacles) device.take(path);
    this.#send(this.#author.next());
    const first = await this.#settles();
    if (first === null || this.#members[other(first)]?.isStarted !== true) return;
    await this.#for(45_000);
    if (world.broken !== null) return;
    // And now the active one is lost, in one of three ways.
    const active = this.#members[first];
    const how = world.random.below(3);
    if (how === 0) active?.dies("dies");
    else if (how === 1) active?.line.cut();
    else if (active !== null) world.pause(active);
    world.note("outside", `${active?.name ?? ""} is lost`);
    const until = world.clock.monotonicMs() + FAILOVER_MS;
    while (this.#members[other(first)]?.isActive !== true && (await this.#step(until)));
    if (this.#members[other(first)]?.isActive !== true && world.broken === null) {
      world.break("the other one takes over within three heartbeats", `after ${FAILOVER_MS / 1000} s nobody has`);
    }
    if (world.broken !== null) return;
    if (how === 0) this.#start(first);
    else if (how === 1) active?.line.mend();
    else if (active !== null) world.goesOn(active);
    const second = await this.#settles();
    if (second === first) world.break("it stays where it is", `${active?.name ?? ""} is active again`);
  }

  /** Which one is active, once all is as it should be. */
  async #settles(): Promise<At | null> {
    const world = this.#world;
    const until = world.clock.monotonicMs() + CONVERGES_MS;
    let why = "nothing was told";
    while (await this.#step(until)) {
      if (!world.isStill) continue;
      const active = ([0, 1] as const).filter((at) => this.#members[at]?.isActive === true);
      const [at] = active;
      const wrong = active.length === 1 && at !== undefined ? this.#wrong(at) : `${active.length} are active`;
      if (wrong === null && at !== undefined) return at;
      why = wrong ?? "";
    }
    if (world.broken === null) world.break("all comes right when the faults end", why);
    return null;
  }

  #wrong(at: At): string | null {
    const entry = this.#server.buckets?.get("actual-state")?.entries.get(AGENT);
    if (entry?.value === undefined) return "no status is stored";
    const status = AgentStatus.parse(JSON.parse(Buffer.from(entry.value).toString()));
    if (status.epoch !== leaseIn(this.#server)?.epoch) return `the status is of token ${status.epoch}`;
    const left = [...this.#devices[other(at)].files.owned.keys()];
    if (left.length > 0) return `on the passive one is left: ${left.join(", ")}`;
    return untruth(status, this.#wish, this.#devices[at]);
  }

  async #for(ms: number): Promise<void> {
    const until = this.#world.clock.monotonicMs() + ms;
    while (await this.#step(until));
  }

  async #step(until: number): Promise<boolean> {
    const goesOn = await this.#world.step(until);
    const active = this.#members.filter((member) => member?.isActive === true);
    if (active.length > 1) {
      this.#world.break("never two are active", active.map((each) => each?.name ?? "").join(" and "));
    }
    const lease = leaseIn(this.#server);
    if (lease !== null) {
      const given = this.#tokens.get(lease.epoch);
      if (given !== undefined && given !== lease.bootId) {
        this.#world.break("one token is one promotion", `${lease.epoch}: ${given} and ${lease.bootId}`);
      }
      this.#tokens.set(lease.epoch, lease.bootId);
    }
    return goesOn && this.#world.broken === null;
  }

  #strike(): void {
    const world = this.#world;
    const { random } = world;
    // Most of it happens to the one that is active.
    const at = this.#members[random.chance(0.7) && this.#members[1]?.isActive === true ? 1 : random.below(2)] ?? null;
    switch (random.below(7)) {
      case 0:
        this.#send(this.#author.next());
        break;
      case 1:
        if (at?.alive === true) this.#ends(at, () => at.dies("dies"));
        break;
      case 2:
        if (at?.alive === true) this.#ends(at, () => void at.stop());
        break;
      case 3:
        if (at?.alive !== true || !at.line.isUp) break;
        world.note(at.name, "is cut off");
        at.line.cut();
        this.#later(40_000, () => at.line.mend());
        break;
      case 4:
        world.note("server", "loses the lease");
        this.#server.buckets?.get("heartbeat")?.entries.clear();
        // Who has not seen the last one cannot know its number.
        this.#tokens.clear();
        break;
      case 5:
        for (const member of this.#members) member?.line.cut();
        this.#later(40_000, () => this.#members.forEach((member) => member?.line.mend()));
        break;
      default:
        if (at?.alive !== true || at.isPaused) break;
        world.pause(at);
        this.#later(60_000, () => world.goesOn(at));
    }
  }

  #ends(member: Member, how: () => void): void {
    how();
    this.#later(25_000, () => {
      const at = member.device === this.#devices[0] ? 0 : 1;
      if (this.#members[at] !== member) return;
      member.dies("is killed");
      this.#start(at);
    });
  }

  /** Some time within `ms`; when the faults end, at once. */
  #later(ms: number, then: () => void): void {
    const world = this.#world;
    const once = (): void => {
      if (this.#amends.delete(once)) then();
    };
    this.#amends.add(once);
    world.clock.after(world.random.below(ms), () => void world.post(this.#outside, "message", "something ends", once));
  }

  #start(at: At): void {
    this.#starts[at] += 1;
    this.#members[at] = new Member(this.#world, this.#devices[at], this.#server, this.#starts[at], true);
  }

  #send(wish: Wish): void {
    this.#wish = wish;
    this.#world.note("operator", `generation ${wish.generation} is put`);
    this.#server.write("desired-state", AGENT, inlineEnvelope(payloadOf(wish), []), undefined);
  }
}

const other = (at: At): At => (at === 0 ? 1 : 0);
