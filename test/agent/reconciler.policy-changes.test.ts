import { expect, test } from "vitest";
import { file } from "./support/manifests.ts";
import { ReconcilerRig } from "./support/reconciler-rig.ts";

test("new content that was only observed is made once its drift is to be reported", async () => {
  const rig = await ReconcilerRig.open();
  const wanted = (generation: number, content: string, policy: object) => ({
    generation,
    scores: { a: file("/a", content) },
    policies: { a: policy },
  });
  await rig.accept(wanted(1, "old", {}));
  await rig.accept(wanted(2, "new", { ownership: "observe" }));
  expect([rig.tree["/a"], rig.states]).toEqual(["old", { a: "Drifted" }]);
  await rig.accept(wanted(3, "new", { drift: "report" }));
  expect([rig.tree["/a"], rig.states]).toEqual(["new", { a: "Ready" }]);
});
