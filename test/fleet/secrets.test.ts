import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { FileScore, manifest, PiTopology, secret } from "harmony-edge";
import { beforeEach, describe, expect, test } from "vitest";
import { openEnvelope } from "../../src/wire/decode.ts";
import { makeKeyPair } from "../../src/wire/secrets/hpke.ts";
import { keyIdOf, SealedSecrets, sealFor, sealingKeyOf, unseal } from "../../src/wire/secrets/sealed.ts";
import { encode, inlineEnvelope } from "../../src/wire/encode.ts";
import { writeDocument } from "../../src/wire/status.ts";
import { fleetFixture } from "./fleet-fixture.ts";
import { agentStatus, PI } from "./scripted-agent.ts";

let { store, device, fleet, settled, progress, onProgress } = fleetFixture();
beforeEach(() => {
  ({ store, device, fleet, settled, progress, onProgress } = fleetFixture());
});

const pair = makeKeyPair();
const key = sealingKeyOf(pair);
const own = new Map([[keyIdOf(key), pair]]);
const wanted = manifest(PiTopology, {
  psk: new FileScore({ path: "/etc/psk", content: secret("wifi-psk") }),
  token: new FileScore({ path: "/etc/token", content: secret("token") }),
  copy: new FileScore({ path: "/srv/psk", content: secret("wifi-psk") }),
});
const values = (...given: readonly (readonly [string, string])[]): Map<string, Uint8Array> =>
  new Map(given.map(([name, text]) => [name, Buffer.from(text)]));
const both = values(["wifi-psk", "correct horse"], ["token", "abc"]);
const capabilities = (sealingKey?: string) =>
  writeDocument({
    agentId: PI,
    topology: "PiTopology",
    capabilities: { FileSystemHost: {} },
    kinds: { File: [1] },
    agentVersion: "0",
    ...(sealingKey !== undefined && { sealingKey }),
  });
const publish = (sealingKey?: string) => device.put("capabilities", PI, capabilities(sealingKey));

/** By Score id, what the agent would open. */
async function shipped(): Promise<Record<string, Record<string, string>>> {
  const found = await device.get("desired-state", PI);
  if (found._tag !== "Value") throw new Error(found._tag);
  const opened = openEnvelope(found.value);
  if (opened._tag !== "Inline") throw new Error(opened._tag);
  const { scores }: { scores: Record<string, { secrets?: unknown }> } = JSON.parse(opened.payload);
  return Object.fromEntries(
    Object.entries(scores).map(([id, { secrets = {} }]) => [
      id,
      Object.fromEntries(
        Object.entries(SealedSecrets.parse(secrets)).map(([name, sealed]) => {
          const unsealed = unseal(sealed, own, { agentId: PI, name });
          return [name, unsealed._tag === "Opened" ? unsealed.bytes.toString() : unsealed._tag];
        }),
      ),
    ]),
  );
}
const apply = (secrets: NonNullable<Parameters<typeof fleet.apply>[2]>["secrets"], more: object = {}) =>
  settled(fleet.apply(wanted, PI, { wait: false, secrets, onProgress, ...more }));

describe("what is given", () => {
  test("is sealed once, and goes with the Scores that refer to it", async () => {
    await publish(key);
    expect(await apply({ values: both, trustedKeys: [key] })).toMatchObject({ _tag: "Shipped" });
    expect(await shipped()).toEqual({
      psk: { "wifi-psk": "correct horse" },
      token: { token: "abc" },
      copy: { "wifi-psk": "correct horse" },
    });
    expect(progress).toContainEqual({ _tag: "Secrets", sealed: ["wifi-psk", "token"], carried: [] });
  });

  test("is sealed for no key that nobody vouches for, nor for another than the device has shown", async () => {
    const other = sealingKeyOf(makeKeyPair());
    await publish(key);
    expect(await apply({ values: both })).toMatchObject({
      _tag: "SecretsRefused",
      reason: "SealingKeyNotTrusted",
      published: key,
    });
    expect(await apply({ values: both, trustedKeys: [other] })).toMatchObject({ reason: "SealingKeyChanged" });
    expect((await device.get("desired-state", PI))._tag).toBe("Absent");
    expect(await settled(fleet.apply(wanted, PI, { wait: false, secrets: {} }))).toMatchObject({
      reason: "SecretMissing",
    });
  });

  test("can be sealed for a device that has shown its key and not spoken yet, and for none that has done neither", async () => {
    expect(await apply({ values: both })).toMatchObject({ reason: "NoSealingKey" });
    expect(await apply({ values: both, trustedKeys: [key] })).toMatchObject({ _tag: "Shipped" });
    expect(await shipped()).toMatchObject({ token: { token: "abc" } });
  });

  test("has to be one that the manifest refers to, and neither empty nor too large", async () => {
    await publish(key);
    const refused = async (given: Map<string, Uint8Array>) => apply({ values: given, trustedKeys: [key] });
    expect(await refused(values(["wifi", "x"]))).toMatchObject({ reason: "SecretUnknown" });
    expect(await refused(values(["token", ""]))).toMatchObject({ reason: "SecretUnusable" });
    expect(await refused(new Map([["token", Buffer.alloc(16 * 1024 + 1)]]))).toMatchObject({
      reason: "SecretUnusable",
    });
  });
});

