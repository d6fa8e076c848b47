import * as fc from "fast-check";
import * as z from "zod";
import { type ApplySurroundings, interpret, preview, previewRetire, retire } from "../scores/interpret.ts";
import type { Failure, Outcome, Preview } from "../scores/outcome.ts";
import type { AnyScore } from "../scores/score.ts";
import { FAKE_SECRETS } from "./fake-secrets.ts";
import { FakeClock } from "./fake-clock.ts";
import { FaultyPorts, type Fault, type PortCall } from "./faulty-ports.ts";
import { same } from "./same.ts";
import type { Place, Snapshot, World } from "./world.ts";

/** One generated case: a spec, the device that it comes to, and what others do there meanwhile. */
export interface Scene {
  readonly spec: unknown;
  readonly device: unknown;
  readonly changes: readonly unknown[];
}

/** Throws the sentence, with the facts printed below it, where something does not hold. */
export function demand(holds: boolean, sentence: string, facts: object = {}): asserts holds {
  if (holds) return;
  const lines = Object.keys(facts).map((name) => `  ${name}: ${fc.stringify(Reflect.get(facts, name))}`);
  throw new Error([sentence, ...lines].join("\n"));
}

export type Work = "interpret" | "retire";

export interface RunOptions {
  /** What goes wrong; default: nothing. */
  readonly fault?: Fault | undefined;
  /** How many steps are taken before a newer generation comes; default: none comes. */
  readonly supersededAfter?: number | undefined;
  /** Whether it is to start anew what runs; default false. */
  readonly notified?: boolean | undefined;
}

/** One run of the engine, and what was there before and after it. */
export interface Ran {
  readonly outcome: Outcome;
  readonly calls: readonly PortCall[];
  /** How many calls there were of methods that are not reads. */
  readonly writes: number;
  readonly before: Snapshot;
  readonly after: Snapshot;
}

/** A Score in one place of its world, with the clock, the ledger and the ports that the engine is given there. */
export class Stage {
  readonly world: World;
  readonly spec: unknown;
  readonly score: AnyScore;
  readonly place: Place;
  readonly ports: FaultyPorts;
  readonly clock = new FakeClock();
  /** All that was handed to `claim()` so far, as the agent's ledger keeps it. */
  readonly claims = new Set<string>();
  /** The names of all that runs on this stage have brought into being. */
  readonly made = new Set<string>();

  constructor(world: World, spec: unknown, place: Place) {
    this.world = world;
    this.spec = spec;
    this.place = place;
    this.score = world.kind.parse(spec);
    this.ports = new FaultyPorts(world.kind.requires, place.ports);
  }

  snapshot(): Snapshot | Promise<Snapshot> {
    return this.place.snapshot();
  }

  /** Runs the engine; whatever comes of it is held against the rules that hold for every run. */
  async run(
    work: Work,
    { fault, supersededAfter = Number.POSITIVE_INFINITY, notified = false }: RunOptions = {},
  ): Promise<Ran> {
    this.ports.arm(fault ?? null);
    const before = await this.snapshot();
    let asked = 0;
    const around = { ...this.#around(() => asked++ >= supersededAfter), notified };
    const outcome = await (work === "interpret"
      ? interpret(this.score, around)
      : retire(this.score, new Set(this.claims), around));
    const { calls } = this.ports;
    this.#examine(outcome);
    if (work === "interpret" && outcome.outcome !== "FAILURE") {
      // As the agent does: from now on the thing itself is the Score's.
      const { identity } = this.score.bind();
      this.claims.add(identity);
      this.made.add(identity);
    }
    const after = await this.snapshot();
    for (const name of Object.keys(after)) if (!Object.hasOwn(before, name)) this.made.add(name);
    return { outcome, calls, writes: calls.filter(({ writes }) => writes).length, before, after };
  }

  async preview(work: Work = "interpret"): Promise<{ readonly preview: Preview; readonly writes: number }> {
    this.ports.arm(null);
    const around = this.#around(() => false);
    const made = await (work === "interpret"
      ? preview(this.score, around)
      : previewRetire(this.score, new Set(this.claims), around));
    this.#examineSeen(made.observed);
    if (made._tag === "Planned") this.#examineSteps(made.steps);
    else this.#examineFailure(made.failure);
    return { preview: made, writes: this.ports.calls.filter(({ writes }) => writes).length };
  }

  async change(changes: readonly unknown[]): Promise<void> {
    for (const change of changes) await this.place.change(change);
  }

  #around(superseded: () => boolean): ApplySurroundings {
    return {
      ports: this.ports.table,
      assets: this.place.assets,
      clock: this.clock,
      log: () => {},
      stop: new AbortController().signal,
      secrets: FAKE_SECRETS,
      superseded,
      claim: (claims) => {
        for (const claim of claims) this.claims.add(claim);
        return Promise.resolve();
      },
    };
  }

  #examine(outcome: Outcome): void {
    demand(this.clock.timers === 0, "a timer is left behind");
    this.#examineSeen(outcome.observed);
    if (outcome.outcome === "NOOP") return;
    this.#examineSteps(outcome.did);
    if (outcome.outcome === "FAILURE") this.#examineFailure(outcome.failure);
  }

  #examineFailure(failure: Failure): void {
    demand(failure._tag !== "Bug", "the kind threw what it may not throw", { failure });
    if ("step" in failure && failure.step !== null) this.#examineSteps([failure.step]);
    if ("remaining" in failure) this.#examineSteps(failure.remaining);
  }

  #examineSeen(observed: unknown): void {
    if (observed !== null) this.#examineData("observed", observed);
  }

  #examineSteps(steps: readonly unknown[]): void {
    for (const step of steps) this.#examineData("step", step);
  }

  #examineData(what: "observed" | "step", value: unknown): void {
    const parsed = z.safeParse(this.world.kind.schema[what], value);
    demand(parsed.success, `the kind's schema "${what}" does not take what the kind made`, {
      value,
      error: parsed.error?.message,
    });
    demand(same(parsed.data, value), `the kind's schema "${what}" leaves out part of what the kind made`, {
      value,
      schema: parsed.data,
    });
    const travelled: unknown = JSON.parse(JSON.stringify(value));
    demand(same(travelled, value), `"${what}" is not plain JSON: it comes back changed`, { value, travelled });
  }
}

/** Sets the stage, plays, and clears away. */
export async function onStage<T>(
  world: World,
  { spec, device }: Scene,
  play: (stage: Stage) => Promise<T>,
): Promise<T> {
  const place = await world.open(device);
  try {
    return await play(new Stage(world, spec, place));
  } finally {
    await place.close?.();
  }
}
