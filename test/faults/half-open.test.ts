import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test, vi } from "vitest";
import { FileScore, manifest, PiTopology } from "../../src/index.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { AgentProcess, install, temporaryFolder } from "../agent/support/agent-process.ts";
import { tell } from "../support/endurance.ts";
import { ControlPlane, isConverged, patience } from "./support/agents.ts";
import { type Device, type Direction, network, onNetworks } from "./support/network.ts";
import { PlacedServer } from "./support/placed-server.ts";
import { costsOf, costsOn } from "./support/server.ts";

/** After this an agent has given up a server that it hears nothing from, and a little for this machine. */
const GIVEN_UP_MS = 20_000 + 5_000;
const FILES = 400;

let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

const wanted = (text: string) =>
  manifest(
    PiTopology,
    Object.fromEntries(
      Array.from({ length: FILES }, (_, n) => [
        `f${n}`,
        new FileScore({ path: `/srv/f${n}`, content: `${text} ${n}` }),
      ]),
    ),
  );
const SCORES = Array.from({ length: FILES }, (_, n) => `f${n}`);

onNetworks("a connection that is silent one way only", () => {
  test(
    "is given up within 20 s whichever way it is, also in the middle of a change, and all is told when it is whole again",
    { timeout: 240_000 },
    async () => {
      const { server: place, devices } = await network(2);
      const server = await PlacedServer.start({
        enter: (argv) => place.enter(argv),
        reach: (port) => place.reach(port),
        ports: { clients: 4222, monitoring: 8222 },
      });
      const control = await ControlPlane.connect([server.url]);
      await control.makeBuckets();
      const states: string[] = [];
      const suffers = async (device: Device, direction: Direction): Promise<number> => {
        const id = AgentId.parse(`loses-${direction}`);
        const root = await temporaryFolder();
        const folder = join(root, "srv");
        await mkdir(folder);
        const agent = new AgentProcess({
          harmony,
          url: `nats://${device.server}:4222`,
          root,
          args: ["--id", id],
          enter: (argv) => device.place.enter(argv),
        });
        const converged = (generation: number): Promise<void> =>
          vi.waitFor(async () => {
            const status = await control.status(id);
            if (isConverged(status, generation, SCORES)) return;
            const scores = Object.values(status?.scores ?? {}).map(({ state }) => state);
            throw new Error(`${id}: ${scores.join(" ")} at ${status?.generation}, not ${generation}\n${agent.tail}`);
          }, patience);
        const last = await control.shipManifest(id, wanted("before"));
        // In the middle of the change: some are written, and nobody was told that all are.
        await vi.waitFor(async () => expect((await readdir(folder)).length).toBeGreaterThan(10), {
          ...patience,
          interval: 1,
        });
        const losses = (): number => agent.log.filter(({ message }) => message.startsWith("disconnected")).length;
        const before = losses();
        await device.lose(direction);
        const lost = performance.now();
        states.push(`${direction}: ${isConverged(await control.status(id), last, SCORES) ? "converged" : "under way"}`);
        await vi.waitFor(() => expect(losses()).toBe(before + 1), patience);
        const took = performance.now() - lost;
        // What was accepted is carried through meanwhile, and what is shipped meanwhile waits.
        await vi.waitFor(async () => expect(await readdir(folder)).toHaveLength(FILES), patience);
        const after = await control.shipManifest(id, wanted("after"));
        expect((await control.status(id))?.generation ?? 0).toBeLessThan(after);
        await device.heal(direction);
        await converged(after);
        expect((await control.status(id))?.epoch).toBe(1);
        expect(agent.log.filter(({ message }) => message.startsWith("Fenced"))).toEqual([]);
        return took;
      };
      const [requests = 0, answers = 0] = await Promise.all(
        devices.map((device, at) => suffers(device, at === 0 ? "requests" : "answers")),
      );
      tell(
        `given up after ${requests.toFixed(0)} ms where requests were lost, after ${answers.toFixed(0)} ms where answers were; ${states.join(", ")}`,
      );
      expect(states.toSorted()).toEqual(["answers: under way", "requests: under way"]);
      for (const took of [requests, answers]) expect(took).toBeLessThan(GIVEN_UP_MS);
      // Also the connections that were given up are gone, by the server's own word.
      await vi.waitFor(async () => expect(await costsOn([server])).toEqual(costsOf(2)), patience);
    },
  );
});
