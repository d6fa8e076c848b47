import * as fc from "fast-check";
import { expect, test } from "vitest";
import { MOST_WORKERS } from "../../src/agent/workers.ts";
import { settle } from "../../src/testing/fake-clock.ts";
import { free, lane, probe, type Wanted } from "./support/manifests.ts";
import { FakeProbe } from "./support/probe.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

/** Scores of all kinds of turns, in any order, with any latencies and failures: what must hold whatever comes when. */

const IDS = ["a", "b", "c", "d", "e", "f", "g", "h"];
const KINDS = ["free", "gathers", "lane", "in-order"] as const;

interface Part {
  readonly kind: (typeof KINDS)[number];
  readonly after: readonly string[];
  readonly restartOn: readonly string[];
  readonly value: string;
}
type Parts = Readonly<Record<string, Part>>;

const anyPart = fc.record({
  kind: fc.constantFrom(...KINDS),
  after: fc.subarray(IDS, { maxLength: 2 }),
  restartOn: fc.subarray(IDS, { maxLength: 2 }),
  value: fc.constantFrom("x", "y"),
});

const parts: fc.Arbitrary<Parts> = fc
  .record({ order: fc.shuffledSubarray(IDS), all: fc.array(anyPart, { minLength: IDS.length, maxLength: IDS.length }) })
  .map(({ order, all }) =>
    Object.fromEntries(
      order.flatMap((id) => {
        const at = IDS.indexOf(id);
        const one = all[at];
        if (one === undefined) return [];
        // Only on those before it in the alphabet, so that nothing goes round; the manifest's own order is another one.
        const after = one.after.filter((on) => order.includes(on) && on < id);
        return [[id, { ...one, after, restartOn: one.restartOn.filter((on) => order.includes(on) && on !== id) }]];
      }),
    ),
  );

const scoreOf = (id: string, { kind, value }: Part) =>
  kind === "lane"
    ? lane(id, 3)
    : kind === "in-order"
      ? probe(id, value, 3)
      : free(id, { value, parts: 3, ...(kind === "gathers" && { gathersAt: 1 }) });

const valueOf = ({ kind, value }: Part): string => (kind === "lane" ? "x" : value);

const wantedOf = (generation: number, of: Parts): Wanted => ({
  generation,
  scores: Object.fromEntries(Object.entries(of).map(([id, part]) => [id, scoreOf(id, part)])),
  after: Object.fromEntries(Object.entries(of).map(([id, { after }]) => [id, after])),
  restartOn: Object.fromEntries(Object.entries(of).map(([id, { restartOn }]) => [id, restartOn])),
});

/** A probe whose answers come when the scheduler says, and that watches what is under way at the same time. */
class ScheduledProbe extends FakeProbe {
  readonly #scheduler: fc.Scheduler;
  readonly underWay = new Map<string, number>();
  onCall: (name: string, call: string) => void = () => {};

  constructor(scheduler: fc.Scheduler) {
    super();
    this.#scheduler = scheduler;
  }
  override read(part: string): Promise<string | null> | string | null {
    return this.#later(part, "read", async () => super.read(part));
  }
  override set(part: string, value: string): Promise<void> {
    return this.#later(part, `set ${value}`, () => super.set(part, value));
  }
  override remove(part: string): Promise<void> {
    return this.#later(part, "remove", () => super.remove(part));
  }
  override restart(name: string): Promise<void> {
    return this.#later(name, "restart", () => super.restart(name));
  }

  async #later<T>(part: string, call: string, run: () => Promise<T>): Promise<T> {
    const name = part.split("/")[0] ?? "";
    this.onCall(name, `${call} ${part}`);
    this.underWay.set(name, (this.underWay.get(name) ?? 0) + 1);
    try {
      await this.#scheduler.schedule(Promise.resolve(), `${call} ${part}`);
      return await run();
    } finally {
      this.underWay.set(name, (this.underWay.get(name) ?? 0) - 1);
    }
  }
}

/** Lets everything happen, in the scheduler's order, until nothing is left to happen without time passing. */
async function play(scheduler: fc.Scheduler): Promise<void> {
  for (;;) {
    await settle();
    if (scheduler.count() === 0) return;
    await scheduler.waitNext(1);
  }
}

