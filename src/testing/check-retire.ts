import { retires } from "./expectations.ts";
import { onStage, type Scene } from "./stage.ts";
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
export const leavesWhatItNeverMade = (world: World, scene: Scene): Promise<void> => onStage(world, scene, retires);
