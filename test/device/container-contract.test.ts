import { beforeAll, expect, test } from "vitest";
import { containerWorld } from "../../src/testing/container-world.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import { type Kept, promisesOn, testsOfPromises } from "./promises.ts";

onMachines("Container, on a real podman", () => {
  const boot = suiteMachines();
  let kept: readonly Kept[] = [];

  beforeAll(async () => {
    // Two machines, because podman and systemd wait for each other much of the time.
    const halves = ["0", "1"].map(async (half) => promisesOn(await boot(), "container-promises.ts", half));
    kept = (await Promise.all(halves)).flat();
  }, 300_000);

  testsOfPromises(containerWorld, "podman", () => kept);

  test("what is as it should be is found so, without a write or a reload", { tags: ["podman"] }, () => {
    const own = kept.filter(({ name }) => name.startsWith("adapter: "));
    expect(own.map(({ error }) => error)).toEqual([null]);
  });
});
