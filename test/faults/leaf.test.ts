import { createServer, connect as dial, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect, nkeyAuthenticator, type NatsConnection } from "nats";
import { expect, onTestFinished, test, vi } from "vitest";
import { makeUserKey } from "../../src/wire/nats/nkey.ts";
import { inFull, tell } from "../support/endurance.ts";
import { freePort } from "../support/free-port.ts";
import { ControlPlane, type FaultAgent, patience, startAgent } from "./support/agents.ts";
import { fleetAccounts } from "./support/fleet.ts";
import { costsOf, costsOn, FaultyServer } from "./support/server.ts";

/** In full five minutes, unless another number is asked for; the servers try again after pauses of their own, which grow with it. */
const CUT_MS = Number(process.env["HARMONY_CUT_MINUTES"] ?? inFull(5, 1 / 30)) * 60_000;
/** How often something is broken at the site meanwhile. */
const DRIFT_MS = Math.max(CUT_MS / 20, 500);
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

/** Of whoever administers the streams of a server. */
const connectAs = (url: string, seed: string): Promise<NatsConnection> =>
  connect({ servers: url, authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)) });

/** As docs/faults.md says: what is wanted is mirrored to the site, what is told there is gathered by the hub. */
async function layOut(there: NatsConnection, here: NatsConnection): Promise<void> {
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
}

test(
  "a site whose leaf node is cut off is served on by it, and what both sides did meanwhile comes together after it",
  { timeout: CUT_MS + 300_000 },
  async () => {
    const key = makeUserKey();
    const [atHub, atSite] = [fleetAccounts([]), fleetAccounts(["pi-7", "pi-8"])];
    const leafPort = Number(await freePort());
    const hub = await FaultyServer.start(
      `server_name: hub\njetstream { domain: hub }\nleafnodes { no_advertise: true, listen: "127.0.0.1:${leafPort}", authorization { nkey: ${key.publicKey}, account: CONTROL } }\n${atHub.config}`,
    );
    const wire = await line(leafPort);
    const site = await FaultyServer.start(
      `server_name: site\njetstream { domain: site }\nleafnodes { reconnect: 1, remotes: [ { url: "nats-leaf://127.0.0.1:${wire.port}", account: CONTROL, nkey: ${key.seed}, deny_imports: ["$KV.>", "$O.>"], deny_exports: ["$KV.>", "$O.>", "fleet.hint.>"] } ] }\n${atSite.config}`,
    );
    const [operator, gatherer] = [
      await connectAs(hub.url, atHub.seed("operator")),
      await connectAs(site.url, atSite.seed("operator")),
    ];
    await (await ControlPlane.connect([hub.url], atHub.creds("operator"))).makeBuckets();
    await layOut(operator, gatherer);
    const control = await ControlPlane.connect([hub.url], atHub.creds("author"));
    const there = await ControlPlane.connect([site.url], atSite.creds("viewer"));
    const start = (id: string, root?: string): Promise<FaultAgent> =>
      startAgent({ id, servers: [site.url], credsFile: atSite.creds(id), ...(root === undefined ? {} : { root }) });
    const [lost, steady] = [await start("pi-7"), await start("pi-8")];
    const before = await control.ship(lost.id, "before");
    await control.ship(steady.id, "before");
    for (const each of [lost, steady]) await control.converged(each, "before", before);
    const consumers = await site.consumers();

    wire.cut();
    const meanwhile = await control.ship(lost.id, "meanwhile");
    await control.ship(steady.id, "meanwhile");
    // One that loses all memory is given it again at the site.
    await lost.stop();
    await rm(join(lost.root, "var"), { recursive: true });
    await rm(join(lost.root, "changing"));
    const next = await start("pi-7", lost.root);
    expect(await there.converged(next, "before", before)).toMatchObject({ epoch: 2 });
    // What was accepted stays in force and is repaired, for as long as it takes.
    const until = performance.now() + CUT_MS;
    let repairs = 0;
    while (performance.now() < until) {
      for (const each of [next, steady]) {
        await writeFile(join(each.root, "changing"), "tampered");
        await vi.waitFor(async () => expect(await each.content()).toBe("before"), patience);
        repairs += 1;
      }
      await sleep(Math.max(0, Math.min(DRIFT_MS, until - performance.now())));
    }
    // The line was really cut.
    expect(await control.status(lost.id)).toMatchObject({ epoch: 1, generation: before });
    expect(await next.content()).toBe("before");

    const cutFor = performance.now() - until + CUT_MS;
    wire.mend();
    const mended = performance.now();
    expect(await control.converged(next, "meanwhile", meanwhile)).toMatchObject({ epoch: 2 });
    expect(await control.converged(steady, "meanwhile", meanwhile)).toMatchObject({ epoch: 1 });
    tell(
      `a site cut off for ${(cutFor / 60_000).toFixed(1)} minutes: ${repairs} repairs meanwhile, together again ${(performance.now() - mended).toFixed(0)} ms after it`,
    );
    // The site has the consumers of the hub, which gathers, and none of an agent.
    expect(await costsOn([site])).toEqual({ ...costsOf(2), consumers });
    expect(await hub.agents()).toEqual([]);
    await operator.close();
    await gatherer.close();
  },
);
