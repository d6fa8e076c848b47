import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { FileScore, manifest, PiTopology, SystemdServiceScore } from "../../src/index.ts";
import { AgentStatus, readDocument } from "../../src/wire/status.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";
import { type Managed, managed } from "./machine/managed.ts";

const patience = { timeout: 90_000, interval: 100 };

/** Answers 503 before /run/NAME.ready is there, and nothing any more once /run/NAME.hang is, until it is started anew. */
const SERVER = `#!/usr/bin/node
const { existsSync } = require("node:fs");
const [, , name, port] = process.argv;
require("node:fs").rmSync("/run/" + name + ".hang", { force: true });
require("node:http").createServer((_, response) => {
  if (existsSync("/run/" + name + ".hang") || existsSync("/run/" + name + ".stuck")) for (;;);
  response.writeHead(existsSync("/run/" + name + ".ready") ? 200 : 503).end();
}).listen(Number(port), "127.0.0.1");
`;
const CHECK = `#!/bin/sh\n[ "$(id -un):$(id -gn)" = nobody:daemon ] && [ -e /run/checked.ready ]\n`;
const NOTIFIES = `#!/bin/sh\nwhile [ ! -e /run/notifies.ready ]; do sleep 0.1; done\nexec systemd-notify --ready --exec ';' sleep infinity\n`;

const server = (name: string, port: number) => ({
  name,
  exec: ["/usr/local/bin/server", name, String(port)],
  readyAfterSeconds: 0.1,
});
const often = { intervalSeconds: 1, timeoutSeconds: 1, failureThreshold: 2 };

