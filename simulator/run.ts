import { AgentStatus, type ScoreStatus } from "../src/wire/status.ts";
import { type Fault, FAULTS, strike } from "./faults.ts";
import { unrecorded } from "./on-record.ts";
import type { Process } from "./process.ts";
import { Scene } from "./scene.ts";
import { stands } from "./stands.ts";
import { touched, untruth } from "./truth.ts";
import { AGENT, policies, type Wish } from "./wanted.ts";
import { type Broken, World } from "./world.ts";

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
/** A quarter of an hour after the last repair, and the longest rest. */
const CALMS_DOWN_MS = 1_260_000;

/** One run: faults, then none; and then everything has to come right. */
export async function run({ seed, traced = false, without = [] }: RunOptions): Promise<Run> {
  const world = new World(seed, traced);
  const faults = FAULTS.filter((fault) => world.random.chance(0.5) && !without.includes(fault));
  const scene = new Scene(world, { mayForget: faults.includes("lost ledger") });
  await goesWrong(scene, faults);
  if (world.broken === null) await new Calm(scene).comes();
  return {
    seed,
    broken: world.broken,
    trace: world.trace ?? [],
    steps: world.steps,
    virtualMs: world.clock.monotonicMs(),
    faults,
  };
}

async function goesWrong(scene: Scene, faults: readonly Fault[]): Promise<void> {
  const { world, author } = scene;
  const { random } = world;
  if (random.chance(0.9)) scene.send(author.next());
  scene.start(0);
  const events = 4 + random.below(18);
  for (let left = events; left > 0 && world.broken === null;) {
    if (random.chance(0.08)) {
      const fault = random.chance(0.25) ? null : random.pick(faults);
      if (fault === null) scene.send(author.next());
      else if (fault !== undefined) strike(fault, scene);
      left -= 1;
    }
    await scene.step(Infinity);
  }
  // Nobody does anything for a while, and still not all goes well: who waits must not wait for somebody.
  if (random.chance(0.25)) await scene.for(LULL_MS);
}

