import { canBoot } from "../test/device/machine/can-boot.ts";
import { startAgent } from "../test/device/machine/agent.ts";
import { agentOn } from "../test/device/endurance/observed.ts";
import { controlOf } from "./control.ts";
import { atMost, type Benchmark, figure } from "./figure.ts";
import { converged, ID, IMAGE, prepared } from "./idle-machine.ts";
import { LOOKS, withProbes } from "./idle-scores.ts";
import { hurry, liveMemory, makeTell, PACE } from "./live-memory.ts";

/** What is made once and then kept is there by then. */
const SETTLE_MS = 60_000;
const WATCH_MS = 60_000;
const TIMES = 4;
const hoursOf = (ms: number): number => (ms * PACE) / 3_600_000;

export const leak: Benchmark = {
  name: "leak",
  title: "What the idle agent keeps, over hours that go by in minutes, without V8's own store of compiled code",
  async run(place) {
    const possible = await canBoot();
    if (possible !== true) {
      place.progress(`left out: ${possible}`);
      return [];
    }
    place.progress("a machine boots, and all is put in place");
    const control = await controlOf(place);
    const machine = await prepared(place);
    await makeTell(machine, { leakBytes: place.leakBytes, isCompiled: false });
    await startAgent(machine, { id: ID, server: await machine.natsUrl(control), flags: ["--allow-audited-shell"] });
    await converged(control, withProbes(IMAGE));
    const pid = agentOn(machine);
    if (pid === null) throw new Error("no agent runs on the machine");
    const looks = async (): Promise<number> => Number(await machine.run(["sh", "-c", `wc -l <${LOOKS}`]));
    await hurry(machine, SETTLE_MS);
    const began = await looks();
    const left = [await liveMemory(machine, pid)];
    for (let nth = 0; nth < TIMES; nth += 1) {
      place.progress(`${hoursOf(WATCH_MS)} hours go by in ${WATCH_MS / 60_000} minutes (${nth + 1} of ${TIMES})`);
      await hurry(machine, WATCH_MS);
      left.push(await liveMemory(machine, pid));
    }
    if (agentOn(machine) !== pid) throw new Error("the agent did not run all the time");
    const hours = hoursOf(WATCH_MS) * TIMES;
    const [first = Number.NaN, ...later] = left.map(({ heapKib }) => heapKib);
    const growth = ((later.at(-1) ?? Number.NaN) - first) / hours;
    return [
      figure({ name: "hours", unit: "count", ours: [hours] }),
      figure({ name: "looks at all Scores meanwhile", unit: "count", ours: [(await looks()) - began] }),
      figure({ name: "in use after a collection", unit: "KiB", ours: left.map(({ heapKib }) => heapKib) }),
      figure({ name: "resident after a collection", unit: "MiB", ours: left.map((each) => each.residentKib / 1024) }),
      figure({
        name: "in use after a collection, growth in an hour",
        unit: "KiB",
        ours: [growth],
        target: () => atMost("flat: at most 16 KiB an hour", growth, 16),
      }),
    ];
  },
};
