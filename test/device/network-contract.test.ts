import { beforeAll } from "vitest";
import { networkInterfaceWorld } from "../../src/testing/network-interface-world.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import { type Kept, promisesOn, testsOfPromises } from "./promises.ts";

/** Cases for each promise. */
const RUNS = 3;

onMachines("NetworkInterface, on a real systemd-networkd", () => {
  const boot = suiteMachines();
  let kept: readonly Kept[] = [];

  beforeAll(async () => {
    const machine = await boot({ name: "links", network: "networkd" });
    kept = await promisesOn(machine, "network-promises.ts", String(RUNS));
    console.log(kept.map(({ ms, name }) => `${ms} ${name.slice(0, 60)}`).join("\n"));
  }, 300_000);

  testsOfPromises(networkInterfaceWorld, "network", () => kept);
});
