import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  AgentId,
  connectStore,
  createFleet,
  FileScore,
  manifest,
  PiTopology,
  SystemdServiceScore,
  systemClock,
} from "../../../src/index.ts";
import type { Manifest } from "../../../src/topology/manifest.ts";
import { AgentStatus, Heartbeat, readDocument } from "../../../src/wire/status.ts";
import { RestartableServer } from "../../agent/support/restartable-server.ts";
import { startAgent } from "../machine/agent.ts";
import { onMachines, testMachine } from "../machine/for-tests.ts";
import type { Machine } from "../machine/machine.ts";
import { inFull, seeded, tell } from "../../support/endurance.ts";

const APPLIES = inFull(500, 20);
const KILLS = inFull(50, 2);
const patience = { timeout: 60_000, interval: 100 };
/** The machine's own agent, and others that work in directories of it: each tells one status a second at most. */
const AGENTS = ["machine", "one", "two", "three", "four", "five", "six", "seven"].map((id) => AgentId.parse(id));
const [OWN] = AGENTS;

const rootOf = (id: string): string => (id === OWN ? "" : `/srv/roots/${id}`);

const wanted = (id: string, text: string): Manifest => {
  const files = {
    changing: new FileScore({ path: "/srv/kept/changing", content: text, parents: true }),
    same: new FileScore({ path: "/srv/kept/same", content: "same", parents: true }),
  };
  return id === OWN
    ? manifest(PiTopology, {
        ...files,
        service: new SystemdServiceScore({
          name: "kept",
          description: text.slice(0, 20),
          exec: ["/usr/bin/sleep", "infinity"],
          readyAfterSeconds: 0.1,
        }),
      })
    : manifest(PiTopology, files);
};

async function startAgents(machine: Machine, server: string): Promise<void> {
  await startAgent(machine, { id: OWN ?? "", server });
  await machine.writeFile(
    "/etc/systemd/system/rooted-agent@.service",
    `[Service]\nExecStart=/usr/local/bin/harmony-agent run --id %i --root /srv/roots/%i --server ${server}\nRestart=always\n`,
  );
  const others = AGENTS.filter((id) => id !== OWN);
  await machine.run(["mkdir", "-p", ...others.map(rootOf)]);
  await machine.run(["systemctl", "daemon-reload"]);
  await machine.run(["systemctl", "start", ...others.map((id) => `rooted-agent@${id}.service`)]);
}

onMachines("agents on a machine, and a server that is killed", () => {
  test(
    `${KILLS} times during ${APPLIES} applies: each apply that says that it has converged has, and every status is right in the end`,
    { tags: ["systemd"], timeout: inFull(3_600_000, 120_000) },
    async () => {
      const random = seeded("server");
      const server = await RestartableServer.start();
      const connected = await connectStore({ servers: server.url });
      if (connected._tag === "Unreachable") throw new Error(connected.message);
      const { store } = connected;
      onTestFinished(() => store.close());
      await store.ensureBuckets();
      const machine = await testMachine({ name: "served" });
      await startAgents(machine, await machine.natsUrl(server));
      const fleet = createFleet({ store, clock: systemClock });
      for (const id of AGENTS) {
        await vi.waitFor(
          async () => expect(await store.get("capabilities", id)).toMatchObject({ _tag: "Value" }),
          patience,
        );
      }

      const said: Record<string, number> = {};
      const wrong: string[] = [];
      const last = new Map<string, { readonly text: string; readonly generation: number }>();
      const begun = { applies: 0 };
      let kills = 0;
      const isThere = async (id: string, text: string): Promise<boolean> =>
        (await machine.readFile(`${rootOf(id)}/srv/kept/changing`).catch(() => "")) === text;
      /** As a user would: what did not get through is said, and done again. */
      const user = async (id: AgentId): Promise<void> => {
        while (begun.applies < APPLIES) {
          begun.applies += 1;
          const text = `${begun.applies} ${"x".repeat(random.below(2000))}`;
          for (;;) {
            const result = await fleet.apply(wanted(id, text), id, { timeoutMs: 30_000 });
            said[result._tag] = (said[result._tag] ?? 0) + 1;
            if (result._tag === "Converged") {
              const before = last.get(id)?.generation ?? 0;
              if (result.generation <= before) wrong.push(`${id}: generation ${result.generation} after ${before}`);
              if (!(await isThere(id, text))) wrong.push(`${id}: converged, by its word, and the file is another`);
              last.set(id, { text, generation: result.generation });
              break;
            }
            if (!["NotReached", "LostSight", "TimedOut"].includes(result._tag)) {
              wrong.push(`${id}: ${JSON.stringify(result).slice(0, 500)}`);
              break;
            }
            await sleep(200 + random.below(300));
          }
        }
      };
      const killer = async (): Promise<void> => {
        while (kills < KILLS) {
          // Spread over all of the applies, at any moment of them.
          const due = ((kills + random.next()) * APPLIES) / (KILLS + 1);
          await vi.waitFor(() => expect(begun.applies).toBeGreaterThanOrEqual(due), { timeout: 600_000, interval: 5 });
          await sleep(random.below(300));
          await server.kill();
          await sleep(random.below(1500));
          await server.again();
          kills += 1;
        }
      };
      await Promise.all([...AGENTS.map(user), killer()]);

      for (const id of AGENTS) {
        const { text, generation } = last.get(id) ?? { text: "", generation: Number.NaN };
        await vi.waitFor(async () => {
          const found = await store.get("actual-state", id);
          const read = found._tag === "Value" ? readDocument(AgentStatus, found.value) : null;
          if (read?._tag !== "Read") throw new Error(`the status of ${id} cannot be read`);
          const { document } = read;
          expect(await fleet.desired(id)).toMatchObject({ _tag: "Desired", generation });
          expect(document).toMatchObject({ generation, observedGeneration: generation, epoch: 1 });
          for (const each of Object.values(document.scores)) {
            expect(each).toMatchObject({ state: "Ready", generation, error: null });
          }
          expect(Object.keys(document.scores)).toHaveLength(id === OWN ? 3 : 2);
          expect(document.conditions).toContainEqual(expect.objectContaining({ type: "Ready", reason: "Converged" }));
          const beat = await store.get("heartbeat", id);
          const beaten = beat._tag === "Value" ? readDocument(Heartbeat, beat.value) : null;
          expect(beaten).toMatchObject({ document: { epoch: 1, observedGeneration: generation } });
        }, patience);
        expect(await isThere(id, text)).toBe(true);
      }
      const told = Object.entries(said).map(([tag, count]) => `${tag} ${count}`);
      tell(
        `${kills} kills of the server during ${begun.applies} applies to ${AGENTS.length} agents, ${wrong.length} wrong; they said: ${told.join(", ")}`,
      );
      expect(wrong).toEqual([]);
    },
  );
});