describe("what is not given", () => {
  test("is carried over as it is, from whatever Score had it", async () => {
    await publish(key);
    await apply({ values: both, trustedKeys: [key] });
    const again = await apply({ values: values(["token", "new"]), trustedKeys: [key] });
    expect(again).toMatchObject({ _tag: "Shipped", generation: 2 });
    expect(await shipped()).toEqual({
      psk: { "wifi-psk": "correct horse" },
      token: { token: "new" },
      copy: { "wifi-psk": "correct horse" },
    });
    expect(progress).toContainEqual({ _tag: "Secrets", sealed: ["token"], carried: ["wifi-psk"] });
    // Somebody else ships it again and knows neither the secrets nor the key.
    expect(await settled(fleet.apply(wanted, PI, { wait: false }))).toMatchObject({ generation: 3 });
    expect(await shipped()).toMatchObject({ token: { token: "new" } });
  });

  test("is what another author has shipped a moment before", async () => {
    await publish(key);
    await apply({ values: both, trustedKeys: [key] });
    let meddled = false;
    store.beforePut = async () => {
      if (meddled) return;
      meddled = true;
      const found = await device.get("desired-state", PI);
      const encoded = encode(wanted, {
        agentId: PI,
        generation: 2,
        issuedAt: new Date(0),
        secrets: new Map(
          [...values(["wifi-psk", "rotated"], ["token", "abc"])].map(([name, bytes]) => [
            name,
            sealFor(bytes, [key], { agentId: PI, name }),
          ]),
        ),
      });
      if (encoded._tag !== "Encoded" || found._tag !== "Value") throw new Error(encoded._tag);
      await device.put("desired-state", PI, inlineEnvelope(encoded.payload, []), { expect: found.revision });
    };
    expect(await apply({ values: values(["token", "new"]), trustedKeys: [key] })).toMatchObject({ generation: 3 });
    expect(await shipped()).toMatchObject({ psk: { "wifi-psk": "rotated" }, token: { token: "new" } });
  });

  test("is not taken from a manifest that somebody else has signed, or nobody", async () => {
    await publish(key);
    const signer = (name: string) => ({
      key: name,
      privateKey: createPrivateKey(
        generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      ),
    });
    const [ours, theirs] = [signer("ops"), signer("ops")];
    await apply({ values: both, trustedKeys: [key] });
    const unsigned = await apply({}, { signers: [ours] });
    expect(unsigned).toMatchObject({
      reason: "SecretMissing",
      message: expect.stringContaining("not signed by a key"),
    });
    await apply({ values: both, trustedKeys: [key] }, { signers: [theirs] });
    expect(await apply({}, { signers: [ours] })).toMatchObject({ reason: "SecretMissing" });
    await apply({ values: both, trustedKeys: [key] }, { signers: [ours] });
    expect(await apply({}, { signers: [ours] })).toMatchObject({ _tag: "Shipped" });
  });

  test("is not taken from a manifest that is older than what the agent has, nor what is sealed for another key", async () => {
    await publish(key);
    await apply({ values: both, trustedKeys: [key] });
    const newer = sealingKeyOf(makeKeyPair());
    expect(await apply({ trustedKeys: [newer] })).toMatchObject({
      reason: "SecretMissing",
      message: expect.stringContaining("another key of the device"),
    });
    await device.put("actual-state", PI, writeDocument(agentStatus({ generation: 7, observedGeneration: 7 })));
    expect(await apply({ trustedKeys: [key] })).toMatchObject({
      reason: "SecretMissing",
      message: expect.stringContaining("older than what it has"),
    });
  });
});
