import { watch } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import type { AnyScore } from "../../../src/scores/score.ts";
import { natsServer } from "../../support/nats-server.ts";
import { AgentProcess, install, temporaryFolder } from "../support/agent-process.ts";
import { file } from "../support/manifests.ts";
import { Operator } from "../support/operator.ts";

let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

const KILLS = 30;
const FILES = 20;

/** A small generator of random numbers that can be begun again with the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Notes each time that a name in the folder comes to mean another file, or none: what the agent did, by the kernel's word. */
function journalOf(folder: string) {
  const effects = new Map<string, number>();
  const journal = { effects, onEffect: (): void => {} };
  const watcher = watch(folder, (event, name) => {
    if (event !== "rename" || name === null || name.startsWith(".")) return;
    effects.set(name, (effects.get(name) ?? 0) + 1);
    journal.onEffect();
  });
  onTestFinished(() => watcher.close());
  return {
    effects,
    /** Resolves when so many names have changed, or after a while. */
    until: async (count: number): Promise<void> => {
      const reached = new Promise<void>((resolve) => {
        journal.onEffect = () => effects.size >= count && resolve();
      });
      await Promise.race([reached, sleep(500)]);
    },
  };
}

test(`killed ${KILLS} times in the middle of its work, the agent ends where it should each time, and does nothing twice`, async () => {
  const seed = Number(process.env["HARMONY_TEST_SEED"] ?? Date.now() % 1_000_000);
  process.stdout.write(`HARMONY_TEST_SEED=${seed} repeats these kills\n`);
  const random = randomFrom(seed);
  const textOf = (generation: number): string => `${generation} ${"x".repeat(Math.floor(random() * 5000))}`;
  const root = await temporaryFolder();
  const folder = join(root, "srv");
  await mkdir(folder);
  const { url } = await natsServer();
  const operator = await Operator.connect(url);
  const { effects, until } = journalOf(folder);
  const start = (): AgentProcess => new AgentProcess({ harmony, url, root });

  let agent = start();
  let kills = 0;
  const texts = new Map<string, string>();
  const inTheMiddle = { ofWork: 0 };
  for (let generation = 1; kills < KILLS; generation += 1) {
    // About a third of them get another text, some go, others come.
    const expected = new Map<string, number>();
    for (let at = 0; at < FILES + 6; at += 1) {
      const name = `f${at}`;
      const chance = random();
      const had = texts.has(name);
      if (had && chance < 0.15) texts.delete(name);
      else if (chance < 0.5 || generation === 1) texts.set(name, textOf(generation));
      else continue;
      if (had || texts.has(name)) expected.set(name, 1);
    }
    const scores: Record<string, AnyScore> = {};
    for (const [name, text] of texts) scores[name] = file(`/srv/${name}`, text);
    effects.clear();
    await operator.send({ generation, scores });
    for (let inRound = 0; inRound < 2 && kills < KILLS; inRound += 1) {
      // In the middle of the work, or at any moment of a start.
      if (inRound === 0) await until(1 + Math.floor(random() * expected.size));
      else await sleep(random() * 350);
      await agent.kill("SIGKILL");
      kills += 1;
      if (effects.size > 0 && effects.size < expected.size) inTheMiddle.ofWork += 1;
      agent = start();
    }
    await operator.converged(generation, () => agent.tail);
    for (const [name, text] of texts) expect(await readFile(join(folder, name), "utf8")).toBe(text);
    expect((await readdir(folder)).toSorted()).toEqual([...texts.keys()].toSorted());
    // Each that was to change has changed once, and no other was touched.
    expect(Object.fromEntries(effects)).toEqual(Object.fromEntries(expected));
  }
  process.stdout.write(`${inTheMiddle.ofWork} of ${kills} kills came between the first and the last effect\n`);
  expect(inTheMiddle.ofWork).toBeGreaterThan(0);
  expect((await operator.status())?.epoch).toBeGreaterThan(KILLS / 3);
});
