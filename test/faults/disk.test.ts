import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "nats";
import { expect, test, vi } from "vitest";
import { freePort } from "../support/free-port.ts";
import { harmony } from "../cli/in-process.ts";
import { ControlPlane, type FaultAgent, patience, startAgent, wanted } from "./support/agents.ts";
import { onDisks, smallDisk } from "./support/disk.ts";
import { PlacedServer } from "./support/placed-server.ts";
import { costsOf, costsOn, FaultyServer } from "./support/server.ts";

/** An agent that has converged. */
async function converged(url: string): Promise<{ readonly control: ControlPlane; readonly agent: FaultAgent }> {
  const control = await ControlPlane.connect([url]);
  await control.makeBuckets();
  const agent = await startAgent({ id: "pi-7", servers: [url] });
  await control.converged(agent, "before", await control.ship(agent.id, "before"));
  return { control, agent };
}

/** What is broken is repaired without the server, and waits to be told. */
async function repairs(control: ControlPlane, agent: FaultAgent): Promise<void> {
  await writeFile(join(agent.root, "changing"), "tampered");
  await vi.waitFor(async () => expect(await agent.content()).toBe("before"), patience);
  // Longer than it would take.
  await sleep(2_000);
  expect((await control.status(agent.id))?.scores["changing"]).not.toMatchObject({ change: "corrective" });
}
const toldOfRepair = (control: ControlPlane, agent: FaultAgent): Promise<void> =>
  vi.waitFor(
    async () => expect((await control.status(agent.id))?.scores["changing"]).toMatchObject({ change: "corrective" }),
    patience,
  );

test("a store that is at its limit refuses writes with its reason, and what waits is told when there is room again", async () => {
  const server = await FaultyServer.start("jetstream { max_file_store: 4MB }");
  const { control, agent } = await converged(server.url);
  const epoch = (await control.status(agent.id))?.epoch;
  for (const bytes of [500_000, 50_000, 5_000]) {
    while ((await control.store.putAsset(randomBytes(bytes)))._tag === "Stored");
  }
  // What an upload leaves behind is cleared away after it, so the last bytes take more than one attempt.
  let fillers = 0;
  const refused = await vi.waitFor(async () => {
    while ((await control.store.put("capabilities", `filler-${fillers}`, randomBytes(200)))._tag === "Written") {
      fillers += 1;
    }
    const applied = await control.fleet.apply(wanted("before"), agent.id, { timeoutMs: 2_000 });
    if (applied._tag !== "NotReached") throw new Error(`there is room yet: ${applied._tag}`);
    return applied.unreachable;
  }, patience);
  const reason = expect.stringContaining("KV_desired-state refused a write to $KV.desired-state.pi-7: ");
  expect(refused).toMatchObject({ reason: "Failed", message: reason });
  await repairs(control, agent);

  const connection = await connect({ servers: server.url });
  await (await connection.jetstreamManager()).streams.purge("OBJ_assets");
  await connection.close();
  await toldOfRepair(control, agent);
  const after = await control.ship(agent.id, "after");
  expect(await control.converged(agent, "after", after)).toMatchObject({ epoch });
  expect(await costsOn([server])).toEqual(costsOf(1));
});

onDisks("a server whose disk is full", () => {
  test(
    "stores nothing and says nothing; it is told what to look at; and once it was started anew with room, all that waited arrives",
    { timeout: 240_000 },
    async () => {
      const disk = await smallDisk(16);
      const server = await PlacedServer.start({
        enter: disk.enter,
        reach: async (port) => port,
        ports: { clients: Number(await freePort()), monitoring: Number(await freePort()) },
        storeDir: disk.path,
      });
      const { control, agent } = await converged(server.url);
      const { epoch } = (await control.status(agent.id)) ?? {};
      await disk.fill();
      // Enough that the file system has no block left for it.
      const lost = await control.fleet.apply(wanted("x".repeat(50_000)), agent.id, { timeoutMs: 8_000 });
      expect(lost).toMatchObject({
        _tag: "NotReached",
        unreachable: { message: expect.stringContaining("KV_desired-state") },
      });
      // The last block of a stream's file has room for a while, and a status may fit in there.
      let fillers = 0;
      while (
        (await control.store.put("actual-state", "filler", randomBytes(200), { timeoutMs: 2_000 }))._tag === "Written"
      ) {
        fillers += 1;
        expect(fillers).toBeLessThan(1_000);
      }
      await repairs(control, agent);
      const shown = await harmony(["status", agent.id, "--server", server.url, "--json"]);
      expect([shown.code, JSON.parse(shown.out)]).toMatchObject([0, { generation: 1 }]);

      await disk.free();
      await server.again();
      await toldOfRepair(control, agent);
      const after = await control.ship(agent.id, "after");
      expect(await control.converged(agent, "after", after)).toMatchObject({ epoch });
      await vi.waitFor(async () => expect(await costsOn([server])).toEqual(costsOf(1)), patience);
    },
  );
});
