import { describe, expect, test } from "vitest";
import type { DevicePolicies, DevicePolicy } from "../../src/wire/device-policy.ts";
import { policyOf } from "../wire/policies.ts";
import { AgentRig, CONVERGED, device } from "./support/agent-rig.ts";
import { file, probe } from "./support/manifests.ts";

/** The owner of a device, who may change their mind. */
class Owner {
  policies: DevicePolicies;

  constructor(...rules: readonly DevicePolicy[]) {
    this.policies = policyOf(...rules);
  }
  readonly current = (): DevicePolicies => this.policies;

  allows(rules: DevicePolicy): void {
    this.policies = policyOf(rules);
  }
  /** The file cannot be read any more. */
  errs(): void {
    this.policies = { ...this.policies, unreadable: "/policy-0.json: not JSON" };
  }
}

const LOOK_MS = 10_000;
const errorsOf = async (rig: AgentRig): Promise<Readonly<Record<string, string>>> => {
  const { scores } = await rig.status();
  return Object.fromEntries(
    Object.entries(scores).flatMap(([id, { error }]) =>
      error === null ? [] : [[id, `${error.reason}: ${error.message}`]],
    ),
  );
};
const accepted = async (rig: AgentRig): Promise<string | undefined> =>
  (await rig.status()).conditions.find(({ type }) => type === "Accepted")?.message;

describe("an agent under a policy", () => {
  test("refuses the Score that is not allowed, says by which rule, and goes on with the others", async () => {
    const owner = new Owner({ paths: ["/srv"] });
    const rig = await AgentRig.start({ policy: owner.current });
    await rig.send({ generation: 1, scores: { a: file("/srv", "a"), b: file("/etc", "b") } });
    expect(rig.tree).toEqual({ "/srv": "a" });
    expect(await rig.states()).toEqual({ a: "Ready", b: "Refused" });
    expect(await errorsOf(rig)).toEqual({
      b: 'PolicyDenied: "b" (File) touches /etc, and the rule "paths" of the policy /policy-0.json allows /srv alone: change the Score, or ask the owner of the device to change the policy',
    });
    expect(await rig.conditions()).toMatchObject({ Ready: "False ScoresRefused", Accepted: "True Accepted" });
  });

  test("leaves alone what runs, where the newer content of it is not allowed", async () => {
    const owner = new Owner({ paths: ["/srv"] });
    const rig = await AgentRig.start({ policy: owner.current });
    await rig.send({ generation: 1, scores: { a: file("/srv", "a") } });
    await rig.send({ generation: 2, scores: { a: file("/etc", "b") } });
    expect(rig.tree).toEqual({ "/srv": "a" });
    expect(await rig.states()).toEqual({ a: "Refused" });
  });

  test.each<readonly [DevicePolicy["limits"], string]>([
    [{ scores: 1 }, "limits.scores"],
    [{ manifestBytes: 300 }, "limits.manifestBytes"],
    [{ diskBytes: 3 }, "limits.diskBytes"],
  ])("refuses as a whole what is above a ceiling of %o, and what is in force stays", async (limits, rule) => {
    const owner = new Owner({ limits: limits ?? {} });
    const rig = await AgentRig.start({ policy: owner.current });
    await rig.send({ generation: 1, scores: { a: file("/a", "a") } });
    await rig.send({ generation: 2, scores: { b: file("/b", "bb"), c: file("/c", "cc") } });
    expect(rig.tree).toEqual({ "/a": "a" });
    expect(await rig.conditions()).toEqual({ ...CONVERGED, Accepted: "False PolicyDenied" });
    expect(await accepted(rig)).toContain(`the rule "${rule}" of the policy /policy-0.json`);
    expect(await rig.plan({ generation: 2, scores: { b: file("/b", "bb"), c: file("/c", "cc") } })).toMatchObject({
      _tag: "Refused",
      reason: "PolicyDenied",
    });
    expect(await rig.status()).toMatchObject({ generation: 1 });
  });

  test("publishes it, and again when it has changed", async () => {
    const owner = new Owner({ kinds: ["File"] });
    const rig = await AgentRig.start({ policy: owner.current });
    expect(await rig.capabilities()).toMatchObject({ policy: { policies: [{ rules: { kinds: ["File"] } }] } });
    owner.allows({ kinds: ["Probe"] });
    await rig.clock.advance(LOOK_MS);
    expect(await rig.capabilities()).toMatchObject({ policy: { policies: [{ rules: { kinds: ["Probe"] } }] } });
  });

  test("takes what it refused once it is allowed, and leaves alone what is not allowed any more", async () => {
    const owner = new Owner({ kinds: ["File"], limits: { scores: 1 } });
    const rig = await AgentRig.start({ policy: owner.current });
    await rig.send({ generation: 1, scores: { a: file("/a", "a"), b: probe("b") } });
    expect(await rig.conditions()).toMatchObject({ Accepted: "False PolicyDenied" });
    owner.allows({ kinds: ["File"] });
    await rig.clock.advance(LOOK_MS);
    expect(rig.tree).toEqual({ "/a": "a" });
    expect(await rig.states()).toEqual({ a: "Ready", b: "Refused" });
    owner.allows({ kinds: ["Probe"] });
    await rig.clock.advance(LOOK_MS);
    expect(await rig.states()).toEqual({ a: "Refused", b: "Ready" });
    expect(rig.tree).toEqual({ "/a": "a" });
    // What is not allowed is not repaired either.
    await rig.device.files.removeFile("/a");
    await rig.clock.advance(400_000);
    expect(rig.tree).toEqual({});
  });

  test("holds to it after a restart, without a server, and drops what a ceiling never bound", async () => {
    const owner = new Owner({ kinds: ["File"] });
    const first = await AgentRig.start({ policy: owner.current });
    await first.send({ generation: 1, scores: { a: file("/a", "a"), b: probe("b"), c: file("/c", "c") } });
    await first.device.files.removeFile("/a");
    owner.allows({ kinds: ["File"], limits: { scores: 0 } });
    const rig = await first.restart({ offline: true, policy: owner.current });
    expect(rig.tree).toEqual({ "/a": "a", "/c": "c" });
    expect(rig.agent.facts.scores["b"]).toMatchObject({ state: "Refused", error: { reason: "PolicyDenied" } });
  });
});

