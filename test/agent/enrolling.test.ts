import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { enroll } from "../../src/agent/adapters/enrolling.ts";
import { showKey } from "../../src/agent/adapters/showing-key.ts";
import { readEnrolmentCode } from "../../src/wire/enrolment.ts";
import { publicKeyOf } from "../../src/wire/nats/nkey.ts";
import { temporaryFolder } from "./support/agent-process.ts";

async function ran(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  let [out, err] = ["", ""];
  const stdout = { write: (text: string) => void (out += text) };
  const stderr = { write: (text: string) => void (err += text) };
  const code = await enroll(argv, env, { stdout, stderr });
  return { code, out, err };
}
async function keyOf(...argv: readonly string[]) {
  let [out, err] = ["", ""];
  const stdout = { write: (text: string) => void (out += text) };
  const stderr = { write: (text: string) => void (err += text) };
  const code = await showKey(argv, { stdout, stderr });
  return { code, out, err };
}
const seedIn = (path: string): string => /^(SU\w+)$/m.exec(readFileSync(path, "utf8"))?.[1] ?? "";

test("the key is in a file for nobody else, and what is printed holds its public half alone", async () => {
  const creds = join(await temporaryFolder(), "not/yet/agent.creds");
  const { code, out, err } = await ran(["--id", "pi-7", "--creds", creds]);
  expect(code).toBe(0);
  expect(statSync(creds).mode & 0o777).toBe(0o600);
  const seed = seedIn(creds);
  expect(readEnrolmentCode(out)).toEqual({ id: "pi-7", key: publicKeyOf(seed) });
  expect(out + err).not.toContain(seed);
});

test("with a state directory it shows what secrets are sealed for too, and keeps the other half there", async () => {
  const folder = await temporaryFolder();
  const words = ["--id", "pi-7", "--creds", join(folder, "agent.creds"), "--state-dir", join(folder, "state")];
  const { code, out, err } = await ran(words);
  expect([code, err]).toEqual([0, expect.anything()]);
  expect(statSync(join(folder, "state/sealing-keys.json")).mode & 0o777).toBe(0o600);
  const shown = await keyOf("--state-dir", join(folder, "state"), "--json");
  const document: { sealingKey: string; key: string } = JSON.parse(shown.out);
  expect(readEnrolmentCode(out)?.sealingKey).toBe(document.sealingKey);
  const { keys }: { keys: readonly { private: string }[] } = JSON.parse(
    readFileSync(join(folder, "state/sealing-keys.json"), "utf8"),
  );
  expect(out + err + shown.out + shown.err).not.toContain(keys[0]?.private);

  const plain = await keyOf("--state-dir", join(folder, "state"));
  expect(plain).toEqual({ code: 0, out: `${document.key}\n`, err: "" });
  const renewed = await keyOf("--state-dir", join(folder, "state"), "--renew", "--json");
  const after: { key: string; opens: string[] } = JSON.parse(renewed.out);
  expect(after.opens).toEqual([after.key, document.key]);
  expect(await keyOf("--what")).toMatchObject({ code: 2, out: "" });
  writeFileSync(join(folder, "state/sealing-keys.json"), "spoilt");
  expect(await keyOf("--state-dir", join(folder, "state"))).toMatchObject({ code: 1, out: "" });
});

test("two devices never have one key, and a document is printed with --json", async () => {
  const folder = await temporaryFolder();
  const one = await ran(["--id", "pi-7", "--json"], { HARMONY_CREDS: join(folder, "1") });
  const two = await ran(["--id", "pi-7", "--json"], { HARMONY_CREDS: join(folder, "2") });
  expect(JSON.parse(one.out)).toMatchObject({ agentId: "pi-7", creds: join(folder, "1") });
  expect(seedIn(join(folder, "1"))).not.toBe(seedIn(join(folder, "2")));
  expect(two.code).toBe(0);
});

test("a key that is there is not overwritten, and nothing is printed that could be let in", async () => {
  const creds = join(await temporaryFolder(), "agent.creds");
  writeFileSync(creds, "mine");
  const { code, out, err } = await ran(["--id", "pi-7", "--creds", creds]);
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toContain("never overwritten");
  expect(readFileSync(creds, "utf8")).toBe("mine");
});

test("wrong words end with 2, an authority that is none with 1, and before a key is made", async () => {
  const folder = await temporaryFolder();
  const creds = join(folder, "agent.creds");
  expect(await ran([])).toMatchObject({ code: 2, out: "" });
  expect(await ran(["--id", "Pi_7"])).toMatchObject({ code: 2, out: "" });
  expect(await ran(["--id", "pi-7", "--what"])).toMatchObject({ code: 2, out: "" });
  writeFileSync(join(folder, "ca.pem"), "none");
  for (const ca of ["ca.pem", "missing.pem"]) {
    const refused = await ran(["--id", "pi-7", "--creds", creds, "--ca", join(folder, ca)]);
    expect(refused).toMatchObject({ code: 1, out: "" });
  }
  expect(statSync(creds, { throwIfNoEntry: false })).toBeUndefined();
  expect((await ran(["--help"])).out).toContain("Examples:");
});
