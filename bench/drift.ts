import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { arrival, controlOf, ship } from "./control.ts";
import { contentOf, pathOf } from "./content.ts";
import { atMost, type Benchmark, figure } from "./figure.ts";
import { bareFacts, bareLoop, declared, writeFiles } from "./files.ts";
import { agentArguments, bundleBare, installAgent, start, thisNode } from "./processes.ts";

const FILES = 1000;
const TAMPERINGS = 200;
/** A file that is not as it was after that long counts as lost. */
const LOST_MS = 5000;
const REST_MS = 60;

export const drift: Benchmark = {
  name: "drift",
  title: `One of ${FILES} files is tampered with: until it is as declared again, against a bare watch that writes it anew`,
  async run(place) {
    const control = await controlOf(place);
    const installed = await installAgent(place);
    const root = join(place.directory, "root");
    const beside = join(place.directory, "bare");
    mkdirSync(root);
    mkdirSync(beside);
    for (const each of [root, beside]) writeFiles(each, FILES);

    place.progress(`an agent takes ${FILES} files`);
    const beating = arrival(control, "$KV.heartbeat.drift");
    // No pass by the clock may do the work of the watch.
    const args = [...agentArguments(installed, control.url, "drift", root), "--drift-interval", "1h"];
    start(place, "drift", thisNode, args);
    await beating;
    await ship(control, "drift", 1, declared(FILES));
    const up = arrival(control, "bench.up.*");
    start(place, "bare", thisNode, [await bundleBare("bare-repairer", place), control.url, join(beside, "files")]);
    await up;
    await sleep(1000);

    place.progress(`${TAMPERINGS} tamperings of each`);
    const ours: number[] = [];
    const bare: number[] = [];
    let last = 0;
    for (let nth = 0; nth < TAMPERINGS; nth += 1) {
      // Every fourth hits the file that has just been repaired; the others go all over the place.
      const index = nth % 4 === 3 ? last : (nth * 7919) % FILES;
      last = index;
      const inTurn = nth % 2 === 0 ? [root, beside] : [beside, root];
      for (const each of inTurn) (each === root ? ours : bare).push(await repaired(each, index));
      await sleep(REST_MS * Math.random());
    }
    const lost = ours.filter((ms) => ms >= LOST_MS).length;
    const wrong = bareLoop(bareFacts(root, FILES));
    if (lost === 0 && wrong > 0) throw new Error(`${wrong} files are not as declared although none was lost`);
    const again = ours.filter((_, nth) => nth % 4 === 3);
    return [
      figure({ name: "tampered with, repaired", unit: "ms", ours, baseline: { name: "bare watch", values: bare } }),
      figure({
        name: "of these, the same file again",
        unit: "ms",
        ours: again,
        baseline: { name: "bare watch", values: bare.filter((_, nth) => nth % 4 === 3) },
      }),
      figure({
        name: "lost",
        unit: "of 200",
        ours: [lost],
        target: () => atMost("none lost", lost, 0),
      }),
    ];
  },
};

/** Milliseconds. Looks all the time, so that what is measured is the repair and not the looking. */
async function repaired(root: string, index: number): Promise<number> {
  const path = join(root, pathOf(index));
  const wanted = contentOf(index);
  const began = performance.now();
  appendFileSync(path, "tampered");
  for (;;) {
    if (read(path) === wanted) return performance.now() - began;
    const ms = performance.now() - began;
    if (ms >= LOST_MS) return ms;
    await turn();
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
