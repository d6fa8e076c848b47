import { expect, test } from "vitest";
import { topology } from "../../src/topology/topology.ts";
import { settle } from "../../src/testing/fake-clock.ts";
import { file, probe } from "./support/manifests.ts";
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

test.each([
  [{ ownership: "observe" }, "x"],
  [{ removal: "orphan" }, "x"],
  [{}, undefined],
] as const)(
  "what is ruled otherwise (%o) while its last step is under way is dealt with by the newer policy",
  async (policy, left) => {
    const rig = await ReconcilerRig.open();
    const finish = rig.probe.hangs("a/0");
    const scores = { a: probe("a") };
    await rig.accept({ generation: 1, scores, policies: { a: { drift: "ignore" } } });
    await rig.accept({ generation: 2, scores, policies: { a: policy } });
    finish();
    await settle();
    await rig.accept({ generation: 3, scores: {} });
    expect([rig.probe.values.get("a/0"), rig.states]).toEqual([left, {}]);
  },
);

test.each([
  [{ removal: "orphan" }, {}, undefined],
  [{}, { removal: "orphan" }, "x"],
] as const)(
  "what is ruled otherwise while its capability is away (%o, then %o) is dealt with by the newer policy when it is dropped",
  async (before, now, left) => {
    const rig = await ReconcilerRig.open();
    const scores = { a: probe("a") };
    await rig.accept({ generation: 1, scores, policies: { a: before } });
    await rig.accept({ generation: 2, scores, policies: { a: now } }, "intentional", {
      topology: topology("None", []),
    });
    expect(rig.states).toEqual({ a: "Refused" });
    await rig.accept({ generation: 3, scores: {} });
    expect([rig.probe.values.get("a/0"), rig.states]).toEqual([left, {}]);
  },
);

test.each([
  [{ removal: "orphan" }, {}, undefined],
  [{}, { removal: "orphan" }, "x"],
] as const)(
  "what gets another id while its capability is away (%o, then %o) is dealt with by what is wanted under that id",
  async (before, now, left) => {
    const rig = await ReconcilerRig.open();
    await rig.accept({ generation: 1, scores: { a: probe("a") }, policies: { a: before } });
    await rig.accept({ generation: 2, scores: { b: probe("a") }, policies: { b: now } }, "intentional", {
      topology: topology("None", []),
    });
    expect(rig.probe.values.get("a/0")).toBe("x");
    await rig.accept({ generation: 3, scores: {} });
    expect([rig.probe.values.get("a/0"), rig.states]).toEqual([left, {}]);
  },
);