onMachines("probes, on a real systemd", () => {
  const boot = suiteMachines();
  const ends: (() => Promise<void>)[] = [];
  let machine: Machine;
  let agent: Managed;

  const status = async (): Promise<AgentStatus | undefined> => {
    const found = await agent.store.get("actual-state", agent.agentId);
    if (found._tag !== "Value") return undefined;
    const read = readDocument(AgentStatus, found.value);
    return read._tag === "Read" ? read.document : undefined;
  };
  const scores = async (): Promise<AgentStatus["scores"]> => (await status())?.scores ?? {};
  const until = (about: unknown): Promise<void> =>
    vi.waitFor(async () => expect(await scores()).toMatchObject(Object(about)), patience);
  const touch = (path: string): Promise<unknown> => machine.run(["touch", path]);
  const pidOf = (unit: string): Promise<string> => machine.run(["systemctl", "show", unit, "-p", "MainPID", "--value"]);

  beforeAll(async () => {
    machine = await boot({ name: "probed" });
    await machine.writeFile("/usr/local/bin/server", SERVER, "0755");
    await machine.writeFile("/usr/local/bin/check", CHECK, "0755");
    await machine.writeFile("/usr/local/bin/notifies", NOTIFIES, "0755");
    agent = await managed(machine, { cleanup: (end) => void ends.push(async () => end()) });
  }, 120_000);
  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
  });

  describe("readiness", () => {
    test.each([
      [
        "an answer to HTTP",
        "web",
        new SystemdServiceScore({
          ...server("web", 8081),
          readiness: { type: "http", port: 8081, ...often, failureThreshold: 30 },
        }),
      ],
      [
        "a command that runs as the service does",
        "checked",
        new SystemdServiceScore({
          name: "checked",
          exec: ["/usr/bin/sleep", "infinity"],
          user: "nobody",
          group: "daemon",
          readiness: { type: "command", command: ["/usr/local/bin/check"], ...often, failureThreshold: 30 },
        }),
      ],
      [
        "a word to systemd",
        "notifies",
        new SystemdServiceScore({
          name: "notifies",
          exec: ["/usr/local/bin/notifies"],
          readiness: { type: "notify", startPeriodSeconds: 60 },
        }),
      ],
    ])("%s is waited for, and what comes after it waits too", { tags: ["systemd"] }, async (_, name, score) => {
      const page = new FileScore({ path: `/srv/${name}`, content: "" });
      const applying = agent.fleet.apply(
        manifest(PiTopology, { it: score, page }, { after: { page: ["it"] } }),
        agent.agentId,
      );
      await until({ it: { state: "Reconciling" }, page: { state: expect.stringMatching(/^(Pending|Blocked)$/) } });
      await vi.waitFor(async () => expect(Number(await pidOf(`${name}.service`))).toBeGreaterThan(0), patience);
      const pid = await pidOf(`${name}.service`);
      expect((await machine.exec(["test", "-e", `/srv/${name}`])).code).toBe(1);
      await touch(`/run/${name}.ready`);
      expect(await applying).toMatchObject({ _tag: "Converged" });
      expect(await scores()).toMatchObject({ it: { state: "Ready", outcome: "SUCCESS" }, page: { state: "Ready" } });
      expect(await pidOf(`${name}.service`)).toBe(pid);
    });

    test("that is lost is told, and nothing is restarted", { tags: ["systemd"] }, async () => {
      await touch("/run/lost.ready");
      const lost = new SystemdServiceScore({
        ...server("lost", 8082),
        readiness: { type: "http", port: 8082, ...often },
      });
      expect(await agent.fleet.apply(manifest(PiTopology, { lost }), agent.agentId)).toMatchObject({
        _tag: "Converged",
      });
      const pid = await pidOf("lost.service");
      await machine.run(["rm", "/run/lost.ready"]);
      await until({
        lost: {
          state: "Failed",
          error: { reason: "Unhealthy", message: expect.stringContaining("answered with status 503") },
          details: { state: "unready" },
        },
      });
      expect((await status())?.conditions).toContainEqual(
        expect.objectContaining({ type: "Degraded", status: "True" }),
      );
      await touch("/run/lost.ready");
      await until({ lost: { state: "Ready", error: null } });
      expect(await pidOf("lost.service")).toBe(pid);
    });
  });

  test(
    "a service that hangs is restarted, as corrective, with the reason; where that does not help it is Degraded",
    { tags: ["systemd"], timeout: 180_000 },
    async () => {
      await touch("/run/hangs.ready");
      const hangs = new SystemdServiceScore({
        ...server("hangs", 8083),
        readiness: { type: "http", port: 8083, ...often, failureThreshold: 30 },
        liveness: { type: "http", port: 8083, ...often, startPeriodSeconds: 8 },
      });
      expect(await agent.fleet.apply(manifest(PiTopology, { hangs }), agent.agentId)).toMatchObject({
        _tag: "Converged",
      });
      const pid = await pidOf("hangs.service");
      await touch("/run/hangs.hang");
      await until({
        hangs: {
          state: "Ready",
          outcome: "SUCCESS",
          change: "corrective",
          details: { revived: { times: 1, why: expect.stringContaining("did not answer within 1 s") } },
        },
      });
      expect(await pidOf("hangs.service")).not.toBe(pid);
      await touch("/run/hangs.stuck");
      await until({ hangs: { state: "Failed", error: { reason: "Unhealthy" } } });
      expect((await status())?.conditions).toContainEqual(
        expect.objectContaining({ type: "Degraded", status: "True" }),
      );
      await until({ hangs: { state: "Failed", details: { revived: { times: 2 } } } });
      await machine.run(["rm", "/run/hangs.stuck"]);
      await until({ hangs: { state: "Ready", error: null } });
    },
  );

  test("a service that falls silent towards systemd is restarted by systemd", { tags: ["systemd"] }, async () => {
    const silent = new SystemdServiceScore({
      name: "silent",
      exec: ["/usr/bin/sleep", "infinity"],
      liveness: { type: "notify", timeoutSeconds: 3 },
    });
    expect(await agent.fleet.apply(manifest(PiTopology, { silent }), agent.agentId)).toMatchObject({
      _tag: "Converged",
    });
    await vi.waitFor(async () => {
      const restarts = await machine.run(["systemctl", "show", "silent.service", "-p", "NRestarts", "--value"]);
      expect(Number(restarts)).toBeGreaterThan(0);
    }, patience);
  });

  test("a service that ends again and again makes the device Degraded", { tags: ["systemd"] }, async () => {
    const looping = new SystemdServiceScore({ name: "ends", exec: ["/usr/bin/false"], restartSeconds: 0.1 });
    expect(await agent.fleet.apply(manifest(PiTopology, { looping }), agent.agentId)).toMatchObject({
      _tag: "NotConverged",
    });
    await vi.waitFor(async () => {
      expect((await status())?.conditions).toContainEqual(
        expect.objectContaining({ type: "Degraded", status: "True" }),
      );
    }, patience);
  });
});
