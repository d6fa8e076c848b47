import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { FileScore, manifest, PiTopology } from "../../src/index.ts";
import { inFull, seeded, tell } from "../support/endurance.ts";
import { freePort } from "../support/free-port.ts";
import { ControlPlane, type FaultAgent, isConverged, patience, startAgent, temporaryRoot } from "./support/agents.ts";
import { effectsIn } from "./support/effects.ts";
import { costsOf, costsOn, FaultyServer } from "./support/server.ts";

const KILLS = inFull(20, 2);
const APPLIES = inFull(1000, 24);
const AGENTS = inFull(8, 4);
const NAMES = ["n1", "n2", "n3"] as const;

/** Three servers that keep each stream on all of them. */
async function cluster(): Promise<ReadonlyMap<string, FaultyServer>> {
  const ports = new Map<string, string>();
  for (const name of NAMES) ports.set(name, await freePort());
  const routes = [...ports.values()].map((port) => `nats-route://127.0.0.1:${port}`).join(", ");
  const started = NAMES.map(async (name) => {
    const settings = `server_name: ${name}\ncluster { name: faults, listen: "127.0.0.1:${ports.get(name)}", routes: [${routes}] }`;
    return [name, await FaultyServer.start(settings)] as const;
  });
  return new Map(await Promise.all(started));
}

/** One apply that the server acknowledged. */
interface Acknowledged {
  /** Its file is called by this, and by no other's. */
  readonly name: string;
  readonly generation: number;
  /** Whether nothing newer was shipped before its status had come. */
  readonly isWaitedFor: boolean;
}

/** An agent with a file for each apply: it comes with that apply and goes with the next. */
interface Counted {
  readonly agent: FaultAgent;
  readonly effects: ReadonlyMap<string, number>;
  readonly acknowledged: Acknowledged[];
}

const wanted = (name: string) =>
  manifest(PiTopology, {
    [name]: new FileScore({ path: `/effects/${name}`, content: name }),
    same: new FileScore({ path: "/effects/same", content: "same" }),
  });

async function leaderOf(servers: ReadonlyMap<string, FaultyServer>, stream: string): Promise<FaultyServer> {
  return vi.waitFor(async () => {
    for (const each of servers.values()) {
      const led = servers.get((await each.leaderOf(stream).catch(() => undefined)) ?? "");
      if (led !== undefined) return led;
    }
    throw new Error(`nobody leads ${stream}`);
  }, patience);
}

test(
  `a cluster of three loses the leader of its streams ${KILLS} times during ${APPLIES} applies: each that was acknowledged has its effect once, and its status arrives`,
  { timeout: inFull(1_800_000, 300_000) },
  async () => {
    const random = seeded("cluster");
    const servers = await cluster();
    const urls = [...servers.values()].map(({ url }) => url);
    const control = await ControlPlane.connect(urls);
    await control.makeBuckets();
    const all = await Promise.all(
      Array.from({ length: AGENTS }, async (_, n): Promise<Counted> => {
        const root = await temporaryRoot();
        const effects = await effectsIn(root, "effects");
        return { agent: await startAgent({ id: `member-${n}`, servers: urls, root }), effects, acknowledged: [] };
      }),
    );
    let applies = 0;
    let slowest = 0;
    /** Ships one, or up to three on the heels of each other, and waits for the status of the last. */
    const user = async ({ agent, acknowledged }: Counted): Promise<void> => {
      while (applies < APPLIES) {
        for (let left = 1 + random.below(3); left > 0; left -= 1) {
          applies += 1;
          const name = `change-${applies}`;
          const generation = await control.shipManifest(agent.id, wanted(name));
          acknowledged.push({ name, generation, isWaitedFor: left === 1 });
          if (left > 1) await sleep(random.below(10));
        }
        const last = acknowledged.at(-1);
        const since = performance.now();
        await vi.waitFor(async () => {
          const status = await control.status(agent.id);
          const isTold = isConverged(status, last?.generation ?? Number.NaN, [last?.name ?? "", "same"]);
          if (!isTold) throw new Error(`${agent.id}: ${JSON.stringify(last)}, told ${JSON.stringify(status)}`);
        }, patience);
        slowest = Math.max(slowest, performance.now() - since);
      }
    };
    const killer = async (): Promise<void> => {
      for (let kill = 0; kill < KILLS; kill += 1) {
        const due = ((kill + random.next()) * APPLIES) / (KILLS + 1);
        await vi.waitFor(() => expect(applies).toBeGreaterThanOrEqual(due), { timeout: 600_000, interval: 5 });
        // In turn of what is wanted and of what is told, which need not be the same.
        const led = await leaderOf(servers, kill % 2 === 0 ? "KV_desired-state" : "KV_actual-state");
        await led.kill();
        await sleep(random.below(1_500));
        await led.again();
      }
    };
    await Promise.all([...all.map(user), killer()]);

    const told = { once: 0, superseded: 0, never: 0 };
    const wrong: string[] = [];
    for (const { agent, effects, acknowledged } of all) {
      const last = acknowledged.at(-1);
      for (const { name, generation, isWaitedFor } of acknowledged) {
        // Written once and, but for the last one, removed once.
        const whole = name === last?.name ? 1 : 2;
        const found = effects.get(name) ?? 0;
        if (found === whole) told[isWaitedFor ? "once" : "superseded"] += 1;
        else if (found === 0 && !isWaitedFor) told.never += 1;
        else wrong.push(`${agent.id}: ${name} of generation ${generation} has ${found} effects, not ${whole}`);
      }
      if (effects.get("same") !== 1) wrong.push(`${agent.id}: what stays the same has ${effects.get("same")} effects`);
      const names = new Set([...acknowledged.map(({ name }) => name), "same"]);
      for (const name of effects.keys()) if (!names.has(name)) wrong.push(`${agent.id}: ${name} came from nobody`);
      const generations = acknowledged.map(({ generation }) => generation);
      if (generations.some((each, at) => at > 0 && each <= (generations[at - 1] ?? 0))) {
        wrong.push(`${agent.id}: generations go back: ${generations.join(" ")}`);
      }
      const status = await control.status(agent.id);
      if (status?.epoch !== 1) wrong.push(`${agent.id}: epoch ${status?.epoch}`);
    }
    tell(
      `${KILLS} leaders killed during ${applies} applies: ${told.once} with one effect and their status, ${told.superseded} with one though superseded, ${told.never} superseded before it, ${wrong.length} wrong; the slowest status after ${slowest.toFixed(0)} ms`,
    );
    expect(wrong).toEqual([]);
    expect(told.once + told.superseded + told.never).toBe(applies);
    await vi.waitFor(async () => expect(await costsOn([...servers.values()])).toEqual(costsOf(AGENTS)), patience);
  },
);
