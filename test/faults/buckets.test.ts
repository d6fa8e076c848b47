import { connect } from "nats";
import { expect, test, vi } from "vitest";
import { BUCKETS } from "../../src/wire/store.ts";
import { inFull } from "../support/endurance.ts";
import { ControlPlane, patience, startAgent } from "./support/agents.ts";
import { costsOf, costsOn, FaultyServer } from "./support/server.ts";

const STREAMS = [...BUCKETS.map((bucket) => `KV_${bucket}`), "OBJ_assets"];

/** Deletes streams as an operator would who confuses two servers. */
async function deleteStreams(url: string, streams: readonly string[]): Promise<void> {
  const connection = await connect({ servers: url });
  const manager = await connection.jetstreamManager();
  for (const stream of streams) await manager.streams.delete(stream);
  await connection.close();
}

// The heartbeat alone is found out about by the next one, which takes ten seconds; in short it goes with the others. What
// the agent offers is told again with the next connection, and not before where nothing else is lost with it.
const alone = BUCKETS.filter((bucket) => bucket !== "capabilities" && (bucket !== "heartbeat" || inFull(1, 0) === 1));
const cases = [
  ...alone.map((bucket) => ({ what: bucket, streams: [`KV_${bucket}`] })),
  { what: "every bucket", streams: STREAMS },
];

test.each(cases)(
  "$what deleted and made again: the device stays as it is, all is told again, and the next change arrives",
  { timeout: 180_000 },
  async ({ streams }) => {
    const server = await FaultyServer.start();
    const control = await ControlPlane.connect([server.url]);
    await control.makeBuckets();
    // Passes are what finds out where no write does.
    const agent = await startAgent({ id: "pi-7", servers: [server.url], driftPassMs: 500 });
    const before = await control.ship(agent.id, "before");
    await control.converged(agent, "before", before);

    await deleteStreams(server.url, streams);
    // While there is no bucket nothing is taken away on the device.
    await new Promise((resume) => setTimeout(resume, 700));
    expect(await agent.content()).toBe("before");
    await control.makeBuckets();
    await vi.waitFor(async () => {
      for (const bucket of ["actual-state", "heartbeat", "capabilities"] as const) {
        expect([bucket, await control.store.get(bucket, agent.id)]).toMatchObject([bucket, { _tag: "Value" }]);
      }
    }, patience);
    expect(await control.status(agent.id)).toMatchObject({ generation: before, epoch: 1, scores: { same: {} } });
    expect(await agent.content()).toBe("before");

    const after = await control.ship(agent.id, "after");
    expect(after).toBeGreaterThan(before);
    await control.converged(agent, "after", after);
    expect(agent.log.filter((line) => line.startsWith("Fenced"))).toEqual([]);
    expect(await costsOn([server])).toEqual(costsOf(1));
  },
);
