import { demandObstructed, retires } from "./expectations.ts";
import { same } from "./same.ts";
import { demand, onStage, type Scene } from "./stage.ts";
import type { World } from "./world.ts";

export const removesItsOwn = (world: World, scene: Scene): Promise<void> =>
  onStage(world, scene, async (stage) => {
    await stage.run("interpret");
    await retires(stage);
  });

export const removesItsOwnAfterChanges = (world: World, scene: Scene): Promise<void> =>
  onStage(world, scene, async (stage) => {
    await stage.run("interpret");
    await stage.change(scene.changes);
    await retires(stage);
  });

/**
 * With no claims at all: what is left is what the world says is left where the Score made nothing. For a Directory that is
 * all of it, without a single write; for a File it is all but the regular file at its path, which is the Score's own
 * whoever wrote it.
 */
export const leavesWhatItNeverMade = (world: World, scene: Scene): Promise<void> =>
  onStage(world, scene, async (stage) => {
    const ran = await stage.run("retire");
    const left = world.left(scene.spec, ran.before, new Set());
    demand(same(ran.after, left), "retired without having been interpreted, it takes nothing away that it never made", {
      ...ran,
      shouldBeLeft: left,
    });
    const { outcome } = ran;
    if (outcome.outcome === "FAILURE") demandObstructed(ran);
    else
      demand(
        (outcome.outcome === "NOOP") === same(ran.before, left),
        "it is a SUCCESS where something was removed",
        ran,
      );
    await retires(stage);
  });
