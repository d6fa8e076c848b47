import { afterAll, describe, inject, onTestFinished } from "vitest";
import { bootMachine, type Machine, type MachineOptions } from "./machine.ts";

/** A describe whose tests need test machines. Where none can boot they are skipped; the run says why at its start. */
export const onMachines = inject("whyNoMachine") === "" ? describe : describe.skip;

type Options = Omit<MachineOptions, "signal">;

/** A machine of the test's own, stopped after the test. */
export async function testMachine(options: Options = {}): Promise<Machine> {
  return bootUntil(onTestFinished, options);
}

/**
 * Machines for all tests of a describe, to be booted in its `beforeAll`. Called in the body of the describe: an
 * `afterAll` that is registered later is never run.
 */
export function suiteMachines(): (options?: Options) => Promise<Machine> {
  const stops: (() => Promise<void>)[] = [];
  afterAll(async () => {
    await Promise.all(stops.map(async (stop) => stop()));
  });
  return async (options = {}) => bootUntil((stop) => stops.push(stop), options);
}

/** @param over takes the function that stops the machine, also while it boots */
async function bootUntil(over: (stop: () => Promise<void>) => void, options: Options): Promise<Machine> {
  const ending = new AbortController();
  const booting = bootMachine({ ...options, signal: ending.signal });
  over(async () => {
    ending.abort(new Error("the tests of this machine are over"));
    const machine = await booting.catch(() => undefined);
    await machine?.stop();
  });
  return booting;
}