test("whatever comes when: one worker a Score, `after` kept, gathered in waves, and in the end all is as declared", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      parts,
      parts,
      fc.subarray(IDS, { maxLength: 2 }),
      fc.nat(60),
      async (scheduler, first, second, failing, changesAt) => {
        const probed = new ScheduledProbe(scheduler);
        const rig = await ReconcilerRig.open({ from: { probe: probed } });
        const calls: string[] = [];
        let [now, generation] = [first, 1];
        // An unchanged Score that is at work when the second manifest comes ends that first, whatever becomes of those before it.
        const goingOn = new Set<string>();
        // What is thrown in a port is a failure of the Score, so that it is noted here.
        const wrong: unknown[] = [];
        probed.onCall = (name, call) => {
          calls.push(call);
          if ((probed.underWay.get(name) ?? 0) > 0) wrong.push(`two at work on ${name}: ${call}`);
          // By a look each, it begins anew, or finds out what came of its steps.
          if (call === `read ${name}/0`) goingOn.delete(name);
          const { [name]: one } = now;
          if (one !== undefined && !goingOn.has(name) && call.startsWith(`set ${valueOf(one)} `)) {
            // What was begun under the first manifest goes on, also where the second one has it come after another.
            const all = one.after.filter((on) => first[name]?.after.includes(on) ?? true);
            const early = all.filter((on) => rig.states[on] !== "Ready");
            if (early.length > 0) wrong.push(`${call} before ${early.join()}`);
          }
          if (rig.reconciler.observedGeneration === generation) wrong.push(`${call} after all was carried through`);
        };
        for (const id of failing) probed.fails(`${id}/2`);
        await rig.accept(wantedOf(1, first));
        while (calls.length < changesAt && scheduler.count() > 0) {
          await scheduler.waitNext(1);
          await settle();
        }
        for (const [name, count] of probed.underWay) {
          const [before, then] = [first[name], second[name]];
          if (count === 0 || before === undefined || then === undefined) continue;
          if (before.kind === then.kind && valueOf(before) === valueOf(then)) goingOn.add(name);
        }
        [now, generation] = [second, 2];
        await rig.accept(wantedOf(2, second));
        await play(scheduler);
        expect(rig.reconciler.isWorking).toBe(false);
        expect(rig.reconciler.observedGeneration).toBe(2);
        expect(wrong).toEqual([]);
        const settledStates = new Set(["Ready", "Failed", "Blocked", "Retiring"]);
        expect(Object.values(rig.states).filter((state) => !settledStates.has(state))).toEqual([]);

        probed.onCall = () => {};
        for (const id of failing) probed.heals(`${id}/2`);
        for (let minutes = 0; minutes < 30; minutes += 1) {
          await rig.clock.advance(30_000);
          await play(scheduler);
        }
        expect(rig.states).toEqual(Object.fromEntries(Object.keys(second).map((id) => [id, "Ready"])));
        const values = Object.entries(second).flatMap(([id, part]) =>
          [0, 1, 2].map((at) => [`${id}/${at}`, valueOf(part)] as const),
        );
        expect(probed.values).toEqual(new Map(values));
        expect([...rig.ledger.owned.values()].map(({ id }) => id).toSorted()).toEqual(Object.keys(second).toSorted());
        expect([...rig.ledger.notices]).toEqual([]);
        expect(rig.logged.filter(({ message }) => message.startsWith("a bug"))).toEqual([]);
        rig.reconciler.pause();
        expect(rig.clock.timers).toBe(0);
      },
    ),
    { numRuns: 150 },
  );
});

test("whatever comes when, independent Scores are gathered once: no step that serves many is taken before all have come to theirs", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.integer({ min: 1, max: MOST_WORKERS + 8 }),
      fc.integer({ min: 0, max: 4 }),
      async (scheduler, count, failing) => {
        const probed = new ScheduledProbe(scheduler);
        const rig = await ReconcilerRig.open({ from: { probe: probed } });
        const ids = Array.from({ length: count }, (_, at) => `s${at}`);
        for (const id of ids.slice(0, failing)) probed.fails(`${id}/0`);
        const scores = Object.fromEntries(ids.map((id) => [id, free(id, { parts: 2, gathersAt: 1 })]));
        await rig.accept({ generation: 1, scores });
        await play(scheduler);
        const isGathered = (did: string): boolean => did.includes("/1");
        const from = probed.did.findIndex(isGathered);
        expect(probed.did.filter(isGathered)).toHaveLength(Math.max(0, count - failing));
        if (from >= 0) expect(probed.did.slice(from).filter((did) => !isGathered(did))).toEqual([]);
      },
    ),
    { numRuns: 40 },
  );
});
