import { afterAll, beforeAll, describe } from "vitest";
import { assetContract } from "./contract/assets.ts";
import { revisionContract } from "./contract/revisions.ts";
import { eventContract } from "./contract/events.ts";
import { endingContract } from "./contract/endings.ts";
import { historyContract } from "./contract/histories.ts";
import { keyValueContract } from "./contract/key-value.ts";
import { maxPayloadContract } from "./contract/max-payload.ts";
import { onChangeContract } from "./contract/on-change.ts";
import { requestContract } from "./contract/requests.ts";
import { sceneOf, type StoreRig } from "./contract/scene.ts";

/** The sentences of `src/wire/store.ts`, one after the other. `runs`: how many random histories are tried. */
export function storeContract(start: () => Promise<StoreRig>, { runs }: { readonly runs: number }): void {
  describe("as the port says", () => {
    let rig: StoreRig;
    beforeAll(async () => {
      rig = await start();
    });
    afterAll(() => rig.stop());
    const scene = sceneOf(() => rig);

    keyValueContract(scene);
    maxPayloadContract(scene);
    onChangeContract(scene);
    requestContract(scene);
    assetContract(scene);
    revisionContract(scene);
    eventContract(scene);
    endingContract(scene);
    historyContract(scene, runs);
  });
}
