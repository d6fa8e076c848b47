import { beforeAll } from "vitest";
import { containerWorld } from "../../src/testing/container-world.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import { type Kept, promisesOn, testsOfPromises } from "./promises.ts";

/** Cases for each promise about whole runs. */
const RUNS = 2;

onMachines("Container, on a real podman", () => {
  const boot = suiteMachines();
  let kept: readonly Kept[] = [];

  beforeAll(async () => {
    kept = await promisesOn(await boot({ name: "contract" }), "container-promises.ts", String(RUNS));
    if (process.env["SHOW_MS"]) for (const k of kept) console.log(k.ms, k.name, k.error);
  }, 300_000);

  testsOfPromises(containerWorld, "podman", () => kept);
});
