import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { agentPolicy } from "../../../src/agent/adapters/agent-policy.ts";
import { COPY, SignedPolicyFile } from "../../../src/agent/adapters/signed-policy-file.ts";
import { StateDirectory } from "../../../src/agent/adapters/state-directory.ts";
import type { DevicePolicy } from "../../../src/wire/device-policy.ts";
import { signPolicy } from "../../../src/wire/signed-policy.ts";
import { temporaryFolder } from "../support/agent-process.ts";
import { eventually } from "../support/eventually.ts";
import { AGENT } from "../support/manifests.ts";

const owner = generateKeyPairSync("ed25519");
let folder = "";
let path = "";
let state: StateDirectory;
let log: string[];

const open = (keys = new Map([["owner", owner.publicKey]])) =>
  SignedPolicyFile.open({
    path,
    keys,
    agentId: AGENT,
    disk: state,
    now: () => new Date(),
    log: (message, fields) => log.push(`${message} ${String(fields?.["reason"] ?? "")}`.trim()),
  });
const put = async (serial: number, rules: DevicePolicy, privateKey: KeyObject = owner.privateKey): Promise<void> => {
  const statement = { agent: "*" as const, serial, issuedAt: new Date().toISOString(), rules };
  await writeFile(path, JSON.stringify(signPolicy(statement, [{ key: "owner", privateKey }])));
};
const kept = (serial: number) =>
  eventually("it is kept", async () =>
    Buffer.from((await state.read(COPY)) ?? [])
      .toString()
      .includes(`\\"serial\\":${serial}`),
  );

beforeEach(async () => {
  folder = await temporaryFolder();
  path = join(folder, "signed.json");
  state = await StateDirectory.open(folder, join(folder, "state"));
  log = [];
});

describe("the file of a signed policy", () => {
  test("is taken, kept, and taken anew when a later one comes; it is the same object until then", async () => {
    const file = await open();
    expect(file.current()).toEqual({ policies: [], signed: { serial: null, key: null, refused: null } });
    await put(1, { kinds: ["File"] });
    expect(file.current()).toMatchObject({
      policies: [{ name: "signed by owner, serial 1", rules: { kinds: ["File"] } }],
      signed: { serial: 1, key: "owner", refused: null },
    });
    expect(file.current()).toBe(file.current());
    await put(2, { kinds: [] });
    expect(file.current().policies[0]?.rules).toEqual({ kinds: [] });
    await kept(2);
  });

  test("that is taken away, spoilt, older or a stranger's changes nothing, also not after a restart, and is told", async () => {
    await put(5, { kinds: ["File"] });
    (await open()).current();
    await kept(5);
    const inForce = [{ name: "signed by owner, serial 5", rules: { kinds: ["File"] } }];
    await rm(path);
    const again = await open();
    expect(again.current().policies).toEqual(inForce);
    await put(4, {});
    expect(again.current()).toMatchObject({ policies: inForce, signed: { refused: { reason: "StaleSerial" } } });
    await put(6, {}, generateKeyPairSync("ed25519").privateKey);
    expect(again.current()).toMatchObject({ policies: inForce, signed: { refused: { reason: "BadSignature" } } });
    await writeFile(path, "{");
    expect(again.current()).toMatchObject({ policies: inForce, signed: { refused: { reason: "Malformed" } } });
    expect(log.filter((line) => line.startsWith("refused"))).toEqual(
      ["StaleSerial", "BadSignature", "Malformed"].map(
        (each) => `refused a signed policy; what is in force stays in force ${each}`,
      ),
    );
    await put(7, { kinds: [] });
    expect(again.current()).toMatchObject({ policies: [{ rules: { kinds: [] } }], signed: { refused: null } });
  });

  test("that a key has signed which the owner of the device took away holds no more", async () => {
    await put(9_007_199_254_740_991, { kinds: [] });
    (await open()).current();
    await kept(9_007_199_254_740_991);
    await rm(path);
    const other = generateKeyPairSync("ed25519");
    const file = await open(new Map([["owner", other.publicKey]]));
    expect(file.current().policies).toEqual([]);
    await put(1, { kinds: ["File"] }, other.privateKey);
    expect(file.current().signed).toMatchObject({ serial: 1 });
  });
});

test("it holds beside the device's own policy, its keys are the agent's own, and its file is not", async () => {
  const pem = join(folder, "owner.pub");
  await writeFile(pem, owner.publicKey.export({ type: "spki", format: "pem" }));
  const local = join(folder, "policy.json");
  await writeFile(local, '{"paths":["/srv"]}');
  await put(1, { kinds: ["File"] });
  const { current } = await agentPolicy({
    agentId: AGENT,
    policyFile: local,
    signedPolicy: { file: path, keys: [{ name: "owner", file: pem }] },
    configFile: null,
    credsFile: null,
    trust: [],
    root: folder,
    state,
    log: () => {},
  });
  expect(current().policies.map(({ rules }) => rules)).toEqual([{ paths: ["/srv"] }, { kinds: ["File"] }]);
  expect(current().reserved.paths).toEqual(["/state", "/policy.json", "/owner.pub"]);
  expect(current()).toBe(current());
  await writeFile(local, "{");
  expect(current()).toMatchObject({ unreadable: expect.stringContaining("policy.json"), signed: { serial: 1 } });
});
