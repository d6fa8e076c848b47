import { createServer, connect as dial, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "nats";
import { expect, onTestFinished, test, vi } from "vitest";
import { inFull } from "../support/endurance.ts";
import { freePort } from "../support/free-port.ts";
import { ControlPlane, patience, startAgent } from "./support/agents.ts";
import { costsOf, costsOn, FaultyServer } from "./support/server.ts";

/** Stands for an hour; the servers try again after pauses of their own, which grow with it. */
const CUT_MS = inFull(300_000, 2_000);
const TOLD = ["actual-state", "heartbeat", "capabilities"].map((bucket) => `KV_${bucket}`);

/** The line between site and hub. */
async function line(to: number): Promise<{ readonly port: number; cut: () => void; mend: () => void }> {
  const open = new Set<Socket>();
  let isCut = false;
  const relay = createServer((near) => {
    if (isCut) return void near.destroy();
    const far = dial(to, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => void relay.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const each of open) each.destroy();
    relay.close();
  });
  const address = relay.address();
  if (address === null || typeof address === "string") throw new Error("the line has no port");
  const cut = (): void => {
    isCut = true;
    for (const each of open) each.destroy();
  };
  return { port: address.port, cut, mend: () => void (isCut = false) };
}

/** As docs/faults.md says: what is wanted is mirrored to the site, what is told there is gathered by the hub. */
async function layOut(hub: FaultyServer, site: FaultyServer): Promise<void> {
  const [there, here] = [await connect({ servers: hub.url }), await connect({ servers: site.url })];
  const [hubs, sites] = [await there.jetstreamManager(), await here.jetstreamManager()];
  for (const name of ["KV_desired-state", "OBJ_assets"]) {
    const { subjects: _, ...config } = (await hubs.streams.info(name)).config;
    await sites.streams.add({ ...config, mirror: { name, external: { api: "$JS.hub.API", deliver: "" } } });
  }
  for (const name of TOLD) {
    const { config } = await hubs.streams.info(name);
    await sites.streams.add(config);
    await hubs.streams.update(name, { ...config, sources: [{ name, external: { api: "$JS.site.API", deliver: "" } }] });
  }
  await there.close();
  await here.close();
}

test(
  "a site whose leaf node is cut off is served on by it, and what both sides did meanwhile comes together after it",
  { timeout: inFull(900_000, 120_000) },
  async () => {
    const leafPort = Number(await freePort());
    const hub = await FaultyServer.start(
      `server_name: hub\njetstream { domain: hub }\nleafnodes { no_advertise: true, listen: "127.0.0.1:${leafPort}" }`,
    );
    const wire = await line(leafPort);
    const site = await FaultyServer.start(
      `server_name: site\njetstream { domain: site }\nleafnodes { reconnect: 1, remotes: [ { url: "nats-leaf://127.0.0.1:${wire.port}", deny_imports: ["$KV.>", "$O.>"], deny_exports: ["$KV.>", "$O.>", "fleet.hint.>"] } ] }`,
    );
    const control = await ControlPlane.connect([hub.url]);
    await control.makeBuckets();
    await layOut(hub, site);
    const agent = await startAgent({ id: "pi-7", servers: [site.url], driftPassMs: 500 });
    const before = await control.ship(agent.id, "before");
    await control.converged(agent, "before", before);

    wire.cut();
    const meanwhile = await control.ship(agent.id, "meanwhile");
    // At the site: what was accepted stays in force and is repaired, and one who lost all memory is given it again.
    await writeFile(join(agent.root, "changing"), "tampered");
    await vi.waitFor(async () => expect(await agent.content()).toBe("before"), patience);
    await agent.stop();
    await rm(join(agent.root, "var"), { recursive: true });
    await rm(join(agent.root, "changing"));
    const next = await startAgent({ id: "pi-7", servers: [site.url], root: agent.root });
    const there = await ControlPlane.connect([site.url]);
    expect(await there.converged(next, "before", before)).toMatchObject({ epoch: 2 });
    await sleep(CUT_MS);
    // The line was really cut.
    expect(await control.status(agent.id)).toMatchObject({ epoch: 1, generation: before });
    expect(await next.content()).toBe("before");

    wire.mend();
    expect(await control.converged(next, "meanwhile", meanwhile)).toMatchObject({ epoch: 2 });
    expect(await costsOn([site])).toMatchObject({ connections: 1, subscriptions: costsOf(1).subscriptions });
    expect(await hub.agents()).toEqual([]);
  },
);
