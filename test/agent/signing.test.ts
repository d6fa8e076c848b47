import { describe, expect, test } from "vitest";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import type { Authors } from "../../src/wire/authors.ts";
import type { DevicePolicies } from "../../src/wire/device-policy.ts";
import { policyOf } from "../wire/policies.ts";
import { AgentRig, CONVERGED } from "./support/agent-rig.ts";
import { Author, signedBy, trusting } from "./support/authors.ts";
import { AGENT, envelopeOf, file, payloadOf, probe, type Wanted } from "./support/manifests.ts";

const [ada, ben, cyd] = [new Author("ada"), new Author("ben"), new Author("cyd")];
/** Manifests of the tests are issued on the first day of 2026. */
const ending = new Author("ending", { notAfter: "2026-02-01T00:00:00Z" });

/** The owner of a device, who may change whom they trust. */
class Owner {
  authors: Authors;
  policies: DevicePolicies;

  constructor(authors: readonly Author[], threshold = 2) {
    this.authors = trusting(...authors);
    this.policies = policyOf({ signatures: { dangerous: ["Probe"], threshold } });
  }
  /** What an agent's rig is given. */
  readonly given = { authors: (): Authors => this.authors, policy: (): DevicePolicies => this.policies };

  trusts(...authors: readonly Author[]): void {
    this.authors = trusting(...authors);
  }
  asksFor(threshold: number): void {
    this.policies = policyOf({ signatures: { dangerous: ["Probe"], threshold } });
  }
}

const LOOK_MS = 10_000;
const of = (generation: number, content: string): Wanted => ({ generation, scores: { a: file("/a", content) } });
const withProbe = (generation: number, value = "x"): Wanted => ({
  generation,
  scores: { a: file("/a", "a"), p: probe("p", value) },
});

describe("a key that ends", () => {
  test("brings nothing new from then on, and what it brought stays: repaired, and in force after a restart", async () => {
    const owner = new Owner([ending]);
    const first = await AgentRig.start(owner.given);
    await first.send(signedBy([ending], of(1, "1")));
    expect(first.tree).toEqual({ "/a": "1" });
    first.clock.setWallTime(new Date("2026-03-01T00:00:00Z"));
    await first.send(signedBy([ending], of(2, "2")));
    expect(await first.conditions()).toMatchObject({ Ready: "True Converged", Accepted: "False KeyExpired" });
    await first.device.files.removeFile("/a");
    owner.trusts();
    const rig = await first.restart({ ...owner.given, clock: new FakeClock(first.clock.now()) });
    expect(rig.tree).toEqual({ "/a": "1" });
    expect(await rig.conditions()).toMatchObject({ Ready: "True Converged", Accepted: "False UnknownKey" });
  });

  test("is not lost to a clock that runs ahead: what was refused is taken by itself once the clock is right", async () => {
    const owner = new Owner([ending]);
    const clock = new FakeClock(new Date("2050-01-01T00:00:00Z"));
    const rig = await AgentRig.start({ ...owner.given, clock });
    await rig.send(signedBy([ending], of(1, "1")));
    expect(await rig.conditions()).toMatchObject({ Accepted: "False KeyExpired" });
    clock.setWallTime(new Date("2026-01-02T00:00:00Z"));
    await rig.clock.advance(75_000);
    expect(rig.tree).toEqual({ "/a": "1" });
  });

  test("is good on a device whose clock is behind all that", async () => {
    const owner = new Owner([new Author("new", { notBefore: "2025-12-31T00:00:00Z" }), ending]);
    const rig = await AgentRig.start({ ...owner.given, clock: new FakeClock(new Date(0)) });
    await rig.send(signedBy([ending], of(1, "1")));
    expect(rig.tree).toEqual({ "/a": "1" });
  });
});

test("an author who comes is believed within ten seconds, with what lay there before; nobody has to send it again", async () => {
  const owner = new Owner([ada]);
  const rig = await AgentRig.start(owner.given);
  await rig.send(signedBy([ben], of(1, "1")));
  expect(await rig.conditions()).toMatchObject({ Accepted: "False UnknownKey" });
  owner.trusts(ada, ben);
  await rig.clock.advance(LOOK_MS);
  expect(rig.tree).toEqual({ "/a": "1" });
  expect(await rig.conditions()).toEqual(CONVERGED);
});