/** After the faults: everything has to come right, and then to be quiet. */
class Calm {
  readonly #scene: Scene;
  readonly #world: World;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#world = scene.world;
  }

  async comes(): Promise<void> {
    const scene = this.#scene;
    const world = this.#world;
    scene.amend();
    const last = this.#scene.author.next();
    this.#scene.send(last);
    const holder = await this.#comesRight(last);
    if (holder === null) return;
    const told = Object.values(this.#status()?.scores ?? {});
    const isContested = told.some(({ contested }) => contested !== undefined);
    // What fails is tried again for ever.
    const goesOn = told.some(isTriedAgain);
    // What was fought over rests, and is looked at late.
    if (!isContested && !goesOn && holder.device.contested.size === 0) await this.#isQuiet(holder);
    await this.#staysRight(holder, last);
    this.#unharmed();
    await this.#repairs(holder, last);
    if (isContested) await this.#calmsDown();
    if (world.broken !== null || !world.random.chance(0.5)) return;
    const nothing = this.#scene.author.nothing();
    this.#scene.send(nothing);
    await this.#comesRight(nothing);
    this.#unharmed();
  }

  async #comesRight(wish: Wish): Promise<Process | null> {
    const world = this.#world;
    const until = world.clock.monotonicMs() + CONVERGES_MS;
    let why: string | null = "nothing was told";
    while (await this.#scene.step(until)) {
      if (!world.isStill) continue;
      const holders = this.#scene.processes.filter((process) => process?.alive === true && !process.isFenced);
      const [holder] = holders;
      why =
        holders.length === 1 && holder ? await this.#wrong(holder, wish) : `${holders.length} agents are not fenced`;
      if (why === null && holder) return holder;
    }
    if (world.broken !== null) return null;
    world.break("all comes right when the faults end", `${why ?? ""} after ${CONVERGES_MS / 1000} s`);
    return null;
  }

  async #wrong(holder: Process, wish: Wish): Promise<string | null> {
    const status = this.#status();
    if (status === null) return "no status is stored";
    return untruth(status, wish, holder.device) ?? unrecorded(holder.device.files, this.#scene.server, wish);
  }

  /** As it is stored. */
  #status(): AgentStatus | null {
    const entry = this.#scene.server.buckets?.get("actual-state")?.entries.get(AGENT);
    return entry?.value === undefined ? null : AgentStatus.parse(JSON.parse(Buffer.from(entry.value).toString()));
  }

  async #isQuiet(holder: Process): Promise<void> {
    const world = this.#world;
    // What was hinted at a moment ago may be looked at still; that the server lost all is seen at the next heartbeat; and what
    // a rival wrote before it knew better, at the next drift pass.
    await this.#scene.for(this.#scene.starts[1] === 0 ? 12_000 : QUIET_MS);
    // What was told before may have been the rival's, to whom the same had failed for good.
    const told = Object.values(this.#status()?.scores ?? {});
    if (told.some(isTriedAgain)) return;
    const before = [holder.guard.steps, holder.guard.messages, holder.device.files.writes];
    await this.#scene.for(QUIET_MS);
    const after = [holder.guard.steps, holder.guard.messages, holder.device.files.writes];
    if (before.join() !== after.join()) {
      const what = `steps, messages, writes to disk: ${before.join(", ")} and then ${after.join(", ")}`;
      world.break("nothing is written after NOOP", what);
    }
  }

  async #staysRight(holder: Process, wish: Wish): Promise<void> {
    const why = this.#world.broken === null ? await this.#wrong(holder, wish) : null;
    if (why !== null) this.#world.break("what has come right stays right", why);
  }

  /** What others undid is not called contested any more when they have not for long. */
  async #calmsDown(): Promise<void> {
    if (this.#world.broken !== null) return;
    await this.#scene.for(CALMS_DOWN_MS);
    const still = Object.entries(this.#status()?.scores ?? {}).find(
      // What waits for others is not looked at.
      ([, { contested, state }]) => contested !== undefined && state !== "Blocked" && state !== "Failed",
    );
    if (still !== undefined) {
      this.#world.break("contested ends", `${still[0]} is, and ${still[1].state}, after ${CALMS_DOWN_MS / 1000} s`);
    }
  }

  /** Drift is repaired on its hint. */
  async #repairs(holder: Process, wish: Wish): Promise<void> {
    const world = this.#world;
    if (world.broken !== null) return;
    const { device } = holder;
    const told = this.#status()?.scores ?? {};
    const [wanted] = [...wish.scores.values()].flatMap((each) => {
      const { drift, ownership } = policies(each);
      const isRepaired = drift === "repair" && ownership === "adopt";
      const isReady = told[each.id]?.state === "Ready";
      const isFree = "path" in each && !device.contested.has(`path:${each.path}`);
      return isFree && isRepaired && isReady && each.sort === "file" ? [each] : [];
    });
    if (wanted === undefined) return;
    const { path } = wanted;
    device.fs.put(path, { type: "file", text: "meddled with" });
    world.note("somebody", `writes to ${path} on ${device.name}`);
    await this.#scene.for(REPAIRS_MS);
    const state = this.#status()?.scores[wanted.id]?.state;
    const how = stands(wanted, device);
    if (state !== "Ready" || how !== "so") {
      world.break("drift is repaired on its hint", `${path} is ${state} and ${how}`);
    }
  }

  #unharmed(): void {
    if (this.#world.broken !== null) return;
    for (const device of this.#scene.devices) {
      const what = touched(device);
      if (what !== null) this.#world.break("nothing foreign is touched", `${device.name}: ${what}`);
    }
  }
}

/** What fails is told again with each attempt. */
const isTriedAgain = ({ state, knownBad }: ScoreStatus): boolean => state === "Failed" && knownBad !== true;
