import { expect, test } from "vitest";
import type { Agent } from "../../src/agent/agent.ts";
import type { SelfReport } from "../../src/agent/self-report.ts";
import { VitalSigns } from "../../src/agent/vital-signs.ts";
import { AGENT, probe } from "./support/manifests.ts";
import { AgentRig } from "./support/agent-rig.ts";

async function watched(
  options: { readonly offline?: boolean; readonly watchdogMs?: number | null; readonly other?: Agent["progress"] } = {},
) {
  const rig = await AgentRig.start({ offline: options.offline === true });
  const told: Readonly<Record<string, string>>[] = [];
  const reports: SelfReport[] = [];
  const logged: unknown[] = [];
  const signs = new VitalSigns({
    agent: rig.agent,
    other: () => options.other ?? null,
    manager: {
      watchdogMs: options.watchdogMs === undefined ? 180_000 : options.watchdogMs,
      tell: (state) => void told.push(state),
    },
    publish: (report) => void reports.push(report),
    about: { agentId: AGENT, agentVersion: "1", bootId: "b", pid: 7, stateDirectory: "/s" },
    clock: rig.clock,
    log: (...each) => void logged.push(each),
  });
  signs.started();
  return { rig, signs, told, reports, logged, signals: () => told.filter((each) => "WATCHDOG" in each).length };
}

test("the service manager hears that the agent is ready, how it stands when that changes, and that it stops", async () => {
  const { rig, signs, told } = await watched();
  await rig.send({ generation: 1, scores: { a: probe("a"), b: probe("b") } });
  await rig.clock.advance(1000);
  signs.stopping();
  expect(told).toEqual([
    { READY: "1", STATUS: "no manifest yet, connected" },
    { WATCHDOG: "1" },
    { STATUS: "generation 1, 2 of 2 Ready, connected" },
    { STOPPING: "1", STATUS: "stopping" },
  ]);
});

test("three signs of life come within the time that the manager waits, without a server too", async () => {
  const { rig, signals } = await watched({ offline: true });
  expect(signals()).toBe(1);
  await rig.clock.advance(3_600_000);
  expect(signals()).toBe(61);
});

test("an idle agent publishes and tells nothing but its signs of life", async () => {
  const { rig, told, reports } = await watched();
  await rig.send({ generation: 1, scores: { a: probe("a") } });
  await rig.clock.advance(60_000);
  const before = [told.length, reports.length];
  await rig.clock.advance(3_600_000);
  expect(told.slice(before[0]).every((each) => JSON.stringify(each) === '{"WATCHDOG":"1"}')).toBe(true);
  expect(reports.length).toBe(before[1]);
});

test("no sign of life comes while the loop hangs, what hangs is told, and they come again when it goes on", async () => {
  const { rig, signals, told, reports, logged } = await watched();
  const real = rig.agent.progress;
  let hangs = true;
  Object.defineProperty(rig.agent, "progress", {
    get: () => real && { ...real, loop: { ...real.loop, isLeft: hangs } },
  });
  await rig.clock.advance(180_000);
  expect(signals()).toBe(1);
  expect(told.at(-1)).toEqual({ STATUS: "hangs: something is due, and nobody works on it" });
  expect(reports.at(-1)?.stalls).toEqual(["something is due, and nobody works on it"]);
  expect(logged).toHaveLength(3);
  hangs = false;
  await rig.clock.advance(60_000);
  expect(signals()).toBe(2);
  expect(told.at(-1)).toMatchObject({ STATUS: "no manifest yet, connected" });
});

test("no sign of life comes while the agent of a pair hangs in the same process", async () => {
  const loop = { isWorking: true, isLeft: false, turnedMs: 0, running: [{ key: "a", forMs: 1e6, deadlineMs: 1 }] };
  const { rig, signals, reports } = await watched({ other: { loop, passes: { passedMs: 0, everyMs: 1 } } });
  await rig.clock.advance(180_000);
  expect([signals(), reports.at(-1)?.stalls.length]).toEqual([0, 1]);
});

test("what no server can hear is published on the device: Offline, and Fenced, which does not count as hanging", async () => {
  const { rig, reports, told, signals } = await watched();
  rig.store.disconnect();
  await rig.clock.advance(100_000);
  expect(reports.at(-1)).toMatchObject({ isConnected: false });
  expect(reports.at(-1)?.conditions).toContainEqual(expect.objectContaining({ type: "Offline", status: "True" }));
  rig.store.reconnect();
  await rig.clock.advance(60_000);
  await AgentRig.start({ server: rig.server, clock: rig.clock, bootId: "boot-2" });
  await rig.clock.advance(60_000);
  expect(reports.at(-1)?.conditions).toMatchObject([{ type: "Fenced", status: "True" }]);
  expect(told.findLast((each) => "STATUS" in each)?.["STATUS"]).toMatch(/^fenced/);
  const before = signals();
  await rig.clock.advance(600_000);
  expect(signals()).toBe(before + 10);
});

test("where nobody waits for signs of life the device is told all the same", async () => {
  const { rig, reports } = await watched({ watchdogMs: null });
  await rig.send({ generation: 1, scores: { a: probe("a") } });
  await rig.clock.advance(1000);
  expect(reports.at(-1)).toMatchObject({ generation: 1, isConnected: true, pid: 7, stateDirectory: "/s" });
});
