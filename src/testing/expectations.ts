import { demand, type Ran, type Stage } from "./stage.ts";
import { same } from "./same.ts";
import type { Snapshot, Verdict } from "./world.ts";

/** What the checks of the suite have in common: how a run is held against the world's own telling. */

/** Interprets: it comes to what the device allows, and once more to nothing at all. Returns how it was found. */
export async function converges(stage: Stage): Promise<Verdict> {
  const found = stage.world.judge(stage.spec, await stage.snapshot());
  const first = await stage.run("interpret");
  demandKeptOff(stage, first);
  if (found === "obstructed") {
    demandObstructed(first);
    demandObstructed(await stage.run("interpret"));
    return found;
  }
  if (found === "so") {
    demandNothingDone(first, "the device was as the spec wants, so it is a NOOP without a write");
  } else {
    demand(
      first.outcome.outcome === "SUCCESS",
      "the device was not as the spec wants and could be made so, so it is a SUCCESS",
      first,
    );
    const verdict = stage.world.judge(stage.spec, first.after);
    demand(verdict === "so", "SUCCESS was said, and the device is not as the spec wants", { verdict, ...first });
  }
  demandNothingDone(await stage.run("interpret"), "interpreted again at once, it is a NOOP without a write");
  return found;
}

/** Retires: its own is gone, all else is there, and once more there is nothing to do. */
export async function retires(stage: Stage): Promise<void> {
  const before = await stage.snapshot();
  const left = stage.world.left(stage.spec, before, stage.made);
  const first = await stage.run("retire");
  demand(same(first.after, left), "retired, it leaves exactly what is not its own", { ...first, shouldBeLeft: left });
  if (same(before, left)) demandAtRest(first, "there was nothing to remove, so no call may write");
  else demand(first.outcome.outcome === "SUCCESS", "there was something to remove, so it is a SUCCESS", first);
  demandAtRest(await stage.run("retire"), "retired again at once, no call may write");
}

/** What the Score brought into being must be claimed by now, if retiring could not tell it from what was there before. */
export function demandClaimed(stage: Stage, before: Snapshot, after: Snapshot): void {
  const unclaimed = stage.world.left(stage.spec, after, new Set());
  const forgotten = Object.keys(after).filter(
    (name) => !Object.hasOwn(before, name) && Object.hasOwn(unclaimed, name) && !stage.claims.has(name),
  );
  demand(forgotten.length === 0, "this was made without a claim, so a crash now would leave it there for ever", {
    forgotten,
    claims: [...stage.claims],
  });
}

/** Nothing changed but what the Score is about, and nothing was made but that and what it claims. */
export function demandKeptOff({ world, spec, claims }: Stage, { before, after }: Ran): void {
  const own = new Set(world.about(spec));
  const touched = Object.keys({ ...before, ...after }).filter(
    (name) => !own.has(name) && !same(before[name], after[name]) && (Object.hasOwn(before, name) || !claims.has(name)),
  );
  demand(touched.length === 0, "it changed what is none of its business", { touched, before, after });
}

function demandNothingDone(ran: Ran, sentence: string): void {
  demand(ran.outcome.outcome === "NOOP" && ran.writes === 0 && same(ran.before, ran.after), sentence, ran);
}

function demandObstructed(ran: Ran): void {
  const { outcome, writes, before, after } = ran;
  demand(
    outcome.outcome === "FAILURE" && outcome.failure._tag === "Obstructed" && writes === 0 && same(before, after),
    "something is in the way, so it is a FAILURE (Obstructed) without a write",
    ran,
  );
}

/** Retiring may be obstructed where there is something, but nothing that may be removed. */
function demandAtRest(ran: Ran, sentence: string): void {
  if (ran.outcome.outcome === "FAILURE") demandObstructed(ran);
  else demandNothingDone(ran, sentence);
}
