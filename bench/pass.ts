import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { converge, deviceAt, longestBlock } from "./device.ts";
import { atMost, type Benchmark, type Figure, figure, type Place } from "./figure.ts";
import { bareFacts, bareLoop, decoded, writeFiles } from "./files.ts";

/** How many files, and how many rounds of ours and bare in turn. */
const SIZES = [
  [10, 400],
  [100, 200],
  [1000, 60],
  [10_000, 12],
] as const;
const WARM_UP = 5;

interface Taken {
  readonly ours: readonly number[];
  readonly bare: readonly number[];
  readonly blocks: readonly number[];
}

export const pass: Benchmark = {
  name: "pass",
  title: "A pass that finds all as declared, every byte of every file hashed, against a bare loop over the same files",
  async run(place) {
    const figures: Figure[] = [];
    const ratios = new Map<number, number>();
    for (const [count, rounds] of SIZES) {
      place.progress(`a converged pass over ${count} files`);
      const { ours, bare, blocks } = await measure(count, rounds, place);
      const of1000 = count === 1000;
      const made = figure({
        name: `pass over ${count} files`,
        unit: "ms",
        ours,
        baseline: { name: "bare loop", values: bare },
        ...(of1000 && { target: (ratio) => atMost("at most 2 times the bare loop", ratio, 2) }),
      });
      ratios.set(count, made.ratio ?? Number.NaN);
      figures.push(made);
      figures.push(
        figure({
          name: `longest block of the event loop, ${count} files`,
          unit: "ms",
          ours: blocks,
          ...(count >= 1000 && { target: (_, { median }) => atMost("at most 10 ms", median, 10) }),
        }),
      );
    }
    // By the bare loop, because it, too, takes longer for each file when there are more than the caches hold.
    const growth = (ratios.get(10_000) ?? Number.NaN) / (ratios.get(100) ?? Number.NaN);
    figures.push(
      figure({
        name: "growth from 100 to 10,000, by that of the bare loop",
        unit: "ratio",
        ours: [growth],
        target: () => atMost("linear: at most 1.25", growth, 1.25),
      }),
    );
    return figures;
  },
};

async function measure(count: number, rounds: number, place: Place): Promise<Taken> {
  const root = join(place.directory, `pass-${count}`);
  mkdirSync(root);
  writeFiles(root, count);
  const device = await deviceAt(root, place);
  await converge(device, decoded(count));
  const facts = bareFacts(root, count);
  const { reconciler } = device;
  const lookAtAll = async (): Promise<void> => {
    reconciler.lookAtAll();
    await reconciler.idle();
  };
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = -WARM_UP; round < rounds; round += 1) {
    const began = performance.now();
    await lookAtAll();
    const between = performance.now();
    const wrong = bareLoop(facts);
    const ended = performance.now();
    if (wrong > 0) throw new Error(`${wrong} files are not as declared`);
    if (round < 0) continue;
    ours.push(between - began);
    bare.push(ended - between);
  }
  const blocks: number[] = [];
  for (let round = 0; round < rounds; round += 1) blocks.push(await longestBlock(lookAtAll));
  return { ours, bare, blocks };
}
