import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folder, harmony } from "./in-process.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519", {
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
const files = { "policy.json": '{"paths":["/srv"]}', "owner.pem": privateKey, "owner.pub": publicKey };
const SIGN = ["policy", "sign", "policy.json", "--sign", "owner=owner.pem", "--agent"];

test("what harmony policy sign writes, harmony policy verify takes, for whom it is alone", async () => {
  const cwd = folder(files);
  const { code, out } = await harmony([...SIGN, "pi-7", "--serial", "12", "--not-after", "2099-01-01"], { cwd });
  expect(code).toBe(0);
  writeFileSync(join(cwd, "signed.json"), out);
  const verify = ["policy", "verify", "signed.json", "--policy-key", "owner=owner.pub"];
  const good = await harmony([...verify, "--agent", "pi-7"], { cwd });
  expect([good.code, JSON.parse(good.out)]).toMatchObject([
    0,
    { agent: "pi-7", serial: 12, notAfter: "2099-01-01T00:00:00.000Z", rules: { paths: ["/srv"] }, key: "owner" },
  ]);
  const other = await harmony([...verify, "--agent", "pi-8"], { cwd });
  expect([other.code, other.err]).toEqual([1, expect.stringContaining("WrongAgent")]);
  const unknown = await harmony(["policy", "verify", "signed.json"], { cwd });
  expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining("BadSignature")]);
});

test("without a serial the later one has the higher one", async () => {
  const { out } = await harmony([...SIGN, "*"], { cwd: folder(files) });
  const { payload }: { payload: string } = JSON.parse(out);
  const seconds = Date.now() / 1000;
  expect(JSON.parse(payload).serial).toBeGreaterThan(seconds - 60);
  expect(JSON.parse(payload).serial).toBeLessThanOrEqual(seconds);
});

test("wrong words end with 2: no key, no target, no policy", async () => {
  const cwd = folder({ ...files, "odd.json": '{"path":[]}' });
  for (const words of [
    ["policy", "sign", "policy.json", "--agent", "*"],
    ["policy", "sign", "policy.json", "--sign", "owner=owner.pem"],
    [...SIGN, "PI"],
    [...SIGN, "*", "--serial", "0"],
    ["policy", "sign", "odd.json", "--sign", "owner=owner.pem", "--agent", "*"],
    ["policy", "sign", "policy.json", "--sign", "owner=owner.pub", "--agent", "*"],
    ["policy", "verify", "policy.json", "--policy-key", "owner"],
  ]) {
    const { code, out } = await harmony(words, { cwd });
    expect({ words, code, out }).toEqual({ words, code: 2, out: "" });
  }
});
