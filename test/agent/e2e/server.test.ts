import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { natsServer } from "../../support/nats-server.ts";
import { AgentProcess, install, temporaryFolder } from "../support/agent-process.ts";
import { eventually } from "../support/eventually.ts";
import { snapshot } from "../support/folder-snapshot.ts";
import { AGENT, file } from "../support/manifests.ts";
import { Operator, reasonOf } from "../support/operator.ts";
import { RestartableServer } from "../support/restartable-server.ts";

// For machines that are slow to start a process.
let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

const STATE = "var";
const wanted = (generation: number, text = String(generation)) => ({
  generation,
  scores: { a: file("/a", text), same: file("/same", "same") },
});

describe("an agent and a real server", () => {
  test("that is killed and comes back during twenty changes: every status is right in the end, and no change is lost", async () => {
    const server = await RestartableServer.start();
    const operator = await Operator.connect(server.url);
    const root = await temporaryFolder();
    const agent = new AgentProcess({ harmony, url: server.url, root });
    await operator.send(wanted(1));
    await operator.converged(1, () => agent.tail);
    const same = await snapshot(root, [STATE, "a"]);
    for (let generation = 2; generation <= 20; generation += 1) {
      const isKilled = generation % 6 === 0;
      if (isKilled) await server.kill();
      const sent = operator.send(wanted(generation));
      if (isKilled) await server.again();
      await sent;
      if (generation % 10 === 0) await operator.converged(generation, () => agent.tail);
    }
    const status = await operator.converged(20, () => agent.tail);
    expect(status.scores).toMatchObject({
      a: { state: "Ready", generation: 20 },
      same: { state: "Ready", generation: 20 },
    });
    expect(status).toMatchObject({ epoch: 1, observedRevision: await operator.revision("desired-state") });
    expect(await readFile(join(root, "a"), "utf8")).toBe("20");
    expect(await snapshot(root, [STATE, "a"])).toEqual(same);
    expect(agent.isRunning).toBe(true);
  });

  test("on which an older generation is written by hand: it is refused and told, and the files are not touched", async () => {
    const { url } = await natsServer();
    const operator = await Operator.connect(url);
    const root = await temporaryFolder();
    const agent = new AgentProcess({ harmony, url, root });
    await operator.send(wanted(7));
    await operator.converged(7, () => agent.tail);
    const before = await snapshot(root, [STATE]);
    const stale: readonly (readonly [ReturnType<typeof wanted>, string])[] = [
      [wanted(6), "older than 7"],
      [wanted(7, "other"), "another content"],
    ];
    for (const [each, message] of stale) {
      const revision = await operator.send(each);
      const status = await operator.told(
        "the refusal is told",
        ({ observedRevision }) => observedRevision === revision,
        () => agent.tail,
      );
      expect(status.conditions.find(({ type }) => type === "Accepted")).toMatchObject({
        status: "False",
        reason: "StaleGeneration",
        message: expect.stringContaining(message),
      });
      expect(status).toMatchObject({ generation: 7, observedGeneration: 7 });
      expect(reasonOf(status, "Ready")).toBe("Converged");
    }
    expect(await snapshot(root, [STATE])).toEqual(before);

    await operator.store.delete("desired-state", AGENT);
    const status = await operator.told(
      "the deletion is told",
      (each) => reasonOf(each, "Accepted") === "DesiredStateDeleted",
      () => agent.tail,
    );
    expect(status).toMatchObject({ generation: 7, scores: { a: { state: "Ready" } } });
    await agent.kill("SIGTERM");
    const next = new AgentProcess({ harmony, url, root });
    await operator.told(
      "the next start tells the same",
      (each) => each.epoch === 2 && reasonOf(each, "Accepted") === "DesiredStateDeleted",
      () => next.tail,
    );
    expect(await snapshot(root, [STATE])).toEqual(before);
    await operator.send(wanted(8));
    await operator.converged(8, () => next.tail);
  });

  test("with two agents of one id: exactly one is fenced, and it stays so", async () => {
    const { url } = await natsServer();
    const operator = await Operator.connect(url);
    const [one, two] = [await temporaryFolder(), await temporaryFolder()];
    const first = new AgentProcess({ harmony, url, root: one });
    await operator.send(wanted(1));
    await operator.converged(1, () => first.tail);
    const second = new AgentProcess({ harmony, url, root: two });
    await second.logged("took an epoch", ({ epoch }) => epoch === 2);
    // Both take this up; the older one learns that it is too many when it tells of it.
    await operator.send(wanted(2));
    await first.logged("Fenced", ({ by }) => by === 2);
    await operator.told(
      "the second one has converged",
      (status) => status.epoch === 2 && status.observedGeneration === 2,
      () => second.tail,
    );

    const boot = (await operator.heartbeat())?.bootId;
    const told = first.log.length;
    for (let generation = 3; generation <= 5; generation += 1) {
      await operator.send(wanted(generation));
      const status = await operator.converged(generation, () => second.tail);
      expect([status.epoch, status.agent.bootId]).toEqual([2, boot]);
    }
    await writeFile(join(one, "a"), "nobody repairs this");
    await writeFile(join(two, "a"), "the second one repairs this");
    await eventually(
      "the second one repairs",
      async () => (await readFile(join(two, "a"), "utf8")) === "5",
      () => second.tail,
    );
    await sleep(300);
    expect(await readFile(join(one, "a"), "utf8")).toBe("nobody repairs this");
    expect(first.log.slice(told)).toEqual([]);
    expect(second.log.some(({ message }) => message.startsWith("Fenced"))).toBe(false);
    expect([first.isRunning, second.isRunning]).toEqual([true, true]);
    expect(await first.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  });
});
