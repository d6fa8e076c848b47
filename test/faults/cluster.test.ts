import { expect, test, vi } from "vitest";
import { freePort } from "../support/free-port.ts";
import { inFull, tell } from "../support/endurance.ts";
import { ControlPlane, patience, startAgent } from "./support/agents.ts";
import { costsOf, costsOn, FaultyServer } from "./support/server.ts";

const KILLS = inFull(20, 2);
/** After each of them; in full more than a thousand applies altogether. */
const CHANGES = inFull(12, 1);
const AGENTS = 4;
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

test(
  `a cluster of three loses the leader of the desired state ${KILLS} times in the middle of changes: every change arrives, and every status`,
  { timeout: inFull(1_800_000, 300_000) },
  async () => {
    const servers = await cluster();
    const urls = [...servers.values()].map(({ url }) => url);
    const control = await ControlPlane.connect(urls);
    await control.makeBuckets();
    const agents = await Promise.all(
      Array.from({ length: AGENTS }, (_, n) => startAgent({ id: `member-${n}`, servers: urls })),
    );
    const took: number[] = [];
    let changes = 0;
    const change = async (): Promise<void> => {
      changes += 1;
      const text = `change ${changes}`;
      const one = async (each: (typeof agents)[number]): Promise<void> => {
        const generation = await control.ship(each.id, text);
        const since = performance.now();
        await control.converged(each, text, generation);
        took.push(performance.now() - since);
      };
      await Promise.all(agents.map(one));
    };
    await change();
    const leader = (): Promise<readonly [string, FaultyServer]> =>
      vi.waitFor(async () => {
        for (const each of servers.values()) {
          const name = await each.leaderOf("KV_desired-state").catch(() => undefined);
          const led = servers.get(name ?? "");
          if (name !== undefined && led !== undefined) return [name, led] as const;
        }
        throw new Error("nobody leads the stream");
      }, patience);
    for (let kill = 0; kill < KILLS; kill += 1) {
      const [, led] = await leader();
      const changing = change();
      await led.kill();
      await changing;
      await led.again();
      for (let more = 0; more < CHANGES; more += 1) await change();
    }
    tell(`${KILLS} leaders killed, ${took.length} changes, the slowest seen after ${Math.max(...took).toFixed(0)} ms`);
    for (const each of agents) expect((await control.status(each.id))?.epoch).toBe(1);
    await vi.waitFor(async () => expect(await costsOn([...servers.values()])).toEqual(costsOf(AGENTS)), patience);
  },
);
