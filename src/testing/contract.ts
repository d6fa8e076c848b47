import * as fc from "fast-check";
import { givesUpInTime, survivesFaults } from "./check-faults.ts";
import {
  claimsBeforehand,
  comesToWhatTheDeviceAllows,
  foretells,
  repairs,
  restartsOnce,
  stopsBetweenSteps,
} from "./check-interpret.ts";
import { isPure, looksOnly, speaksPlainly, travels } from "./check-kind.ts";
import { leavesWhatItNeverMade, removesItsOwn, removesItsOwnAfterChanges } from "./check-retire.ts";
import type { Scene } from "./stage.ts";
import type { World } from "./world.ts";

/** One promise that every kind makes. Any test framework can run it: `it(name, run)`. */
export interface Check {
  readonly name: string;
  /** Rejects when the kind breaks it, with the seed and the smallest example that was found. */
  readonly run: () => Promise<void>;
}

export interface ContractOptions {
  /** How many cases each check is tried on. Default 100. */
  readonly runs?: number;
  /** Where the cases come from. Default 1: the same cases everywhere and always. Pass a changing number to roam. */
  readonly seed?: number;
  /** The `path` of a failure, to begin with the example that it printed. */
  readonly path?: string;
  /**
   * At how many moments of a case something goes wrong: a call fails or is not answered, a crash, a newer generation. They
   * are spread evenly. Default all; fewer for places where each run takes long.
   */
  readonly faults?: number;
}

/** What is promised, and how it is tried on one case. */
const PROMISES: readonly (readonly [
  name: string,
  check: (world: World, scene: Scene, faults: number) => Promise<void>,
])[] = [
  [
    "comes to what the device allows (SUCCESS, NOOP or Obstructed), and then to NOOP without a write",
    comesToWhatTheDeviceAllows,
  ],
  ["can be run again after any port call failed before or after its effect", survivesFaults("interpret")],
  ["is given up at its deadline when a port call is never answered, and can be run again", givesUpInTime("interpret")],
  ["repairs what others change", repairs],
  ["starts anew what runs when it is told to, once, and changes nothing else by that", restartsOnce],
  ["claims what it brings into being before it does", claimsBeforehand],
  ["stops after the current step when it is superseded, and can be run again", stopsBetweenSteps],
  ["previews the very steps that it then takes, to be so and to be gone, and writes nothing for it", foretells],
  ["removes its own when it is retired, leaves all else, and then does nothing more", removesItsOwn],
  ["removes its own and leaves all else after others changed things", removesItsOwnAfterChanges],
  ["can be retired again after any port call failed before or after its effect", survivesFaults("retire")],
  ["is given up at its deadline while it is retired, and can be retired again", givesUpInTime("retire")],
  ["takes nothing away that it never made when it is retired without having been interpreted", leavesWhatItNeverMade],
  ["sees the reading methods of the ports that it requires, and no more, while it observes", looksOnly],
  ["decides by what it is given alone: identity, plan, restart, retire, pauses and claims are pure", isPure],
  ["tells what it sees and does in plain JSON that its own schemas take", speaksPlainly],
  ["comes out of the wire as it went in", travels],
];

/**
 * The contract that every kind keeps, as properties over a {@link World}.
 *
 * ```ts
 * import { contractOf } from "harmony-edge/testing";
 *
 * describe("Motd keeps the contract", () => {
 *   for (const { name, run } of contractOf(motdWorld)) it(name, run);
 * });
 * ```
 */
export const contractOf = (world: World, options: ContractOptions = {}): readonly Check[] => {
  const { runs = 100, seed = 1, path, faults = Number.POSITIVE_INFINITY } = options;
  return PROMISES.map(([name, check]) => ({
    name: `${world.kind.kind}@${world.kind.version} ${name}`,
    run: () =>
      fc.assert(
        fc.asyncProperty(scenes(world), (scene) => check(world, scene, faults)),
        { numRuns: runs, seed, includeErrorInReport: true, ...(path === undefined ? {} : { path }) },
      ),
  }));
};

const scenes = (world: World): fc.Arbitrary<Scene> =>
  world.specs.chain((spec) =>
    fc.record({
      spec: fc.constant(spec),
      device: world.devices(spec),
      changes: fc.array(world.changes(spec), { minLength: 1, maxLength: 3 }),
    }),
  );
