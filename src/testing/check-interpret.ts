import { converges, demandClaimed } from "./expectations.ts";
import { same } from "./same.ts";
import { spread } from "./spread.ts";
import { demand, onStage, type Scene } from "./stage.ts";
import type { World } from "./world.ts";

export const comesToWhatTheDeviceAllows = (world: World, scene: Scene): Promise<void> =>
  onStage(world, scene, async (stage) => void (await converges(stage)));

export const repairs = (world: World, scene: Scene): Promise<void> =>
  onStage(world, scene, async (stage) => {
    await stage.run("interpret");
    for (const change of scene.changes) {
      await stage.place.change(change);
      await converges(stage);
    }
  });

/** For kinds that run something: told to start it anew, they do that, and it is as the spec wants. */
export const restartsOnce = (world: World, scene: Scene): Promise<void> =>
  onStage(world, scene, async (stage) => {
    if (!stage.score.bind().restarts) return;
    for (const changes of [[], scene.changes]) {
      await stage.change(changes);
      // However it was found, what comes of this is no worse than what comes of an interpretation.
      await stage.run("interpret", { notified: true });
      if ((await converges(stage)) === "obstructed") continue;
      const ran = await stage.run("interpret", { notified: true });
      demand(
        ran.outcome.outcome !== "FAILURE" && same(ran.before, ran.after),
        "told to start anew what runs, it does that and nothing else",
        ran,
      );
      demand((await converges(stage)) === "so", "started anew, it is as the spec wants, and not started anew again");
    }
  });

/** A crash after each call in turn: whatever is there by then has been claimed by then. */
export const claimsBeforehand = async (world: World, scene: Scene, atMost: number): Promise<void> => {
  const { calls } = await onStage(world, scene, (stage) => stage.run("interpret"));
  const writing = calls.flatMap(({ writes, waits }, at) => (writes ? [{ at, waits }] : []));
  for (const { at, waits } of spread(writing, atMost)) {
    await onStage(world, scene, async (stage) => {
      const { before, after } = await stage.run("interpret", { fault: { at, when: "after", how: "fails", waits } });
      demandClaimed(stage, before, after);
    });
  }
};

export const foretells = (world: World, scene: Scene): Promise<void> =>
  onStage(world, scene, async (stage) => {
    for (const work of ["interpret", "retire"] as const) {
      const before = await stage.snapshot();
      const { preview, writes } = await stage.preview(work);
      demand(writes === 0 && same(before, await stage.snapshot()), "a preview writes nothing", {
        work,
        writes,
        before,
      });
      const { outcome } = await stage.run(work);
      if (preview._tag === "Impossible") {
        demand(
          outcome.outcome === "FAILURE" && same(outcome.failure, preview.failure),
          "the preview and the run tell the same failure",
          { work, preview, outcome },
        );
      } else {
        const did = outcome.outcome === "NOOP" ? [] : outcome.did;
        demand(same(did, preview.steps), "the run takes the steps that the preview told", { work, preview, outcome });
      }
    }
  });

export const stopsBetweenSteps = async (world: World, scene: Scene, atMost: number): Promise<void> => {
  const steps = await onStage(world, scene, async (stage) => {
    const { preview } = await stage.preview();
    return preview._tag === "Planned" ? preview.steps : [];
  });
  for (const taken of spread([...steps.keys()], atMost)) {
    await onStage(world, scene, async (stage) => {
      const ran = await stage.run("interpret", { supersededAfter: taken });
      const { outcome } = ran;
      demand(
        outcome.outcome === "FAILURE" &&
          outcome.failure._tag === "Interrupted" &&
          same(outcome.did, steps.slice(0, taken)) &&
          same(outcome.failure.remaining, steps.slice(taken)),
        "superseded, it ends after the current step and tells what remains",
        { taken, steps, ...ran },
      );
      await converges(stage);
    });
  }
};
