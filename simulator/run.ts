import { createHash } from "node:crypto";
import { assetEnvelope, inlineEnvelope } from "../src/wire/encode.ts";
import { MemoryServer } from "../src/wire/memory-server.ts";
import { AgentStatus } from "../src/wire/status.ts";
import { Device, tamper } from "./device.ts";
import { Process } from "./process.ts";
import { deviation, expectedStates, touched, untruth } from "./truth.ts";
import { AGENT, Author, payloadOf, type Wish } from "./wanted.ts";
import { type Actor, type Broken, World } from "./world.ts";

/** What can go wrong. Each run has some of it. */
export const FAULTS = [
  "crash",
  "stop",
  "cut",
  "wipe",
  "rival",
  "tamper",
  "full disk",
  "lost ledger",
  "stale manifest",
  "bad manifest",
  "no supervisor",
  "plan",
] as const;
export type Fault = (typeof FAULTS)[number];

export interface RunOptions {
  readonly seed: number;
  readonly traced?: boolean;
  /** Leaves these out. */
  readonly without?: readonly Fault[];
}

export interface Run {
  readonly seed: number;
  readonly broken: Broken | null;
  /** Empty unless it was asked for. */
  readonly trace: readonly string[];
  readonly steps: number;
  readonly virtualMs: number;
  readonly faults: readonly Fault[];
}

/** By then all has come about after the last fault: the longest pause between two attempts, jittered, and some. */
const CONVERGES_MS = 480_000;
/** Longer than a drift pass takes to come. */
const QUIET_MS = 40_000;
const LULL_MS = 45_000;
/** Drift that is hinted at is repaired within this, on a device where all was quiet; well before the next drift pass. */
const REPAIRS_MS = 5_000;

/** One run: faults, then none; and then everything has to come right. */
export async function run(options: RunOptions): Promise<Run> {
  const scenario = new Scenario(options);
  await scenario.play();
  const { world, faults } = scenario;
  return {
    seed: options.seed,
    broken: world.broken,
    trace: world.trace ?? [],
    steps: world.steps,
    virtualMs: world.clock.monotonicMs(),
    faults,
  };
}

class Scenario {
  readonly world: World;
  readonly faults: readonly Fault[];
  readonly #author: Author;
  readonly #server = new MemoryServer();
  readonly #wishes = new Map<string, Wish>();
  readonly #devices: Device[];
  readonly #processes: (Process | null)[] = [null, null];
  readonly #starts = [0, 0];
  readonly #outside: Actor = { name: "outside", alive: true };
  readonly #sent: Uint8Array[] = [];
  #isServerUp = true;

  constructor({ seed, traced = false, without = [] }: RunOptions) {
    this.world = new World(seed, traced);
    const { random } = this.world;
    this.faults = FAULTS.filter((fault) => random.chance(0.5) && !without.includes(fault));
    this.#author = new Author(random, { mayForget: this.faults.includes("lost ledger") });
    this.#devices = ["A", "B"].map((name) => new Device(name, this.#author, this.world));
  }

  async play(): Promise<void> {
    const { world } = this;
    if (world.random.chance(0.9)) this.#send(this.#author.next());
    this.#start(0);
    const events = 4 + world.random.below(18);
    for (let left = events; left > 0 && world.broken === null;) {
      if (world.random.chance(0.08)) {
        this.#happens();
        left -= 1;
      }
      await this.#step(Infinity);
    }
    // Nobody does anything for a while, and still not all goes well: who waits must not wait for somebody.
    if (world.random.chance(0.25)) await this.#for(LULL_MS);
    if (world.broken === null) await this.#calm();
  }

