import { contractOf } from "../../../src/testing/contract.ts";
import type { World } from "../../../src/testing/world.ts";

/** The promises that hold between whole runs. What a fault leaves half done cannot be told from outside here. */
const PROMISES = /comes to what|repairs what|previews the very|removes its own|takes nothing away|plain JSON/;

/** Puts a kind to its contract on this machine, and prints one line of JSON for each promise. The first argument: how many cases. */
export async function keep(world: World): Promise<void> {
  const [, , runs = "3"] = process.argv;
  const checks = contractOf(world, { runs: Number(runs), seed: 1 }).filter(({ name }) => PROMISES.test(name));
  for (const { name, run } of checks) {
    const started = performance.now();
    const error = await run().then(
      () => null,
      (reason: unknown) => String(reason),
    );
    process.stdout.write(`${JSON.stringify({ name, ms: Math.round(performance.now() - started), error })}\n`);
  }
}
