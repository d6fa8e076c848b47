import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { arrival, type Control, controlOf, envelopeOf, isConverged, ship } from "./control.ts";
import { atMost, type Benchmark, figure, type Place } from "./figure.ts";
import { declared } from "./files.ts";
import { agentArguments, bundleBare, installAgent, start, thisNode } from "./processes.ts";

/**
 * An agent writes its status at most once a second in the long run, so several take turns; of each way as many processes
 * take part, so that all are as rested, and as warm, as each other.
 */
const PROCESSES = 4;
const ROUNDS = 36;
/** Each process's first rounds are not counted: the runtime compiles what it meets often only then. */
const WARM_UP = 6;
const ROUND_MS = 1100;
/** A stored status is followed by writes to the ledger; the next measurement waits until they are over. */
const REST_MS = 40;

interface Way {
  readonly name: string;
  /** Milliseconds from the put to the status. */
  readonly take: (process: number, round: number) => Promise<number>;
  readonly took: number[];
}

export const apply: Benchmark = {
  name: "apply",
  title:
    "From the put of a manifest until its status is seen by the control plane, through a real server, against a bare loop",
  async run(place) {
    const control = await controlOf(place);
    const [raw, write, noop, change] = await ways(control, place);
    for (let round = 0; round < ROUNDS; round += 1) {
      if (round % 6 === 0) place.progress(`apply to status: round ${round + 1} of ${ROUNDS}`);
      const began = performance.now();
      for (let process = 0; process < PROCESSES; process += 1) {
        const turn = [raw, noop, write, change];
        // Whoever comes first finds the machine as the one before left it.
        for (let at = 0; at < turn.length; at += 1) {
          const way = turn[(at + round) % turn.length] ?? raw;
          const took = await way.take(process, round);
          if (round >= WARM_UP) way.took.push(took);
          await sleep(REST_MS);
        }
      }
      await sleep(Math.max(0, began + ROUND_MS - performance.now()));
    }
    const bare = { name: raw.name, values: raw.took };
    return [
      figure({
        name: "nothing to do",
        unit: "ms",
        ours: noop.took,
        baseline: bare,
        target: (ratio) => atMost("at most 2.5 times the bare loop", ratio, 2.5),
      }),
      figure({ name: "one file changed", unit: "ms", ours: change.took, baseline: bare }),
      figure({
        name: "one file changed",
        unit: "ms",
        ours: change.took,
        baseline: { name: write.name, values: write.took },
      }),
    ];
  },
};

async function ways(control: Control, place: Place): Promise<readonly [Way, Way, Way, Way]> {
  const client = await bundleBare("bare-client", place);
  const installed = await installAgent(place);
  const agents = ["noop", "change"] as const;
  const sample = await envelopeOf(control, "noop-0", 1, declared(1));
  let statusBytes = 0;

  for (let process = 0; process < PROCESSES; process += 1) {
    for (const kind of agents) {
      const id = `${kind}-${process}`;
      const beating = arrival(control, `$KV.heartbeat.${id}`);
      start(place, id, thisNode, agentArguments(installed, control.url, id, join(place.directory, id)));
      await beating;
      mkdirSync(join(place.directory, id, "files"));
      await ship(control, id, 1, declared(1));
    }
  }
  const told = await control.store.get("actual-state", "noop-0");
  if (told._tag === "Value") statusBytes = told.value.length;
  for (let process = 0; process < PROCESSES; process += 1) {
    for (const kind of ["raw", "write"] as const) {
      const id = `${kind}-${process}`;
      const directory = join(place.directory, id);
      mkdirSync(directory);
      const up = arrival(control, "bench.up.*");
      start(place, id, thisNode, [
        client,
        "answer",
        control.url,
        String(statusBytes),
        id,
        ...(kind === "write" ? [directory] : []),
      ]);
      await up;
    }
  }

  const bareLoop = (kind: string, name: string): Way => ({
    name,
    took: [],
    take: (process, round) => {
      const number = `${round} `;
      return timed(control, `${kind}-${process}`, Buffer.from(number.padEnd(sample.length)), (text) =>
        text.startsWith(number),
      );
    },
  });
  const agent = (kind: (typeof agents)[number]): Way => ({
    name: kind,
    took: [],
    take: async (process, round) => {
      const generation = round + 2;
      const id = `${kind}-${process}`;
      const envelope = await envelopeOf(control, id, generation, declared(1, kind === "noop" ? 0 : generation));
      return timed(control, id, envelope, (_, message) => isConverged(message, generation));
    },
  });
  return [
    bareLoop("raw", "bare loop"),
    bareLoop("write", "bare loop that writes the file"),
    agent("noop"),
    agent("change"),
  ];
}

async function timed(
  control: Control,
  id: string,
  value: Uint8Array,
  isIt: (text: string, message: Parameters<typeof isConverged>[0]) => boolean,
): Promise<number> {
  const seen = arrival(control, `$KV.actual-state.${id}`, (message) => isIt(message.string(), message));
  await control.connection.flush();
  const began = performance.now();
  const stored = control.stream.publish(`$KV.desired-state.${id}`, value);
  const { at } = await seen;
  await stored;
  return at - began;
}
