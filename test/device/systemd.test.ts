import { beforeAll, expect, test } from "vitest";
import { systemdServiceWorld } from "../../src/testing/systemd-service-world.ts";
import { systemdTimerWorld } from "../../src/testing/systemd-timer-world.ts";
import { systemdUnitWorld } from "../../src/testing/systemd-unit-world.ts";
import { systemdHostContract } from "../capabilities/systemd-host.contract.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import { type Kept, promisesOn, testsOfPromises } from "./promises.ts";

onMachines("the systemd kinds, on a real systemd", () => {
  const boot = suiteMachines();
  let kept: readonly Kept[] = [];

  beforeAll(async () => {
    // Several machines, because one waits for its services most of the time.
    const [units, services, timers] = await Promise.all([boot(), boot(), boot()]);
    kept = (
      await Promise.all([
        promisesOn(units, "main.ts", "SystemdUnit"),
        promisesOn(services, "main.ts", "SystemdService"),
        promisesOn(timers, "main.ts", "SystemdTimer").then(async (told) => [
          ...told,
          ...(await promisesOn(timers, "port.ts", "")),
        ]),
      ])
    ).flat();
  }, 300_000);

  const broken = (about: string, atLeast: number): readonly Kept[] => {
    const own = kept.filter(({ name }) => name.startsWith(about));
    expect(own.length).toBeGreaterThanOrEqual(atLeast);
    return own.filter(({ error }) => error !== null);
  };

  for (const world of [systemdServiceWorld, systemdTimerWorld, systemdUnitWorld]) {
    testsOfPromises(world, "systemd", () => kept);
  }

  test("the adapter keeps the contract of its port", { tags: ["systemd"] }, () => {
    expect(broken("port: ", systemdHostContract.length)).toEqual([]);
  });

  test("it asks little, misses nothing, and comes back after the bus was away", { tags: ["systemd"] }, () => {
    expect(broken("adapter: ", 7)).toEqual([]);
  });
});