describe("what several authors have to sign", () => {
  test("is taken when the second has signed the very same text, and who signed is remembered over a restart", async () => {
    const owner = new Owner([ada, ben]);
    const first = await AgentRig.start(owner.given);
    await first.send(signedBy([ada], withProbe(1)));
    expect(await first.states()).toEqual({ a: "Ready", p: "Refused" });
    expect(await first.status()).toMatchObject({ scores: { p: { error: { reason: "ThresholdNotMet" } } } });
    // The first signature need not come again.
    await first.send(signedBy([ben], withProbe(1)));
    expect(await first.states()).toEqual({ a: "Ready", p: "Ready" });
    expect(first.ledger.accepted).toMatchObject({ signedBy: ["ada", "ben"], signatures: [{ key: "ben" }] });
    owner.trusts();
    const rig = await first.restart({ ...owner.given, offline: true });
    expect(rig.agent.facts.scores).toMatchObject({ a: { state: "Ready" }, p: { state: "Ready" } });
  });

  test("stays as it is where the policy becomes stricter, and is neither repaired nor removed then", async () => {
    const owner = new Owner([ada, ben, cyd]);
    const rig = await AgentRig.start(owner.given);
    await rig.send(signedBy([ada, ben], withProbe(1)));
    owner.asksFor(3);
    await rig.clock.advance(LOOK_MS);
    expect(await rig.states()).toEqual({ a: "Ready", p: "Refused" });
    expect(rig.device.probe.did.filter((each) => JSON.stringify(each).includes("remove"))).toEqual([]);
    owner.asksFor(2);
    await rig.clock.advance(LOOK_MS);
    expect(await rig.states()).toEqual({ a: "Ready", p: "Ready" });
  });

  test("is dropped by as many as brought it, and by one alone while it has done nothing yet", async () => {
    const owner = new Owner([ada, ben]);
    const rig = await AgentRig.start(owner.given);
    await rig.send(signedBy([ada], withProbe(1)));
    await rig.send(signedBy([ada], of(2, "2")));
    expect([await rig.states(), rig.tree]).toEqual([{ a: "Ready" }, { "/a": "2" }]);
    await rig.send(signedBy([ada, ben], withProbe(3)));
    for (const scores of [{}, { a: file("/a", "4") }, { p: file("/p") }]) {
      await rig.send(signedBy([ada], { generation: 4, scores }));
      expect(await rig.conditions()).toEqual({ ...CONVERGED, Accepted: "False ThresholdNotMet" });
      expect(await rig.plan(signedBy([ada], { generation: 4, scores }))).toMatchObject({ reason: "ThresholdNotMet" });
    }
    expect(await rig.states()).toEqual({ a: "Ready", p: "Ready" });
    await rig.send(signedBy([ben, ada], { generation: 4, scores: {} }));
    expect([await rig.states(), rig.tree]).toEqual([{}, {}]);
  });

  test("is refused in what an agent of an earlier version has accepted, which did not note who signed", async () => {
    const owner = new Owner([ada, ben]);
    const rig = await AgentRig.open({ ...owner.given, offline: true });
    rig.ledger.accept({ generation: 1, revision: 1, payload: payloadOf(withProbe(1)) });
    rig.agent.start();
    await rig.clock.advance(1000);
    expect(rig.agent.facts.scores).toMatchObject({ a: { state: "Ready" }, p: { state: "Refused" } });
  });
});

describe("the number of the newest manifest", () => {
  const older = signedBy([ada], of(1, "1"));

  test("is known where the manifest in the ledger cannot be read any more, and the status tells nothing", async () => {
    const owner = new Owner([ada]);
    const first = await AgentRig.start(owner.given);
    await first.send(older);
    await first.send(signedBy([ada], of(2, "2")));
    first.device.disk.files.set("manifest.json", Buffer.from("{"));
    await first.operator.put("desired-state", AGENT, older);
    const rig = await first.restart(owner.given);
    await rig.operator.delete("actual-state", AGENT);
    const again = await rig.restart(owner.given);
    expect(await again.conditions()).toMatchObject({ Accepted: "False StaleGeneration" });
    expect(again.tree).toEqual({ "/a": "2" });
    await again.send(signedBy([ada], of(2, "2")));
    expect(await again.conditions()).toEqual(CONVERGED);
  });

  test("is not raised by a status that somebody made up", async () => {
    const owner = new Owner([ada]);
    const first = await AgentRig.start(owner.given);
    await first.send(older);
    const told = await first.status();
    const forged = { ...told, generation: 1_000_000 };
    await first.operator.put("actual-state", AGENT, Buffer.from(JSON.stringify(forged)));
    const rig = await first.restart(owner.given);
    await rig.send(signedBy([ada], of(2, "2")));
    expect(rig.tree).toEqual({ "/a": "2" });
  });

  test("of another agent, on a card that was copied, says nothing", async () => {
    const rig = await AgentRig.start();
    rig.device.disk.files.set("generation.json", Buffer.from('{"agentId":"pi-8","highest":50}'));
    const next = await rig.restart();
    await next.send(envelopeOf(of(1, "1")));
    expect(next.tree).toEqual({ "/a": "1" });
  });
});
