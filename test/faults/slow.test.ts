import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "nats";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import * as z from "zod";
import { FileScore, manifest, PiTopology } from "../../src/index.ts";
import { tell } from "../support/endurance.ts";
import { AGENT } from "../agent/support/manifests.ts";
import { AgentProcess, install, temporaryFolder } from "../agent/support/agent-process.ts";
import { ControlPlane, isConverged, patience, wanted } from "./support/agents.ts";
import { costsOf, costsOn, FaultyServer } from "./support/server.ts";

let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

/** The server gives a client up that has taken nothing for a second; a fleet's own waits for ten. */
const IMPATIENT = 'write_deadline: "1s"';
/** How often everybody's status changes while nobody reads. */
const ROUNDS = 30;
const Varz = z.object({ slow_consumers: z.int() });
/** The largest that still fits into a message: twelve files, of which each is as large as may be. */
const large = manifest(
  PiTopology,
  Object.fromEntries(
    Array.from({ length: 12 }, (_, n) => [
      `f${n}`,
      new FileScore({ path: `/large/${n}`, content: "x".repeat(60_000) }),
    ]),
  ),
);

/** A server with an agent on it that has converged, as a process that can be stopped. */
async function scene() {
  const server = await FaultyServer.start(IMPATIENT);
  const control = await ControlPlane.connect([server.url]);
  await control.makeBuckets();
  const root = await temporaryFolder();
  const agent = new AgentProcess({ harmony, url: server.url, root });
  const converged = async (text: string, generation: number): Promise<void> => {
    await vi.waitFor(async () => {
      if (!isConverged(await control.status(AGENT), generation, ["changing", "same"])) throw new Error(agent.tail);
    }, patience);
    expect(await readFile(join(root, "changing"), "utf8")).toBe(text);
  };
  await converged("before", await control.ship(AGENT, "before"));
  const dropped = async (): Promise<number> => (await server.told("varz", Varz)).slow_consumers;
  return { server, control, agent, converged, dropped };
}

test(
  "an agent that takes nothing is dropped by its server, and when it goes on it connects anew, once, and is where it should be",
  { timeout: 180_000 },
  async () => {
    const { server, control, agent, converged, dropped } = await scene();
    const epoch = (await control.status(AGENT))?.epoch;
    process.kill(agent.pid, "SIGSTOP");
    onTestFinished(() => void process.kill(agent.pid, "SIGCONT"));
    // Hints and questions, until the buffers of both ends are full.
    let generation = 0;
    let asked = 0;
    for (let round = 1; (await dropped()) === 0; round += 1) {
      generation = await control.ship(AGENT, `round ${round}`);
      const questions = Array.from({ length: 4 }, () => control.fleet.plan(large, AGENT, { timeoutMs: 500 }));
      for (const { _tag } of await Promise.all(questions)) {
        expect(["NoAnswer", "Unreachable"]).toContain(_tag);
        asked += 1;
      }
      expect(asked).toBeLessThan(400);
    }
    await vi.waitFor(async () => expect(await server.agents()).toEqual([]), patience);
    generation = await control.ship(AGENT, "after");
    process.kill(agent.pid, "SIGCONT");
    await converged("after", generation);
    expect((await control.status(AGENT))?.epoch).toBe(epoch);
    await vi.waitFor(async () => expect(await costsOn([server])).toEqual(costsOf(1)), patience);
    // And it answers again.
    expect(await control.fleet.plan(wanted("after"), AGENT)).toMatchObject({ _tag: "Answered" });
    expect(agent.log.filter(({ message }) => message.startsWith("Fenced"))).toEqual([]);
  },
);

/** Statuses of many agents, each as the real one told its own, and hints beside them. */
async function crowd(server: FaultyServer, control: ControlPlane) {
  const found = await control.store.get("actual-state", AGENT);
  const text = found._tag === "Value" ? new TextDecoder().decode(found.value) : "";
  const connection = await connect({ servers: server.url });
  onTestFinished(() => connection.close());
  let round = 0;
  return async (): Promise<void> => {
    round += 1;
    for (let n = 0; n < CROWD; n += 1) {
      const id = `crowd-${n}`;
      const status = text.replaceAll(AGENT, id).replaceAll(/"message":"[^"]*"/g, `"message":"round ${round}"`);
      connection.publish(`$KV.actual-state.${id}`, status);
      // A hint each, and no more.
      for (let hint = 0; hint < 40; hint += 1) connection.publish("$KV.actual-state.noise", "");
    }
    await connection.flush();
  };
}
const CROWD = 200;
const Line = z.object({ agentId: z.string(), generation: z.int().optional() });

test(
  "a watch whose reader takes nothing keeps no backlog; stopped, it is dropped; and it ends at the newest status when the reader goes on",
  { timeout: 240_000 },
  async () => {
    const { server, control, converged, dropped } = await scene();
    const change = await crowd(server, control);
    const main = new URL("../../src/cli/main.ts", import.meta.url).href;
    const command = `import("${main}").then(async ({ main }) => (process.exitCode = await main(process.argv.slice(1))))`;
    const words = ["status", "--watch", "--json", "--server", server.url];
    const flags = ["--conditions=harmony-edge-source", "--input-type=module", "-e", command, "--"];
    const watching = spawn(process.execPath, [...flags, ...words], { stdio: ["ignore", "pipe", "ignore"] });
    const gone = new Promise((resolve) => watching.once("close", resolve));
    onTestFinished(async () => {
      watching.kill("SIGKILL");
      await gone;
    });
    const clients = async (): Promise<number> =>
      (await server.told("varz", z.object({ connections: z.int() }))).connections;
    const without = await clients();
    await vi.waitFor(async () => expect(await clients()).toBeGreaterThan(without), patience);
    // Nobody reads what it writes, and it goes on reading what its server sends.
    for (let round = 0; round < ROUNDS; round += 1) {
      await change();
      await sleep(100);
    }
    expect(await dropped()).toBe(0);
    process.kill(watching.pid ?? 0, "SIGSTOP");
    for (let rounds = 0; (await dropped()) === 0; rounds += 1) {
      await change();
      expect(rounds).toBeLessThan(200);
    }
    const generation = await control.ship(AGENT, "after");
    await converged("after", generation);
    process.kill(watching.pid ?? 0, "SIGCONT");

    const lines: z.infer<typeof Line>[] = [];
    let rest = "";
    watching.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) lines.push(Line.parse(JSON.parse(part)));
    });
    const newest = (): number | undefined => lines.findLast(({ agentId }) => agentId === AGENT)?.generation;
    await vi.waitFor(() => expect(newest()).toBe(generation), patience);
    // Of each agent what the pipe held and what is newest, and not every round.
    tell(`${lines.length} lines for ${ROUNDS} rounds of ${CROWD} changes that nobody read`);
    expect(lines.length).toBeLessThan(4 * CROWD);
    const next = await control.ship(AGENT, "next");
    await vi.waitFor(() => expect(newest()).toBe(next), patience);
    watching.kill("SIGINT");
    await gone;
  },
);