describe("a policy that cannot be read", () => {
  test("lets nothing new in, keeps up what is in force, and lets in what came meanwhile once it can be read", async () => {
    const owner = new Owner({ kinds: ["File"] });
    const rig = await AgentRig.start({ policy: owner.current });
    await rig.send({ generation: 1, scores: { a: file("/a", "a"), p: probe("p") } });
    owner.errs();
    await rig.send({ generation: 2, scores: { a: file("/a", "newer") } });
    expect(await rig.conditions()).toMatchObject({ Accepted: "False PolicyDenied" });
    expect(await accepted(rig)).toContain("the device's policy cannot be read");
    await rig.device.files.removeFile("/a");
    await rig.clock.advance(400_000);
    expect(rig.tree).toEqual({ "/a": "a" });
    expect(await rig.states()).toEqual({ a: "Ready", p: "Refused" });
    owner.allows({ kinds: ["File"] });
    await rig.clock.advance(LOOK_MS);
    expect(rig.tree).toEqual({ "/a": "newer" });
    expect(await rig.conditions()).toEqual(CONVERGED);
  });

  test("opens nothing at a start either: what was denied stays so", async () => {
    const owner = new Owner({ kinds: ["File"] });
    const first = await AgentRig.start({ policy: owner.current });
    await first.send({ generation: 1, scores: { a: file("/a", "a"), p: probe("p") } });
    owner.errs();
    const rig = await first.restart({ policy: owner.current });
    expect(await rig.states()).toEqual({ a: "Ready", p: "Refused" });
  });
});

test("an agent without a policy takes everything, and publishes none", async () => {
  const rig = await AgentRig.start({ on: device() });
  await rig.send({ generation: 1, scores: { a: file("/a", "a") } });
  expect(await rig.conditions()).toEqual(CONVERGED);
  expect(await rig.capabilities()).not.toHaveProperty("policy");
});
