import { generateKeyPairSync, hash } from "node:crypto";
import { FileScore, manifest, PiTopology, PiWithAuditedShellTopology, secret, ShellJobScore } from "harmony-edge";
import { describe, expect, test } from "vitest";
import { differences, type ShippedManifest } from "../../src/fleet/index.ts";
import type { Manifest } from "../../src/topology/manifest.ts";
import { sealingKeyOf } from "../../src/wire/secrets/sealed.ts";
import { fleetFixture, two } from "./fleet-fixture.ts";
import { file, PI } from "./scripted-agent.ts";

const other = manifest(PiTopology, { a: file("/a"), c: file("/c") });
const noWait = { wait: false } as const;

async function prepared(fixture: ReturnType<typeof fleetFixture>, to: number) {
  const rollback = await fixture.fleet.prepareRollback(PI, { to });
  if (rollback._tag !== "Prepared") throw new Error(JSON.stringify(rollback));
  return rollback;
}

describe("a way back", () => {
  test("has the Scores of then, byte for byte, and a generation above all others", async () => {
    const fixture = fleetFixture();
    await fixture.fleet.apply(two, PI, noWait);
    await fixture.fleet.apply(other, PI, noWait);
    const { bundle, from } = await prepared(fixture, 1);
    expect(bundle.manifest).toMatchObject({ generation: 3, agentId: PI, message: "back to generation 1" });
    expect(from.payload).toContain(`"scores":${JSON.stringify(bundle.manifest.scores)}`);
  });

  test("is not shipped over what somebody else has shipped since it was looked at", async () => {
    const fixture = fleetFixture();
    const { fleet } = fixture;
    await fleet.apply(two, PI, noWait);
    await fleet.apply(other, PI, noWait);
    const { bundle, expect: revision } = await prepared(fixture, 1);
    await fleet.apply(two, PI, noWait);
    expect(await fleet.applyBundle(bundle, PI, { ...noWait, expect: revision })).toMatchObject({
      _tag: "Unfit",
      reason: "Moved",
      message: expect.stringContaining("look again"),
    });
    expect(await fleet.desired(PI)).toMatchObject({ generation: 3 });
  });

  test("what the agent is asked about cannot be shipped in its place", async () => {
    const fixture = fleetFixture();
    await fixture.fleet.apply(two, PI, noWait);
    await fixture.fleet.apply(other, PI, noWait);
    const { asked } = await prepared(fixture, 1);
    expect(asked.manifest.generation).toBe(1);
    expect(await fixture.fleet.applyBundle(asked, PI, noWait)).toMatchObject({
      _tag: "Unfit",
      reason: "StaleGeneration",
    });
  });

  test("is refused where its secrets are sealed for a key that the device has no more", async () => {
    const { fleet, device } = fleetFixture();
    const publish = async (key: string) => {
      const told = { agentId: PI, topology: "PiTopology", capabilities: { FileSystemHost: {} }, kinds: { File: [1] } };
      const document = { ...told, agentVersion: "0.1.0", sealingKey: key };
      await device.put("capabilities", PI, Buffer.from(JSON.stringify(document)));
    };
    const [before, now] = [1, 2].map(() => sealingKeyOf(generateKeyPairSync("x25519")));
    if (before === undefined || now === undefined) throw new Error("no keys");
    await publish(before);
    const withSecret = manifest(PiTopology, { s: new FileScore({ path: "/s", content: secret("psk"), mode: "0400" }) });
    const secrets = { values: new Map([["psk", Buffer.from("hush")]]), trustedKeys: [before] };
    expect(await fleet.apply(withSecret, PI, { ...noWait, secrets })).toMatchObject({ _tag: "Shipped" });
    await fleet.apply(two, PI, noWait);
    expect(await fleet.prepareRollback(PI, { to: 1 })).toMatchObject({ _tag: "Prepared" });
    await publish(now);
    expect(await fleet.prepareRollback(PI, { to: 1 })).toMatchObject({
      _tag: "Refused",
      reason: "SecretsSealedForOther",
      message: expect.stringContaining('the secret "psk" of generation 1'),
    });
  });
});