  async #step(until: number): Promise<boolean> {
    const goesOn = await this.world.step(until);
    for (const process of this.#processes) {
      if (process?.alive !== true) continue;
      process.guard.holds();
      if (this.world.has(process, "work")) process.guard.works();
      // A timer that rings may be what work begins with.
      else if (process.isRunning && !this.world.has(process, "timer")) process.guard.rests();
    }
    return goesOn && this.world.broken === null;
  }

  #happens(): void {
    const { random } = this.world;
    if (random.chance(0.25)) return this.#send(this.#author.next());
    const fault = random.pick(this.faults);
    if (fault !== undefined) this.#strikes(fault);
  }

  #strikes(fault: Fault): void {
    const { world } = this;
    const { random } = world;
    const at = random.chance(0.6) || this.#starts[1] === 0 ? 0 : 1;
    const process = this.#processes[at] ?? null;
    const device = this.#devices[at];
    switch (fault) {
      case "crash":
        this.#goes(at, () => process?.dies("dies"));
        break;
      case "stop":
        this.#goes(at, () => void process?.stop());
        break;
      case "cut":
        if (random.chance(0.3)) this.#serverGoes();
        else if (process?.line.isUp === true) {
          world.note(process.name, "is cut off");
          process.line.cut();
          this.#later(30_000, "a line is mended", () => this.#isServerUp && process.line.mend());
        }
        break;
      case "wipe":
        world.note("server", "loses all it knows");
        for (const bucket of this.#server.buckets?.values() ?? []) {
          bucket.entries.clear();
          bucket.revision = 0;
        }
        break;
      case "rival":
        if (this.#processes[1]?.alive !== true) this.#start(1);
        break;
      case "tamper": {
        const did = device && tamper(device, this.#author, world);
        if (did) world.note("somebody", `${did} on ${device.name}`);
        break;
      }
      case "full disk":
        if (device === undefined || device.files.isFull) break;
        world.note(device.name, "has a full disk");
        device.files.isFull = true;
        this.#later(20_000, "the disk has room again", () => (device.files.isFull = false));
        break;
      case "lost ledger":
        this.#goes(at, () => {
          process?.dies("dies, and its ledger is lost");
          device?.files.lose();
        });
        break;
      case "stale manifest":
        this.#put(random.pick(this.#sent) ?? Buffer.from("{}"), "an older manifest comes again");
        break;
      case "bad manifest":
        this.#bad();
        break;
      case "no supervisor":
        if (device === undefined) break;
        device.noSupervisor = device.noSupervisor === null ? "no bus" : null;
        world.note(device.name, device.noSupervisor === null ? "has its supervisor again" : "has no supervisor");
        break;
      case "plan":
        this.#asks(process);
        break;
    }
  }

  /** A manifest that nobody may take: of the highest number, but broken, for somebody else, or the key is removed. */
  #bad(): void {
    const { random } = this.world;
    const wish: Wish = { generation: this.#author.generation, scores: new Map() };
    const put = (payload: string, what: string): void => this.#put(inlineEnvelope(payload, []), what);
    switch (random.below(5)) {
      case 0:
        this.world.note("operator", "removes the key");
        this.#server.write("desired-state", AGENT, undefined, undefined);
        break;
      case 1:
        this.#put(Buffer.from('{"wire":1,"payload":'), "a broken envelope is put");
        break;
      case 2:
        put(payloadOf({ ...wish, generation: 999 }, "pi-8"), "another agent's manifest is put");
        break;
      case 3:
        this.#put(assetEnvelope("0".repeat(64), []), "an envelope without its payload is put");
        break;
      default: {
        // Whoever has not read that generation before takes it.
        const payload = payloadOf(wish);
        this.#wishes.set(payload, wish);
        put(payload, `generation ${wish.generation} is put again, with nothing in it`);
      }
    }
  }

  #asks(process: Process | null): void {
    if (process?.alive !== true) return;
    const envelope = this.world.random.pick(this.#sent);
    for (const handler of process.line.handlers.values()) {
      this.world.note("operator", "asks for a plan");
      if (envelope !== undefined) void handler(envelope);
    }
  }

  #send(wish: Wish): void {
    const payload = payloadOf(wish);
    this.#wishes.set(payload, wish);
    const ids = [...wish.scores.values()].map(({ id, after }) =>
      after.length === 0 ? id : `${id} after ${after.join()}`,
    );
    const what = `generation ${wish.generation} is put: ${ids.join(", ") || "nothing"}`;
    let envelope = inlineEnvelope(payload, []);
    if (this.world.random.chance(0.1)) {
      const bytes = Buffer.from(payload);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      envelope = assetEnvelope(sha256, []);
      const store = (): unknown => this.#server.assets.set(sha256, bytes);
      if (this.world.strikes(0.3)) this.#later(10_000, "the payload is put", store);
      else store();
    }
    this.#sent.push(envelope);
    this.#put(envelope, what);
  }

  #put(envelope: Uint8Array, what: string): void {
    this.world.note("operator", what);
    this.#server.write("desired-state", AGENT, envelope, undefined);
  }

  #start(at: 0 | 1): void {
    const device = this.#devices[at];
    if (device === undefined) return;
    const start = (this.#starts[at] ?? 0) + 1;
    this.#starts[at] = start;
    const { world } = this;
    const isUp = this.#isServerUp && !world.strikes(0.1);
    this.#processes[at] = new Process({ world, device, server: this.#server, start, isUp, wishes: this.#wishes });
    const process = this.#processes[at];
    if (!isUp) this.#later(20_000, "a line is mended", () => this.#isServerUp && process?.line.mend());
  }

  /** A process ends, and is started again after a while. */
  #goes(at: 0 | 1, how: () => void): void {
    const process = this.#processes[at];
    if (process?.alive !== true) return;
    how();
    this.#later(15_000, "an agent is started again", () => {
      if (this.#processes[at] !== process) return;
      process.dies("is killed");
      this.#start(at);
    });
  }

  #serverGoes(): void {
    if (!this.#isServerUp) return;
    this.world.note("server", "goes down");
    this.#isServerUp = false;
    for (const process of this.#processes) process?.line.cut();
    this.#later(30_000, "the server is up again", () => {
      this.#isServerUp = true;
      for (const process of this.#processes) process?.line.mend();
    });
  }

  /** Some time within `ms`. When the faults end it is done at once. */
  #later(ms: number, what: string, then: () => unknown): void {
    const { clock, random } = this.world;
    const delay = random.chance(0.3) ? 0 : random.below(ms);
    let isDone = false;
    const once = (): void => {
      if (isDone) return;
      isDone = true;
      this.world.note("outside", what);
      then();
    };
    this.#amends.push(once);
    clock.after(delay, () => void this.world.post(this.#outside, "message", what, once));
  }
  readonly #amends: (() => void)[] = [];

  /** No fault any more; everything has to come right, and then to be quiet. */
  async #calm(): Promise<void> {
    const { world } = this;
    world.calm = true;
    world.note("outside", "the faults end");
    for (let amend = this.#amends.shift(); amend !== undefined; amend = this.#amends.shift()) amend();
    for (const device of this.#devices) {
      device.noSupervisor = null;
      for (const path of device.obstacles) if (world.random.chance(0.8)) device.take(path);
    }
    for (const at of [0, 1] as const) if (this.#processes[at]?.alive === false) this.#start(at);
    const last = this.#author.next();
    this.#send(last);
    const holder = await this.#comesRight(last);
    if (holder === null) return;
    // What fails for good is tried again for ever.
    if (![...expectedStates(last, holder.device).values()].includes("Failed")) await this.#isQuiet(holder);
    this.#staysRight(holder, last);
    this.#unharmed();
    await this.#repairs(holder, last);
    if (world.broken !== null || !world.random.chance(0.5)) return;
    const nothing = this.#author.nothing();
    this.#send(nothing);
    await this.#comesRight(nothing);
  }

  async #comesRight(wish: Wish): Promise<Process | null> {
    const { world } = this;
    const until = world.clock.monotonicMs() + CONVERGES_MS;
    let why: string | null = "nothing was told";
    while (await this.#step(until)) {
      if (!world.isStill) continue;
      const holders = this.#processes.filter((process) => process?.alive === true && !process.isFenced);
      const [holder] = holders;
      why = holders.length === 1 && holder ? this.#wrong(holder, wish) : `${holders.length} agents are not fenced`;
      if (why === null && holder) return holder;
    }
    if (world.broken !== null) return null;
    world.break("all comes right when the faults end", `${why ?? ""} after ${CONVERGES_MS / 1000} s`);
    return null;
  }

  #wrong(holder: Process, wish: Wish): string | null {
    const entry = this.#server.buckets?.get("actual-state")?.entries.get(AGENT);
    if (entry?.value === undefined) return "no status is stored";
    const status = AgentStatus.parse(JSON.parse(Buffer.from(entry.value).toString()));
    return untruth(status, wish, holder.device) ?? deviation(wish, holder.device);
  }

  async #isQuiet(holder: Process): Promise<void> {
    const { world } = this;
    // What was hinted at a moment ago may be looked at still; that the server lost all is seen at the next heartbeat; and what
    // a rival wrote before it knew better, at the next drift pass.
    await this.#for(this.#starts[1] === 0 ? 12_000 : QUIET_MS);
    const before = [holder.guard.steps, holder.guard.messages, holder.device.files.writes];
    await this.#for(QUIET_MS);
    const after = [holder.guard.steps, holder.guard.messages, holder.device.files.writes];
    if (before.join() !== after.join()) {
      const what = `steps, messages, writes to disk: ${before.join(", ")} and then ${after.join(", ")}`;
      world.break("nothing is written after NOOP", what);
    }
  }

  #staysRight(holder: Process, wish: Wish): void {
    const why = this.world.broken === null ? this.#wrong(holder, wish) : null;
    if (why !== null) this.world.break("what has come right stays right", why);
  }

  /** Drift is repaired on its hint. */
  async #repairs(holder: Process, wish: Wish): Promise<void> {
    const { world } = this;
    if (world.broken !== null) return;
    const { device } = holder;
    const path = this.#author.paths.find(
      (each) =>
        [...wish.scores.values()].some((wanted) => wanted.sort === "file" && wanted.path === each) &&
        device.isFile(each),
    );
    if (path === undefined) return;
    device.fs.put(path, { type: "file", text: "meddled with" });
    world.note("somebody", `writes to ${path} on ${device.name}`);
    await this.#for(REPAIRS_MS);
    const why = this.#wrong(holder, wish);
    if (why !== null) world.break("drift is repaired on its hint", why);
  }

  #unharmed(): void {
    if (this.world.broken !== null) return;
    for (const device of this.#devices) {
      const what = touched(device);
      if (what !== null) this.world.break("nothing foreign is touched", `${device.name}: ${what}`);
    }
  }

  async #for(ms: number): Promise<void> {
    const until = this.world.clock.monotonicMs() + ms;
    while (this.world.broken === null && (await this.#step(until)));
  }
}
