import { expect, test, vi } from "vitest";
import { ControlPlane, patience, startAgent } from "./support/agents.ts";
import { costsOf, costsOn, FaultyServer } from "./support/server.ts";

const AGENTS = 50;
const RESTARTS = 5;

test(
  `${AGENTS} agents come back after each of ${RESTARTS} restarts of their server, miss no change, and leave nothing behind on it`,
  { timeout: 120_000 },
  async () => {
    const server = await FaultyServer.start();
    const control = await ControlPlane.connect([server.url]);
    await control.makeBuckets();
    const agents = await Promise.all(
      Array.from({ length: AGENTS }, (_, n) => startAgent({ id: `storm-${n}`, servers: [server.url] })),
    );
    for (let restart = 0; restart <= RESTARTS; restart += 1) {
      const text = `change ${restart}`;
      const shipped = agents.map(async (each) => ({ each, generation: await control.ship(each.id, text) }));
      // The storm begins while changes are on their way.
      if (restart > 0) {
        await server.kill();
        await server.again();
      }
      for (const { each, generation } of await Promise.all(shipped)) {
        const { epoch } = await control.converged(each, text, generation);
        expect(epoch).toBe(1);
      }
    }
    await vi.waitFor(async () => expect(await costsOn([server])).toEqual(costsOf(AGENTS)), patience);
    expect(new Set((await server.agents()).map(({ name }) => name)).size).toBe(AGENTS);
    // Whoever was connected has been cut off each time, and said so once.
    for (const { agent, log } of agents) {
      expect(agent.isConnected).toBe(true);
      expect(log.filter((line) => line.startsWith("Fenced"))).toEqual([]);
    }
  },
);