describe("a way back to what refers to assets", () => {
  const bytes = Buffer.from("logo");
  const content = { asset: hash("sha256", bytes), size: bytes.length };
  const logo = (path: string, more: object = {}) =>
    manifest(PiTopology, { logo: new FileScore({ path, content }), ...more });

  test("is refused where the server has one of them no more, unless somebody insists", async () => {
    const { fleet, store } = fleetFixture();
    await store.putAsset(bytes);
    await fleet.apply(logo("/logo"), PI, noWait);
    await fleet.apply(two, PI, noWait);
    expect(await fleet.prepareRollback(PI, { to: 1 })).toMatchObject({ _tag: "Prepared" });
    expect(await fleet.removeAssets([content.asset])).toMatchObject({ _tag: "Removed" });
    expect(await fleet.prepareRollback(PI, { to: 1 })).toMatchObject({
      _tag: "Refused",
      reason: "AssetsGone",
      message: expect.stringContaining(`${content.asset.slice(0, 12)} of logo`),
    });
    expect(await fleet.prepareRollback(PI, { to: 1, withoutAssets: true })).toMatchObject({ _tag: "Prepared" });
  });

  test("is not where the newest manifest refers to them as well", async () => {
    const { fleet, store } = fleetFixture();
    await store.putAsset(bytes);
    await fleet.apply(logo("/logo"), PI, noWait);
    await fleet.apply(logo("/logo", { a: file("/a") }), PI, noWait);
    await fleet.removeAssets([content.asset], { force: true });
    expect(await fleet.prepareRollback(PI, { to: 1 })).toMatchObject({ _tag: "Prepared" });
  });
});

test("a way back that is signed takes what was signed by a trusted key while that was good, and nothing of later", async () => {
  const [ada, ben] = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
  const { fleet, clock } = fleetFixture();
  await fleet.apply(two, PI, { ...noWait, signers: [{ key: "ben", privateKey: ben.privateKey }] });
  await fleet.apply(other, PI, noWait);
  const trust = (notAfter: number) => ({
    trustedKeys: new Map(),
    authors: { keys: [{ name: "ben", publicKey: ben.publicKey, notBefore: -Infinity, notAfter }], unreadable: null },
  });
  const signers = [{ key: "ada", privateKey: ada.privateKey }];
  const back = (notAfter: number) => fleet.prepareRollback(PI, { to: 1, signers, trust: trust(notAfter) });
  const issued = clock.now().getTime();
  expect(await back(issued + 1000)).toMatchObject({ _tag: "Prepared" });
  expect(await back(issued - 1000)).toMatchObject({ _tag: "Refused", reason: "NotVerified" });
});

describe("differences", () => {
  const shipped = async (...manifests: readonly Manifest[]): Promise<readonly ShippedManifest[]> => {
    const { fleet } = fleetFixture();
    for (const each of manifests) await fleet.apply(each, PI, noWait);
    const all = await fleet.manifests(
      PI,
      manifests.map((_, at) => at + 1),
    );
    if ("_tag" in all) throw new Error(all.message);
    return [...all.values()].map((each) => {
      if (each._tag !== "Manifest") throw new Error(each._tag);
      return each;
    });
  };

  test("name the field, also of what is not the spec, and nothing where nothing differs", async () => {
    const wanted = (mode: string, drift: "repair" | "report") =>
      manifest(
        PiTopology,
        { a: new FileScore({ path: "/a", content: "x", mode }), b: file("/b") },
        { policies: { a: { drift } } },
      );
    const [one, again, now] = await shipped(
      wanted("0644", "repair"),
      wanted("0644", "repair"),
      wanted("0600", "report"),
    );
    if (one === undefined || again === undefined || now === undefined) throw new Error("not shipped");
    expect(differences(one, again)).toEqual([]);
    expect(differences(one, now)).toEqual([
      {
        id: "a",
        kind: "File@1",
        change: "changed",
        fields: [
          { field: "spec.mode", before: "0644", after: "0600" },
          { field: "policies", after: expect.objectContaining({ drift: "report" }) },
        ],
      },
    ]);
  });

  test("show no value that a job says is never shown, wherever it stands, and that it changed", async () => {
    const job = (token: string, word: string) =>
      manifest(PiWithAuditedShellTopology, {
        seed: new ShellJobScore({
          name: "seed",
          check: ["/usr/bin/test", "-e", "/srv/seeded"],
          run: { script: `seed --token ${token} ${word}` },
          runAs: "root",
          environment: { TOKEN: token, LEVEL: word },
          redact: ["TOKEN"],
          approver: "Ada",
          expires: new Date("2030-01-01"),
        }),
      });
    const [none, one, now] = await shipped(manifest(PiTopology, {}), job("hunter2-one", "a"), job("hunter2-two", "b"));
    if (none === undefined || one === undefined || now === undefined) throw new Error("not shipped");
    const all = [differences(none, one), differences(one, now), differences(now, none)];
    expect(JSON.stringify(all)).not.toContain("hunter2");
    expect(all[1]?.[0]?.fields).toEqual([
      { field: "spec.run.script", before: "seed --token [redacted] a", after: "seed --token [redacted] b" },
      { field: "spec.environment.TOKEN", before: "[redacted]", after: "[redacted]" },
      { field: "spec.environment.LEVEL", before: "a", after: "b" },
    ]);
  });
});
