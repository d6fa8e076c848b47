import { converges, demandKeptOff, retires } from "./expectations.ts";
import type { Fault } from "./faulty-ports.ts";
import { spread } from "./spread.ts";
import { demand, onStage, type Ran, type Scene, type Stage, type Work } from "./stage.ts";
import type { Verdict, World } from "./world.ts";

export const survivesFaults =
  (work: Work) =>
  (world: World, scene: Scene, atMost: number): Promise<void> =>
    forEachFault(world, scene, { work, how: "fails", atMost }, async (stage, fault) => {
      const ran = await stage.run(work, { fault });
      const { outcome } = ran;
      demand(
        outcome.outcome === "FAILURE" && outcome.failure._tag === "PortFailed",
        "a port call failed, so it is a FAILURE (PortFailed)",
        { fault, ...ran },
      );
      if (work === "interpret") demandKeptOff(stage, ran);
    });

/** Taken at once, as the fake clock does: a test framework may replace the global ones. */
const { setTimeout: later, clearTimeout: forget } = globalThis;
/** So long is waited for what a real place still has to tell once the deadline has passed. */
const PATIENCE_MS = 5000;

export const givesUpInTime =
  (work: Work) =>
  (world: World, scene: Scene, atMost: number): Promise<void> =>
    forEachFault(world, scene, { work, how: "hangs", atMost }, async (stage, fault) => {
      const { deadlineMs } = stage.score.bind();
      const done: Ran[] = [];
      const running = stage.run(work, { fault }).then((ran) => void done.push(ran));
      await Promise.race([stage.ports.reached, running]);
      await stage.clock.advance(deadlineMs - 1);
      demand(done.length === 0, "it waits for the call until its deadline", { fault, deadlineMs, done });
      await stage.clock.advance(1);
      await soon(running);
      const outcome = done[0]?.outcome;
      demand(
        outcome?.outcome === "FAILURE" && outcome.failure._tag === "TimedOut" && outcome.failure.afterMs === deadlineMs,
        "a port call is never answered, so it is a FAILURE (TimedOut) at the deadline",
        { fault, deadlineMs, outcome },
      );
    });

async function soon(running: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof later> | undefined;
  await Promise.race([running, new Promise<void>((resume) => (timer = later(resume, PATIENCE_MS)))]);
  forget(timer);
}

/**
 * Lets each call that the work makes go wrong, before its effect and after it, each time in a place of its own; and then
 * expects that the work, done again without a fault, comes to its end.
 */
async function forEachFault(
  world: World,
  scene: Scene,
  { work, how, atMost }: { readonly work: Work; readonly how: Fault["how"]; readonly atMost: number },
  disturb: (stage: Stage, fault: Fault) => Promise<void>,
): Promise<void> {
  const calls = await onStage(world, scene, async (stage) => {
    if (work === "retire") await stage.run("interpret");
    return (await stage.run(work)).calls;
  });
  const all = calls.flatMap(({ waits }, at): readonly Fault[] =>
    how === "hangs" && !waits ? [] : (["before", "after"] as const).map((when) => ({ at, when, how, waits })),
  );
  for (const fault of spread(all, atMost)) {
    await onStage(world, scene, async (stage) => {
      if (work === "retire") await stage.run("interpret");
      const found = world.judge(scene.spec, await stage.snapshot());
      await disturb(stage, fault);
      if (work === "retire") await retires(stage);
      else await recovers(stage, found);
    });
  }
}

async function recovers(stage: Stage, found: Verdict): Promise<void> {
  const then = await converges(stage);
  demand(then !== "obstructed" || found === "obstructed", "what it left half done is in its own way");
}
