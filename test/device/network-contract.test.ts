import { beforeAll } from "vitest";
import { networkInterfaceWorld } from "../../src/testing/network-interface-world.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import { type Kept, promisesOn, testsOfPromises } from "./promises.ts";

/** Cases for each promise. */
const RUNS = 3;
const MACHINES = 4;

onMachines("NetworkInterface, on a real systemd-networkd", () => {
  const boot = suiteMachines();
  let kept: readonly Kept[] = [];

  beforeAll(async () => {
    // Several machines, because systemd-networkd and the contract wait for each other much of the time.
    const parts = Array.from({ length: MACHINES }, async (_, nth) => {
      const machine = await boot({ name: "links", network: "networkd" });
      return promisesOn(machine, "network-promises.ts", JSON.stringify({ runs: RUNS, nth, of: MACHINES }));
    });
    kept = (await Promise.all(parts)).flat();
  }, 300_000);

  testsOfPromises(networkInterfaceWorld, "network", () => kept);
});
