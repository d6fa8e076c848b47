import { expect, test } from "vitest";
import { AgentRig, CONVERGED } from "./support/agent-rig.ts";
import { file, probe } from "./support/manifests.ts";

const ABSENT = { _tag: "Absent", reason: "no probe within reach" } as const;
const FOUND = { _tag: "Found", facts: { length: 3 } } as const;
const wanted = { generation: 1, scores: { a: file("/a", "1"), p: probe("p") } };

test("what the host lacks is published with the reason, and what needs it is refused in those words", async () => {
  const rig = await AgentRig.start({ probe: ABSENT });
  await rig.send(wanted);
  expect(await rig.capabilities()).toMatchObject({
    capabilities: { FileSystemHost: { root: "/" } },
    absent: { ProbeHost: "no probe within reach" },
  });
  const { scores } = await rig.status();
  expect(scores["a"]).toMatchObject({ state: "Ready" });
  expect(scores["p"]).toMatchObject({
    state: "Refused",
    error: {
      reason: "MissingCapability",
      message: "ProbeScore requires ProbeHost, which TestTopology lacks: no probe within reach",
    },
  });
});

test("a plan is held against what the host offers, too", async () => {
  const rig = await AgentRig.start({ probe: ABSENT });
  expect(await rig.plan(wanted)).toMatchObject({ scores: { p: { would: "REFUSE" }, a: { would: "CHANGE" } } });
});

test("what comes up after the start is offered then, and what waited for it is made so without being sent again", async () => {
  const rig = await AgentRig.start({ probe: ABSENT });
  await rig.send(wanted);
  rig.found.probe = FOUND;
  await rig.clock.advance(3_000);
  expect(await rig.conditions()).toEqual(CONVERGED);
  expect((await rig.status()).scores["p"]).toMatchObject({ outcome: "SUCCESS", change: "intentional" });
  expect(await rig.capabilities()).toMatchObject({ capabilities: { ProbeHost: { length: 3 } }, absent: {} });
});

test("what goes away is refused from then on, and what was made stays as it is", async () => {
  const rig = await AgentRig.start();
  await rig.send(wanted);
  expect(await rig.conditions()).toEqual(CONVERGED);
  rig.found.probe = ABSENT;
  // The drift pass is when the host is looked at again.
  await rig.clock.advance(400_000);
  expect(await rig.states()).toEqual({ a: "Ready", p: "Refused" });
  expect(rig.device.probe.values.size).toBe(1);
  rig.found.probe = FOUND;
  await rig.clock.advance(400_000);
  expect(await rig.states()).toEqual({ a: "Ready", p: "Ready" });
});

test("a newer manifest is held against what the host offers by then, also where a Score in it is unchanged", async () => {
  const rig = await AgentRig.start();
  await rig.send(wanted);
  rig.found.probe = ABSENT;
  await rig.host.look();
  await rig.send({ ...wanted, generation: 2 });
  expect(await rig.states()).toEqual({ a: "Ready", p: "Refused" });
});

test("what is being removed and cannot be without a capability that is away tells of no next attempt", async () => {
  const rig = await AgentRig.start();
  await rig.send({ generation: 1, scores: { p: probe("p") } });
  rig.device.probe.fails("p/0");
  await rig.send({ generation: 2, scores: {} });
  expect((await rig.status()).scores["p"]).toMatchObject({ state: "Retiring", retryAfter: expect.any(String) });
  rig.found.probe = { _tag: "Absent", reason: "away" };
  await rig.host.look();
  expect((await rig.status()).scores["p"]).toMatchObject({
    state: "Retiring",
    error: { reason: "MissingCapability" },
    retryAfter: null,
  });
});
